use super::*;
use crate::schedule::Template;
use proptest::prelude::*;

const DAY: u64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn every(seconds: u64, catch_up: CatchUp) -> Definition {
    let trigger = Trigger::Interval { every: Duration::from_secs(seconds) };
    Definition { catch_up, ..Definition::new("s", trigger, Template::new("k", serde_json::Value::Null)) }
}

fn plan_of(definition: &Definition, next: i64, now: i64) -> Plan {
    plan(definition, at(0), at(next), at(now)).expect("a plan")
}

#[test]
fn one_that_is_on_time_runs() {
    let expected = Plan { missed: vec![], fire: Some(at(60)), next: Some((at(120), at(120))) };
    for catch_up in [CatchUp::Latest, CatchUp::None, CatchUp::All { per_minute: 60 }] {
        assert_eq!(plan_of(&every(60, catch_up), 60, 60), expected);
        assert_eq!(plan_of(&every(60, catch_up), 60, 100), expected);
    }
}

#[test]
fn of_several_the_latest_runs() {
    let plan = plan_of(&every(60, CatchUp::Latest), 60, 250);
    assert_eq!((plan.fire, plan.next), (Some(at(240)), Some((at(300), at(300)))));
    assert_eq!(plan.missed.iter().map(|missed| missed.tick).collect::<Vec<_>>(), [at(60), at(120), at(180)]);
}

#[test]
fn all_run_at_a_pace() {
    let plan = plan_of(&every(60, CatchUp::All { per_minute: 30 }), 60, 250);
    assert_eq!((plan.fire, plan.next), (Some(at(60)), Some((at(120), at(252)))));
    assert_eq!(plan.missed, []);
}

#[test]
fn none_runs_but_what_is_hardly_late() {
    let hourly = every(3_600, CatchUp::None);
    assert_eq!(plan_of(&hourly, 3_600, 3_600 + 61).fire, None);
    assert_eq!(plan_of(&hourly, 3_600, 3_600 + 61).missed.len(), 1);
    assert_eq!(plan_of(&hourly, 3_600, 7_230).fire, Some(at(7_200)));
}

#[test]
fn what_is_later_than_the_grace_is_missed() {
    let daily = every(DAY, CatchUp::All { per_minute: 60 });
    let day = 86_400;
    let plan = plan_of(&daily, day, 3 * day + 3_601);
    assert_eq!(plan.fire, None);
    assert_eq!(plan.missed.len(), 3);
    assert!(plan.missed.iter().all(|missed| missed.note == "later than the grace allows"));
    assert_eq!(plan_of(&daily, day, 3 * day + 3_600).fire, Some(at(3 * day)));
}

#[test]
fn a_year_of_seconds_is_no_year_of_work() {
    let secondly = every(1, CatchUp::Latest);
    let year = 365 * 86_400;
    let plan = plan_of(&secondly, 1, year);
    assert_eq!(plan.fire, Some(at(year)));
    // what was too much to count is one row, what is within the grace was counted
    assert_eq!(
        plan.missed[0],
        Missed { tick: at(1), until: at(year - 3_600), count: None, note: "later than the grace allows" }
    );
    let counted: usize = plan.missed.iter().filter_map(|missed| missed.count).sum();
    assert_eq!(counted, 3_599);
    assert!(plan.missed.len() < 600);
    let patient = Definition { misfire_grace: Duration::from_secs(366 * DAY), ..secondly };
    let plan = plan_of(&patient, 1, year);
    assert_eq!((plan.fire, plan.missed.len()), (None, 1));
    assert_eq!(plan.next, Some((at(year + 1), at(year + 1))));
}

#[test]
fn nothing_comes_after_the_end() {
    let ends = Definition { end: Some(at(130)), ..every(60, CatchUp::Latest) };
    assert_eq!(plan_of(&ends, 120, 120), Plan { missed: vec![], fire: Some(at(120)), next: None });
    assert_eq!(first(&ends, at(0), at(125)).expect("fine"), None);
    let starts = Definition { start: Some(at(600)), ..every(60, CatchUp::Latest) };
    assert_eq!(first(&starts, at(600), at(0)).expect("fine"), Some(at(600)));
}

#[test]
fn jitter_stays_the_same_and_within_its_bound() {
    let shaky = Definition { jitter: Some(Duration::from_secs(30)), ..every(60, CatchUp::Latest) };
    let mut seen = std::collections::BTreeSet::new();
    for tick in 0..200 {
        let late = fire_time(&shaky, at(tick * 60)).since(at(tick * 60));
        assert!(late <= Duration::from_secs(30));
        assert_eq!(fire_time(&shaky, at(tick * 60)), at(tick * 60).plus(late));
        seen.insert(late.as_secs() / 5);
    }
    assert_eq!(seen.len(), 6, "spread over the whole of it");
}

proptest! {
    /// However late whoever looks is, every tick is run or recorded as missed, exactly once.
    #[test]
    fn every_tick_is_accounted_for(
        step in 1..400_u64, grace in 0..4_000_u64, jitter in 0..100_u64, policy in 0..3_usize,
        looks in proptest::collection::vec(1..3_000_i64, 1..40),
    ) {
        let catch_up = [CatchUp::Latest, CatchUp::None, CatchUp::All { per_minute: 120 }][policy];
        let definition = Definition {
            misfire_grace: Duration::from_secs(grace),
            jitter: Some(Duration::from_secs(jitter)),
            ..every(step, catch_up)
        };
        let (mut now, mut next) = (0, Some((at(0), at(0))));
        let mut seen = Vec::new();
        for look in looks {
            now += look;
            while let Some((tick, due)) = next && due <= at(now) {
                let plan = plan(&definition, at(0), tick, at(now)).expect("a plan");
                for missed in &plan.missed {
                    prop_assert!(missed.count.is_some());
                    let mut tick = missed.tick;
                    while tick <= missed.until {
                        seen.push(tick);
                        tick = tick.plus(Duration::from_secs(step));
                    }
                }
                seen.extend(plan.fire);
                next = plan.next;
            }
        }
        let expected: Vec<_> = (0..seen.len() as i64).map(|n| at(n * step as i64)).collect();
        prop_assert_eq!(seen, expected);
    }
}
