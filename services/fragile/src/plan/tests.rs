use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn service(seed: u64) -> [Plan; 3] {
    [0, 1, 2].map(|replica| Plan::from_seed(seed, replica))
}

proptest! {
    #[test]
    fn the_same_seed_is_the_same_timeline(seed: u64, replica in 0u32..6, n: u64) {
        let (one, other) = (Plan::from_seed(seed, replica), Plan::from_seed(seed, replica));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.latency(n), other.latency(n));
        prop_assert!(one.latency(n) < Duration::from_millis(50));
    }

    #[test]
    fn every_kind_of_trouble_comes_within_twenty_seconds(seed: u64) {
        let plans = service(seed);
        let early = plans.iter().flat_map(Plan::incidents).filter(|i| i.from < Duration::from_secs(20));
        let kinds: HashSet<&str> = early.map(|incident| incident.kind.label()).collect();
        prop_assert_eq!(kinds.len(), 4, "{:?}", kinds);
    }

    #[test]
    fn one_replica_is_always_well(seed: u64, millis in 0u64..600_000) {
        let moment = Duration::from_millis(millis);
        let struck = |plan: &Plan| plan.incidents().iter().any(|i| (i.from..i.until).contains(&moment));
        prop_assert!(service(seed).iter().filter(|plan| struck(plan)).count() < 3);
    }

    #[test]
    fn incidents_follow_each_other(seed: u64, replica in 0u32..3) {
        let plan = Plan::from_seed(seed, replica);
        for pair in plan.incidents().windows(2) {
            prop_assert!(pair[0].from < pair[0].until && pair[0].until < pair[1].from);
        }
    }
}

#[test]
fn seeds_and_replicas_differ() {
    assert_ne!(Plan::from_seed(7, 0), Plan::from_seed(8, 0));
    assert_ne!(Plan::from_seed(7, 0).incidents(), Plan::from_seed(7, 1).incidents());
}

#[test]
fn an_incident_strikes_its_share() {
    let plan = Plan::from_seed(7, 0);
    let incident = Incident { from: Duration::ZERO, until: Duration::MAX, kind: Kind::Errors, share: 0.3 };
    let struck = (0..10_000).filter(|n| plan.strikes(&incident, *n)).count();
    assert!((2_700..3_300).contains(&struck), "{struck}");
}

#[test]
fn a_crash_happens_once_and_is_over_for_the_one_that_comes_back() {
    let crash = |from| Incident {
        from: Duration::from_secs(from),
        until: Duration::from_secs(from + 2),
        kind: Kind::Crash,
        share: 1.0,
    };
    let plan = Plan::from_seed(7, 0).with_incidents(vec![crash(3), crash(9)]);
    assert_eq!(plan.next_crash(Duration::ZERO), Some(Duration::from_secs(3)));
    assert_eq!(plan.next_crash(Duration::from_secs(4)), Some(Duration::from_secs(9)));
    assert_eq!(plan.next_crash(Duration::from_secs(9)), None);
    assert_eq!(plan.at(Duration::from_secs(4)), None);
}
