use super::*;
use crate::effects::PolicyStatus;
use crate::rejection::{InjectedFault, Rejection};
use proptest::prelude::*;
use std::sync::Arc;
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

fn faults() -> Arc<Faults> {
    Arc::new(Faults::new(Settings::default()))
}

fn count(faults: &Faults, name: &str) -> u64 {
    faults.effects().into_iter().find(|effect| effect.name == name).expect("known effect").count
}

const MINUTE: Duration = Duration::from_secs(60);

/// Conditions are met by numbers that the name's length divides.
#[derive(Clone)]
struct Divides;

impl Select<usize> for Divides {
    fn meets(&self, request: &usize, condition: &Condition) -> bool {
        request.is_multiple_of(condition.name.len())
    }
}

impl<Res> Shape<Res> for Divides {
    type Response = (Res, Option<u64>);
    fn shape(&self, response: Res, bytes_per_second: Option<u64>) -> Self::Response {
        (response, bytes_per_second)
    }
}

#[tokio::test(start_paused = true)]
async fn only_matching_calls_suffer() {
    let faults = faults();
    let mut service = FaultLayer::with_scene(Some(faults.clone()), Divides)
        .layer(service_fn(|n: usize| async move { Ok::<_, Rejection>(n) }));
    let condition = |name: &str| Condition { name: name.to_owned(), value: None };
    let inject = |effect, conditions| {
        let fault = Fault { effect, percentage: 100.0, conditions };
        faults.inject(fault, MINUTE, Instant::now()).unwrap()
    };
    inject(Effect::Abort { status: 418 }, vec![condition("two"), condition("a")]);
    inject(Effect::Bandwidth { bytes_per_second: 9 }, vec![condition("by 5.")]);
    inject(Effect::Bandwidth { bytes_per_second: 5 }, vec![condition("by 5.")]);
    assert_eq!(service.call(2).await, Ok((2, None)));
    assert_eq!(service.call(5).await, Ok((5, Some(5))));
    let aborted = Rejection::Injected { fault: InjectedFault::Abort { status: 418 } };
    assert_eq!(service.call(3).await, Err(aborted));
    assert_eq!(["aborted_calls", "narrowed_calls"].map(|name| count(&faults, name)), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn latency_comes_before_the_call_and_resets_after_it() {
    let faults = faults();
    let mut service =
        FaultLayer::new(faults.clone()).layer(service_fn(|()| async { Ok::<_, Rejection>(()) }));
    let delay = Effect::Latency { delay: Duration::from_millis(200), jitter: Duration::from_millis(100) };
    faults.inject(Fault::everywhere(delay), MINUTE, Instant::now()).unwrap();
    for _ in 0..50 {
        let start = Instant::now();
        service.call(()).await.unwrap();
        assert!((100..=301).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
    faults.inject(Fault::everywhere(Effect::Reset), MINUTE, Instant::now()).unwrap();
    let start = Instant::now();
    assert_eq!(service.call(()).await, Err(Rejection::Injected { fault: InjectedFault::Reset }));
    assert!(start.elapsed().as_millis() >= 100);
    assert_eq!(["delayed_calls", "reset_calls"].map(|name| count(&faults, name)), [51, 1]);
}

#[tokio::test(start_paused = true)]
async fn leases_end_by_themselves_and_the_kill_switch_ends_all() {
    let faults = faults();
    let mut service =
        FaultLayer::new(faults.clone()).layer(service_fn(|()| async { Ok::<_, Rejection>(()) }));
    let reset = || Fault::everywhere(Effect::Reset);
    faults.inject(reset(), MINUTE, Instant::now()).unwrap();
    tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
    assert!(service.call(()).await.is_err());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(service.call(()).await.is_ok());
    assert_eq!(count(&faults, "expired"), 1);
    let id = faults.inject(reset(), MINUTE, Instant::now()).unwrap();
    assert!(faults.remove(id) && !faults.remove(id));
    assert!(service.call(()).await.is_ok());
    faults.inject(reset(), MINUTE, Instant::now()).unwrap();
    faults.kill();
    assert!(service.call(()).await.is_ok());
    assert_eq!(faults.inject(reset(), MINUTE, Instant::now()), Err(Refused::Killed));
    faults.allow();
    faults.inject(reset(), MINUTE, Instant::now()).unwrap();
    assert!(service.call(()).await.is_err());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let now = Instant::now();
    let mut leases = Leases::new(Settings { longest_lease: MINUTE, max_faults: 1 });
    let fault = || Fault::everywhere(Effect::Reset);
    let too_long = leases.inject(fault(), MINUTE * 2, now);
    assert_eq!(too_long, Err(Refused::Lease { longest: MINUTE }));
    let silly = Fault { effect: Effect::Abort { status: 200 }, percentage: 0.0, conditions: vec![] };
    let Err(Refused::Contradictory(found)) = leases.inject(silly, MINUTE, now) else { panic!("accepted") };
    assert_eq!(found.len(), 2);
    assert!(leases.inject(fault(), MINUTE, now).is_ok());
    assert_eq!(leases.inject(fault(), MINUTE, now), Err(Refused::TooMany { max: 1 }));
    assert!(leases.inject(fault(), MINUTE, now + MINUTE).is_ok(), "the first one's lease is over");
}

proptest! {
    #[test]
    fn a_percentage_is_a_percentage(percentage in 1.0..=100.0_f64, rolls in prop::collection::vec(0.0..1.0_f64, 200)) {
        let now = Instant::now();
        let mut leases = Leases::new(Settings::default());
        leases.inject(Fault { effect: Effect::Reset, percentage, conditions: vec![] }, MINUTE, now).unwrap();
        let mut dice = rolls.iter().copied();
        let hits = rolls.iter().filter(|_| {
            leases.plan(now, |_| false, || dice.next().unwrap()).instead.is_some()
        }).count();
        let expected = rolls.iter().filter(|roll| **roll < percentage / 100.0).count();
        prop_assert_eq!(hits, expected);
    }
}
