use super::*;
use proptest::prelude::*;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pauses(backoff: Backoff) -> Vec<u64> {
    let retry = Retry { max_attempts: 10, backoff, jitter: 0.0 };
    (1..=6).map(|attempt| retry.pause(attempt).as_secs()).collect()
}

#[test]
fn each_grows_in_its_own_way() {
    assert_eq!(pauses(Backoff::Fixed { delay: secs(7) }), [7, 7, 7, 7, 7, 7]);
    assert_eq!(pauses(Backoff::Linear { step: secs(2), max: secs(9) }), [2, 4, 6, 8, 9, 9]);
    assert_eq!(
        pauses(Backoff::Exponential { base: secs(1), factor: 3.0, max: secs(50) }),
        [1, 3, 9, 27, 50, 50]
    );
    assert_eq!(pauses(Backoff::Fibonacci { step: secs(1), max: secs(100) }), [1, 1, 2, 3, 5, 8]);
    assert_eq!(pauses(Backoff::Custom { delays: vec![secs(1), secs(60)] }), [1, 60, 60, 60, 60, 60]);
}

#[test]
fn is_written_as_people_write_it() {
    let text = r#"{"max_attempts":3,"backoff":"custom","delays":["1s","1m30s"],"jitter":0.0}"#;
    let retry: Retry = serde_json::from_str(text).unwrap();
    assert_eq!(retry.pause(2), secs(90));
    assert_eq!(serde_json::to_string(&retry).unwrap(), text);
    let default = Retry::default();
    assert_eq!(Retry::from_text(Some(&serde_json::to_string(&default).unwrap())), default);
    assert_eq!(Retry::from_text(Some("{\"backoff\":\"lunar\"}")), default);
}

#[test]
fn nonsense_is_refused() {
    let with = |max_attempts, jitter, backoff| Retry { max_attempts, backoff, jitter }.validate().is_err();
    let fixed = || Backoff::Fixed { delay: secs(1) };
    assert!(with(0, 0.0, fixed()));
    assert!(with(101, 0.0, fixed()));
    assert!(with(1, 1.1, fixed()));
    assert!(with(1, f64::NAN, fixed()));
    assert!(with(1, 0.0, Backoff::Custom { delays: vec![] }));
    assert!(with(1, 0.0, Backoff::Exponential { base: secs(1), factor: 0.5, max: secs(9) }));
    assert!(Retry::default().validate().is_ok());
}

proptest! {
    #[test]
    fn no_pause_is_too_long_or_shrinks(base in 0u64..1_000_000, factor in 1.0f64..100.0, attempt in 1u32..100, random in 0.0f64..1.0) {
        let backoff = Backoff::Exponential { base: secs(base), factor, max: secs(86_400) };
        let retry = Retry { max_attempts: 100, backoff, jitter: 0.5 };
        prop_assert!(retry.pause(attempt) <= secs(86_400));
        prop_assert!(retry.pause(attempt + 1) >= retry.pause(attempt));
        let jittered = retry.pause_with(attempt, random).as_secs_f64();
        let plain = retry.pause(attempt).as_secs_f64();
        prop_assert!(jittered >= plain * 0.499 && jittered <= plain * 1.501);
    }
}
