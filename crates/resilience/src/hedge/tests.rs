use super::*;
use crate::budget;
use crate::rejection::{Rejection, Scope};
use crate::retry::Attempts;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};

const DELAY: u64 = 100;

fn hedge(budget: Option<Arc<Budget>>) -> Arc<Hedge> {
    Arc::new(Hedge::new(Settings { delay: Duration::from_millis(DELAY) }, budget))
}

/// Each call takes the next time and ends well or not.
fn timed(
    calls: &[(u64, bool)],
) -> impl Service<(), Response = usize, Error = Rejection, Future: Send> + Clone + use<> {
    let calls = Arc::new(calls.to_vec());
    let turn = Arc::new(AtomicUsize::new(0));
    service_fn(move |()| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let (ms, good) = calls[turn];
        async move {
            sleep(Duration::from_millis(ms)).await;
            let late = Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_millis(ms) };
            if good { Ok(turn) } else { Err(late) }
        }
    })
}

/// What must come of two calls of which the second starts late: when it is over, and with whose result.
fn expected(first: (u64, bool), second: (u64, bool)) -> (u64, Option<usize>) {
    if first.0 < DELAY {
        return (first.0, first.1.then_some(0));
    }
    let ends = [(first.0, first.1, 0), (DELAY + second.0, second.1, 1)];
    let good = ends.iter().filter(|(_, good, _)| *good).min_by_key(|(at, _, _)| *at);
    match good {
        Some((at, _, who)) => (*at, Some(*who)),
        None => (first.0.max(DELAY + second.0), None),
    }
}

proptest! {
    #[test]
    fn the_first_good_answer_wins(
        first in (0..400_u64, any::<bool>()),
        second in (0..400_u64, any::<bool>()),
    ) {
        // ties are decided by the order of polling, which is nobody's concern
        prop_assume!(first.0 != DELAY && first.0 != DELAY + second.0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (took, result) = runtime.block_on(async {
            let start = Instant::now();
            let result = HedgeLayer::new(hedge(None), Attempts).layer(timed(&[first, second])).oneshot(()).await;
            (start.elapsed().as_millis() as u64, result.ok())
        });
        prop_assert_eq!((took, result), expected(first, second));
    }
}

#[tokio::test(start_paused = true)]
async fn hedges_draw_on_the_budget() {
    let budget = Arc::new(Budget::new(budget::Settings::Active { ratio: 0.0, min_concurrent: 1 }));
    let policy = hedge(Some(budget.clone()));
    let held = budget.withdraw(Instant::now());
    let layer = HedgeLayer::new(policy.clone(), Attempts);
    assert_eq!(layer.layer(timed(&[(900, true), (0, true)])).oneshot(()).await, Ok(0));
    drop(held);
    assert_eq!(layer.layer(timed(&[(900, true), (0, true)])).oneshot(()).await, Ok(1));
    assert_eq!(budget.balance(Instant::now()), 1);
    let counts: Vec<u64> = policy.effects().iter().map(|effect| effect.count).collect();
    assert_eq!(counts, [1, 1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_quick_answer_costs_no_second_call() {
    let policy = hedge(None);
    let service = HedgeLayer::new(policy.clone(), Attempts).layer(timed(&[(99, true)]));
    assert_eq!(service.oneshot(()).await, Ok(0));
    assert_eq!(policy.effects()[0].count, 0);
}
