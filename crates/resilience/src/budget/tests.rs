use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Op {
    Wait(u64),
    Request,
    Retry,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![(0..1_500_u64).prop_map(Op::Wait), Just(Op::Request), Just(Op::Retry)]
}

proptest! {
    /// Against a list of everything that happened, of which only the last ten slots count.
    #[test]
    fn the_ledger_allows_a_share_of_what_is_recent(
        fifths in 0..5_u64,
        per_second in 0..3_u32,
        ops in prop::collection::vec(op(), 1..300),
    ) {
        let start = Instant::now();
        let mut ledger = RatioLedger::new(fifths as f64 / 5.0, per_second, Duration::from_secs(10), start);
        let (mut requests, mut retries) = (Vec::new(), Vec::new());
        let mut ms = 0_u64;
        for op in ops {
            let now = start + Duration::from_millis(ms);
            let recent = |times: &[u64]| times.iter().filter(|at| **at / 1_000 + 10 > ms / 1_000).count() as u64;
            let allowed = recent(&requests) * fifths / 5 + u64::from(per_second) * 10;
            prop_assert_eq!(ledger.balance(now), allowed.saturating_sub(recent(&retries)));
            match op {
                Op::Wait(more) => ms += more,
                Op::Request => {
                    ledger.deposit(now);
                    requests.push(ms);
                }
                Op::Retry => {
                    let granted = recent(&retries) < allowed;
                    prop_assert_eq!(ledger.withdraw(now), granted);
                    if granted {
                        retries.push(ms);
                    }
                }
            }
        }
    }

    #[test]
    fn the_active_model_never_exceeds_its_share(
        requests in 0..40_usize,
        wanted in 0..40_usize,
        minimum in 0..5_u32,
    ) {
        let budget = Arc::new(Budget::new(Settings::Active { ratio: 0.25, min_concurrent: minimum }));
        let now = Instant::now();
        let tracked: Vec<_> = (0..requests).map(|_| budget.track(now)).collect();
        let granted: Vec<_> = (0..wanted).filter_map(|_| budget.withdraw(now)).collect();
        let allowed = (requests / 4).max(minimum as usize);
        prop_assert_eq!(granted.len(), wanted.min(allowed));
        drop(tracked);
        drop(granted);
        prop_assert_eq!(budget.balance(now), u64::from(minimum));
    }
}

#[test]
fn what_was_refused_is_counted() {
    let budget = Arc::new(Budget::new(Settings::Active { ratio: 0.0, min_concurrent: 1 }));
    let held = budget.withdraw(Instant::now());
    assert!(held.is_some() && budget.withdraw(Instant::now()).is_none());
    let counts: Vec<u64> = budget.effects().iter().map(|effect| effect.count).collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn a_budget_of_nothing_is_a_contradiction() {
    let settings = Settings::Active { ratio: 0.0, min_concurrent: 0 };
    assert_eq!(settings.validate().len(), 1);
    assert_eq!((Settings::default().validate(), Settings::ACTIVE.validate()), (vec![], vec![]));
}
