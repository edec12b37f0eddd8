use super::*;
use proptest::prelude::*;

fn members(count: u32) -> (Machine<u32>, Instant) {
    let now = Instant::now();
    let mut machine = Machine::new(Settings::default());
    machine.set_members(0..count, now);
    (machine, now)
}

fn fail(machine: &mut Machine<u32>, endpoint: u32, times: u32, now: Instant) -> Ejection {
    (0..times).fold(Ejection::None, |_, _| machine.record(&endpoint, Origin::Upstream, false, now))
}

fn seconds(ejection: Ejection) -> u64 {
    match ejection {
        Ejection::Ejected { lasts } => lasts.as_secs(),
        other => panic!("not ejected: {other:?}"),
    }
}

#[test]
fn each_ejection_in_a_row_lasts_longer_and_health_is_rewarded() {
    let (mut machine, mut now) = members(3);
    for expected in [30, 60, 90, 120] {
        assert_eq!(seconds(fail(&mut machine, 0, 5, now)), expected);
        assert!(machine.is_ejected(&0, now));
        now += Duration::from_secs(expected);
        assert!(!machine.is_ejected(&0, now));
    }
    // two times forget_after in service: two ejections are forgotten
    now += Duration::from_secs(60);
    assert_eq!(seconds(fail(&mut machine, 0, 5, now)), 90);
    now += Duration::from_secs(90 + 3_600);
    assert_eq!(seconds(fail(&mut machine, 0, 5, now)), 30);
}

#[test]
fn no_ejection_lasts_longer_than_the_longest() {
    let (mut machine, mut now) = members(2);
    let lasts: Vec<u64> = (0..12)
        .map(|_| {
            let lasts = seconds(fail(&mut machine, 1, 5, now));
            now += Duration::from_secs(lasts);
            lasts
        })
        .collect();
    assert_eq!(lasts[8..], [270, 300, 300, 300]);
}

#[test]
fn local_and_upstream_failures_are_counted_apart() {
    let (mut machine, now) = members(3);
    for _ in 0..4 {
        assert_eq!(machine.record(&0, Origin::Upstream, false, now), Ejection::None);
        assert_eq!(machine.record(&0, Origin::Local, false, now), Ejection::None);
    }
    assert_eq!(machine.record(&0, Origin::Upstream, true, now), Ejection::None);
    assert_eq!(fail(&mut machine, 0, 4, now), Ejection::None);
    assert!(matches!(fail(&mut machine, 0, 1, now), Ejection::Ejected { .. }));
}

#[test]
fn the_last_endpoint_stays() {
    let (mut machine, now) = members(1);
    assert_eq!(fail(&mut machine, 0, 5, now), Ejection::Spared);
    let (mut machine, now) = members(2);
    assert!(matches!(fail(&mut machine, 0, 5, now), Ejection::Ejected { .. }));
    assert_eq!(fail(&mut machine, 1, 5, now), Ejection::Spared);
}

proptest! {
    #[test]
    fn never_more_than_the_cap_are_out(
        count in 1..60_u32,
        results in prop::collection::vec((any::<u32>(), prop::bool::weighted(0.1), 0..3_000_u64), 1..400),
    ) {
        let (mut machine, mut now) = members(count);
        let cap = (count as usize / 10).max(1).min(count as usize - 1);
        for (endpoint, ok, ms) in results {
            now += Duration::from_millis(ms);
            let endpoint = endpoint % count;
            let out_before = machine.ejected(now).count();
            let ejection = machine.record(&endpoint, Origin::Local, ok, now);
            let out = machine.ejected(now).count();
            prop_assert!(out <= cap);
            match ejection {
                Ejection::Spared => prop_assert_eq!(out_before, cap),
                Ejection::Ejected { lasts } => {
                    prop_assert!(machine.is_ejected(&endpoint, now));
                    prop_assert!(!machine.is_ejected(&endpoint, now + lasts));
                }
                Ejection::None => prop_assert_eq!(out, out_before),
            }
        }
    }
}

#[test]
fn members_that_stay_keep_their_past() {
    let (mut machine, now) = members(3);
    fail(&mut machine, 0, 5, now);
    machine.set_members([0, 7], now);
    assert!(machine.is_ejected(&0, now) && !machine.is_ejected(&1, now));
    machine.set_members([7, 8], now);
    machine.set_members([0, 7], now);
    assert!(!machine.is_ejected(&0, now), "a stranger again");
}

#[tokio::test(start_paused = true)]
async fn the_status_names_who_is_out_and_why() {
    let outlier = Outlier::new(Settings::default());
    let now = Instant::now();
    outlier.set_members(["a", "b"], now);
    for endpoint in ["a", "b"] {
        for _ in 0..5 {
            outlier.record(&endpoint, Origin::Local, false, now);
        }
    }
    assert_eq!(outlier.state()["ejected"], json!([{ "endpoint": "a", "left_ms": 30_000 }]));
    assert_eq!(outlier.effects().iter().map(|effect| effect.count).collect::<Vec<_>>(), [0, 1, 1]);
}
