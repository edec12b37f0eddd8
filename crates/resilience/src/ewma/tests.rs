use super::*;
use proptest::prelude::*;

fn at(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn a_peak_is_followed_at_once_and_forgotten_slowly() {
    let start = Instant::now();
    let mut estimate = Estimate::new(Duration::from_millis(10), Duration::from_secs(10), start);
    estimate.observe(Duration::from_millis(500), start);
    assert_eq!(estimate.at(start), 0.5);
    estimate.observe(Duration::from_millis(10), at(start, 100));
    assert!(estimate.at(at(start, 100)) > 0.49);
    // after one decay time without news a 1/e remains
    let left = estimate.at(at(start, 10_100)) / estimate.at(at(start, 100));
    assert!((left - (-1.0_f64).exp()).abs() < 1e-9, "{left}");
}

#[test]
fn a_fast_failure_attracts_no_traffic() {
    let now = Instant::now();
    let later = at(now, 1);
    for outcome in [Outcome::Failure, Outcome::Throttled] {
        let endpoint = Arc::new(PeakEwma::new(Settings::default(), now));
        endpoint.start(now).finish(outcome, later);
        assert_eq!(endpoint.load(later), 5.0);
    }
}

#[tokio::test(start_paused = true)]
async fn load_counts_calls_under_way_and_abandoned_ones_as_slow() {
    let endpoint = Arc::new(PeakEwma::new(Settings::default(), Instant::now()));
    let idle = endpoint.load(Instant::now());
    let calls: Vec<InFlight> = (0..3).map(|_| endpoint.start(Instant::now())).collect();
    assert_eq!(endpoint.load(Instant::now()), idle * 4.0);
    tokio::time::advance(Duration::from_secs(2)).await;
    drop(calls);
    assert_eq!((endpoint.pending(), endpoint.load(Instant::now())), (0, 2.0));
}

proptest! {
    /// Never above the slowest thing seen, never below zero, and at the newest time whenever that is a new peak.
    #[test]
    fn stays_between_what_was_seen(seen in prop::collection::vec((0..5_000_u64, 0..5_000_u64), 1..100)) {
        let mut now = Instant::now();
        let mut estimate = Estimate::new(Duration::from_millis(30), Duration::from_secs(10), now);
        let mut slowest = 0.030_f64;
        for (gap, took) in seen {
            now += Duration::from_millis(gap);
            let before = estimate.at(now);
            let seconds = took as f64 / 1_000.0;
            slowest = slowest.max(seconds);
            estimate.observe(Duration::from_millis(took), now);
            let after = estimate.at(now);
            prop_assert!((0.0..=slowest + 1e-12).contains(&after));
            prop_assert!(after >= before.min(seconds) - 1e-12);
        }
    }
}
