use super::{Yard, interval};
use crate::harness::{Bed, Order};
use seaworthy_jobs::schedule::{
    CatchUp, Definition, Outcome, Overlap, ScheduleFilter, Scheduler, SchedulerSettings, Schedules,
    Scheduling, Status,
};
use seaworthy_jobs::{Error, Settings};
use seaworthy_store::{Options, Query, Timestamp};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

super::in_both_yards!(
    one_leads_and_another_takes_over_when_the_lease_has_lapsed,
    a_leader_that_was_deposed_writes_nothing,
    a_thousand_ticks_under_leaders_that_are_killed,
);

const SECOND: Duration = Duration::from_secs(1);

async fn one_leads_and_another_takes_over_when_the_lease_has_lapsed(yard: Yard) {
    let (mut a, mut b) = (yard.scheduler("a"), yard.scheduler("b"));
    assert!(a.step().await.expect("looks").leads);
    assert!(!b.step().await.expect("looks").leads);
    // it is gone without a word
    drop(a);
    yard.clock.advance(10 * SECOND);
    assert!(!b.step().await.expect("looks").leads, "the lease lasts to its end");
    yard.clock.advance(Duration::from_micros(1));
    assert!(b.step().await.expect("looks").leads);
}

async fn a_leader_that_was_deposed_writes_nothing(yard: Yard) {
    yard.create(super::minutely("m")).await;
    let (mut a, mut b) = (yard.scheduler("a"), yard.scheduler("b"));
    assert!(a.step().await.expect("looks").leads);
    // it stood still for so long that another leads, and does not know
    yard.clock.advance(55 * SECOND);
    assert!(b.step().await.expect("looks").leads);
    yard.clock.advance(5 * SECOND);
    let refused = a.step().await;
    assert!(matches!(refused, Err(Error::Superseded)), "{refused:?}");
    assert_eq!(yard.jobs().await, 0, "the tick is the other one's");
    assert_eq!(b.step().await.expect("looks").enqueued, 1);
    assert!(!a.step().await.expect("looks").leads, "it knows now");
    assert_eq!(yard.jobs().await, 1);
}

/// Three schedulers at work, on the database's own clock; who leads is killed again and again, in the middle of whatever
/// it does: aborted, its lease left to lapse.
async fn a_thousand_ticks_under_leaders_that_are_killed(yard: Yard) {
    const SCHEDULES: i64 = 100;
    const TICKS: i64 = 10;
    let bed = Bed::with(yard.bed.database, Options::default(), Settings::default()).await;
    let schedules = Schedules::new(bed.jobs.clone());
    // their ticks are spread over the second, so that somebody is always due
    let begin = bed.jobs.store().now().as_micros() + 5_000_000;
    let tick = |schedule: i64, n: i64| Timestamp::from_micros(begin + schedule * 10_000 + n * 1_000_000);
    let definition = |number| Definition {
        overlap: Overlap::Allow,
        catch_up: CatchUp::All { per_minute: 6_000 },
        start: Some(tick(number, 0)),
        end: Some(tick(number, TICKS - 1)),
        ..interval(&format!("s{number}"), SECOND, &Order::CallOff)
    };
    schedules.reconcile((0..SCHEDULES).map(definition).collect()).await.expect("accepted");
    let mut crew = Crew { schedules: schedules.clone(), members: BTreeMap::new(), hired: 0 };
    (0..3).for_each(|_| crew.hire());
    // by what was done, not by the time that went by: a slow machine kills no faster than it works
    let mut kills = 0;
    let mut patience = 0;
    let deadline = Instant::now() + Duration::from_secs(150);
    let fired = "SELECT count(*) AS n FROM schedule_runs";
    loop {
        let row = bed.jobs.store().fetch_one(Query::new(fired)).await.expect("read");
        let fired: i64 = row.get("n").expect("a number");
        if fired >= SCHEDULES * TICKS {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "every tick should be fired; {fired} were, {kills} leaders were killed"
        );
        // anywhere in what it does
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..25))).await;
        if fired >= patience && crew.kill_leader().await {
            kills += 1;
            patience = fired + fastrand::i64(20..40);
        }
    }
    let active = ScheduleFilter { status: Some(Status::Active), after: None };
    assert_eq!(
        schedules.list(&active, 1).await.expect("read"),
        [],
        "their time is over with their last tick"
    );
    for number in 0..SCHEDULES {
        let runs = schedules.runs(&format!("s{number}"), None, 1_000).await.expect("read");
        let ticks: Vec<_> = runs.iter().rev().map(|run| run.tick).collect();
        assert_eq!(ticks, (0..TICKS).map(|n| tick(number, n)).collect::<Vec<_>>(), "s{number}");
        assert!(runs.iter().all(|run| run.outcome == Outcome::Enqueued && run.job.is_some()), "{runs:?}");
    }
    let query = "SELECT count(*) AS n, count(DISTINCT metadata) AS ticks FROM jobs";
    let row = bed.jobs.store().fetch_one(Query::new(query)).await.expect("read");
    let counts: (i64, i64) = (row.get("n").expect("a number"), row.get("ticks").expect("a number"));
    assert_eq!(counts, (SCHEDULES * TICKS, SCHEDULES * TICKS), "each tick has one job");
    assert!(kills >= 20, "{kills} leaders were killed");
}

/// Schedulers at work, by name.
struct Crew {
    schedules: Schedules,
    members: BTreeMap<String, Scheduling>,
    hired: usize,
}

impl Crew {
    fn hire(&mut self) {
        self.hired += 1;
        let settings = SchedulerSettings {
            name: format!("scheduler {}", self.hired),
            lease: Duration::from_millis(400),
            poll: Duration::from_millis(50),
            ..SchedulerSettings::default()
        };
        let working = Scheduler::new(self.schedules.clone(), settings.clone()).start();
        self.members.insert(settings.name, working);
    }

    /// Whether there was one.
    async fn kill_leader(&mut self) -> bool {
        let query = Query::new("SELECT holder FROM schedule_leader");
        let row = self.schedules.jobs().store().fetch_one(query).await.expect("read");
        // dropped, not stopped
        let killed = self.members.remove(&row.get::<String>("holder").expect("a name")).is_some();
        if killed {
            self.hire();
        }
        killed
    }
}
