use super::*;
use crate::classify::ErrorsFail;
use proptest::prelude::*;
use std::time::Duration;
use tower::{Layer, Service, service_fn};

fn aimd(initial: usize) -> Settings {
    let latency_limit = Duration::from_millis(100);
    Settings {
        initial,
        min: 2,
        max: 50,
        algorithm: Algorithm::Aimd { latency_limit, decrease: 0.5 },
        retry_after: None,
    }
}

fn gradient(initial: usize) -> Settings {
    Settings { initial, min: 2, max: 200, ..Settings::default() }
}

/// A service with `servers` places and a fixed service time: beyond them calls queue, and latency grows with load.
/// Each round as many calls as the limit allows are made.
fn settle(settings: Settings, servers: usize, rounds: usize) -> usize {
    let start = Instant::now();
    let mut limit = Limit::new(&settings, start);
    let mut now = start;
    for _ in 0..rounds {
        let in_flight = limit.whole();
        let took = Duration::from_millis(20).mul_f64((in_flight as f64 / servers as f64).max(1.0));
        now += took;
        for _ in 0..in_flight {
            limit.learn(Sample { took, in_flight, outcome: Outcome::Success }, now);
        }
    }
    limit.whole()
}

#[test]
fn aimd_finds_the_load_at_which_latency_is_exceeded() {
    // 20 ms · load / 4 exceeds 100 ms beyond 20 calls: the limit saws between 10 and 21
    let ends: Vec<usize> = (100..140).map(|rounds| settle(aimd(2), 4, rounds)).collect();
    assert!(ends.iter().all(|end| (10..=21).contains(end)), "{ends:?}");
    assert!(ends.iter().max() >= Some(&18) && ends.iter().min() <= Some(&13), "{ends:?}");
}

#[test]
fn gradient_grows_while_latency_is_flat() {
    assert_eq!(settle(gradient(10), 1_000, 200), 200);
}

#[test]
fn gradient_backs_off_when_latency_jumps() {
    let now = Instant::now();
    let mut limit = Limit::new(&gradient(100), now);
    let learn = |limit: &mut Limit, ms| {
        let took = Duration::from_millis(ms);
        limit.learn(Sample { took, in_flight: limit.whole(), outcome: Outcome::Success }, now);
    };
    (0..50).for_each(|_| learn(&mut limit, 20));
    let calm = limit.whole();
    (0..50).for_each(|_| learn(&mut limit, 200));
    assert!(limit.whole() * 4 < calm, "{calm} fell only to {}", limit.whole());
}

#[test]
fn unused_room_teaches_nothing() {
    let now = Instant::now();
    for settings in [gradient(100), Settings { max: 200, ..aimd(100) }] {
        let mut limit = Limit::new(&settings, now);
        let learn = |limit: &mut Limit, in_flight| {
            let took = Duration::from_millis(20);
            limit.learn(Sample { took, in_flight, outcome: Outcome::Success }, now);
        };
        (0..1_000).for_each(|_| learn(&mut limit, 49));
        assert_eq!(limit.whole(), 100);
        (0..1_000).for_each(|_| learn(&mut limit, 100));
        assert!(limit.whole() > 105);
    }
}

#[test]
fn one_overload_is_punished_once() {
    let now = Instant::now();
    let mut limit = Limit::new(&aimd(40), now);
    let late = Sample { took: Duration::from_millis(150), in_flight: 40, outcome: Outcome::Success };
    for _ in 0..40 {
        limit.learn(late, now);
    }
    assert_eq!(limit.whole(), 20);
    limit.learn(late, now + Duration::from_millis(150));
    assert_eq!(limit.whole(), 10);
}

proptest! {
    #[test]
    fn the_limit_never_leaves_its_bounds(
        samples in prop::collection::vec((0..10_000_u64, 0..100_usize, 0..4_u8), 1..200),
        adaptive in any::<bool>(),
    ) {
        let mut now = Instant::now();
        let settings = if adaptive { gradient(20) } else { aimd(20) };
        let mut limit = Limit::new(&settings, now);
        for (us, in_flight, outcome) in samples {
            let took = Duration::from_micros(us);
            now += took;
            let outcome =
                [Outcome::Success, Outcome::Failure, Outcome::Throttled, Outcome::Neutral][usize::from(outcome)];
            let before = limit.whole();
            limit.learn(Sample { took, in_flight, outcome }, now);
            prop_assert!((settings.min..=settings.max).contains(&limit.whole()));
            if outcome == Outcome::Neutral {
                prop_assert_eq!(limit.whole(), before);
            }
            if outcome == Outcome::Throttled {
                prop_assert!(limit.whole() <= before);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_are_shed_and_cancelled_ones_give_their_slot_back() {
    let shed = Arc::new(Shed::new(aimd(2)));
    let mut service = ShedLayer::new(shed.clone(), ErrorsFail)
        .layer(service_fn(|()| std::future::pending::<Result<(), Rejection>>()));
    let (first, second) = (service.call(()), service.call(()));
    assert_eq!(service.call(()).await, Err(Rejection::Shed { retry_after: None }));
    drop((first, second));
    assert_eq!(shed.state(), json!({ "limit": 2, "in_flight": 0 }));
    let counts: Vec<u64> = shed.effects().iter().map(|effect| effect.count).collect();
    assert_eq!(counts, [1, 0, 0, 2]);
}
