//! Schedules on a clock that the test moves; no runner where a run is to stay unfinished.

mod cron_peer;
mod leaders;
mod reconciled;

use crate::harness::{Bed, Order, until};
use seaworthy_core::clock::ManualClock;
use seaworthy_jobs::schedule::{
    Alert, CatchUp, Cause, Definition, Mode, Needs, Outcome, Overlap, Paused, Scheduler, SchedulerSettings,
    Schedules, Status, Template, Trigger,
};
use seaworthy_jobs::{Error, Filter, Settings, State};
use seaworthy_store::testing::Database;
use seaworthy_store::{Options, Query, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// 2026-03-02T00:00:00Z, a Monday.
const MONDAY: u64 = 1_772_409_600;
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Yard {
    pub(crate) bed: Bed,
    pub(crate) clock: ManualClock,
    pub(crate) schedules: Schedules,
}

impl Yard {
    pub(crate) async fn new(database: Database) -> Self {
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(MONDAY));
        let options = Options { clock: Some(Arc::new(clock.clone())), ..Options::default() };
        let bed = Bed::with(database, options, Settings::default()).await;
        let schedules = Schedules::new(bed.jobs.clone());
        Self { bed, clock, schedules }
    }

    pub(crate) fn scheduler(&self, name: &str) -> Scheduler {
        let settings = SchedulerSettings {
            name: name.to_owned(),
            settle: Duration::ZERO,
            ..SchedulerSettings::default()
        };
        Scheduler::new(self.schedules.clone(), settings)
    }

    pub(crate) async fn create(&self, definition: Definition) {
        self.schedules.create(definition).await.expect("accepted");
    }

    /// Runs: how many seconds after Monday midnight, and what became of it; oldest first.
    pub(crate) async fn runs(&self, name: &str) -> Vec<(i64, Outcome)> {
        let mut runs = self.schedules.runs(name, None, 1_000).await.expect("read");
        runs.reverse();
        runs.iter().map(|run| (run.tick.as_micros() / 1_000_000 - MONDAY as i64, run.outcome)).collect()
    }

    pub(crate) async fn jobs(&self) -> usize {
        self.bed.jobs.list(&Filter::default(), 1_000).await.expect("read").len()
    }

    /// Lets every job end.
    async fn finish_all(&self) {
        let running = self.bed.start(4).await;
        until("every job ends", async || {
            let jobs = self.bed.jobs.list(&Filter::default(), 1_000).await.expect("read");
            jobs.iter().all(|job| job.state.is_final())
        })
        .await;
        running.stop(Duration::from_secs(5)).await;
    }
}

pub(crate) fn minutely(name: &str) -> Definition {
    interval(name, MINUTE, &Order::Complete(serde_json::Value::Null))
}

pub(crate) fn interval(name: &str, every: Duration, order: &Order) -> Definition {
    let template = Template::new("obey", serde_json::json!(order));
    let start = Timestamp::from_micros(i64::try_from(MONDAY).expect("fits") * 1_000_000);
    Definition { start: Some(start), ..Definition::new(name, Trigger::Interval { every }, template) }
}

macro_rules! in_both_yards {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::schedules::Yard::new(seaworthy_store::testing::Database::sqlite()).await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::schedules::Yard::new(seaworthy_store::testing::Database::postgres()).await).await;
            })*
        }
    };
}
pub(crate) use in_both_yards;

in_both_yards!(
    ticks_become_jobs,
    a_run_under_way_is_not_overlapped,
    one_run_waits_for_the_one_before_it,
    both_run_where_that_is_allowed,
    the_one_under_way_is_called_off,
    what_nobody_could_fire_is_recorded,
    all_are_made_up_for_at_a_pace,
    after_so_many_failures_it_is_paused_and_somebody_told,
    others_run_when_all_of_them_have,
    others_that_do_not_come_in_time_are_not_waited_for,
    one_failure_calls_the_cleaner,
    it_ends_after_so_many_runs,
    somebody_switches_it,
    changed_while_it_runs,
    a_clock_that_jumps,
    nonsense_is_refused,
);

async fn ticks_become_jobs(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    let cron = Trigger::Cron {
        expression: "*/15 * * * *".to_owned(),
        timezone: "Asia/Kathmandu".to_owned(),
        daylight: seaworthy_jobs::cron::Daylight::default(),
    };
    let template = Template {
        queue: "reports".to_owned(),
        priority: 2,
        ..Template::new("obey", serde_json::json!({"complete": 7}))
    };
    yard.create(Definition::new("quarterly", cron, template)).await;
    let step = scheduler.step().await.expect("looks");
    assert!(step.leads && step.enqueued == 0);
    yard.clock.advance(15 * MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 1);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 0);
    let jobs = yard.bed.jobs.list(&Filter::default(), 10).await.expect("read");
    let job = &jobs[0];
    assert_eq!(
        (jobs.len(), job.queue.as_str(), job.priority, job.payload.as_str()),
        (1, "reports", 2, "{\"complete\":7}")
    );
    assert_eq!(job.metadata["schedule"], "quarterly");
    assert_eq!(yard.runs("quarterly").await, [(900, Outcome::Enqueued)]);
    let schedule = yard.schedules.get("quarterly").await.expect("there");
    assert_eq!((schedule.executions, schedule.status), (1, Status::Active));
}

async fn a_run_under_way_is_not_overlapped(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(minutely("m")).await;
    yard.clock.advance(MINUTE);
    scheduler.step().await.expect("looks");
    yard.clock.advance(MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").skipped, 1);
    assert_eq!(yard.runs("m").await, [(60, Outcome::Enqueued), (120, Outcome::Skipped)]);
    yard.finish_all().await;
    yard.clock.advance(MINUTE);
    scheduler.step().await.expect("looks");
    assert_eq!(
        yard.runs("m").await,
        [(60, Outcome::Completed), (120, Outcome::Skipped), (180, Outcome::Enqueued)]
    );
}

async fn one_run_waits_for_the_one_before_it(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(Definition { overlap: Overlap::BufferOne, ..minutely("m") }).await;
    for _ in 0..3 {
        yard.clock.advance(MINUTE);
        scheduler.step().await.expect("looks");
    }
    let outcomes = [(60, Outcome::Enqueued), (120, Outcome::Enqueued), (180, Outcome::Skipped)];
    assert_eq!(yard.runs("m").await, outcomes);
    let states: Vec<_> =
        yard.bed.jobs.list(&Filter::default(), 10).await.expect("read").iter().map(|job| job.state).collect();
    assert_eq!(states, [State::Pending, State::Available]);
    yard.finish_all().await;
    scheduler.step().await.expect("looks");
    assert_eq!(yard.runs("m").await[..2], [(60, Outcome::Completed), (120, Outcome::Completed)]);
}

async fn both_run_where_that_is_allowed(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(Definition { overlap: Overlap::Allow, ..minutely("m") }).await;
    for _ in 0..3 {
        yard.clock.advance(MINUTE);
        scheduler.step().await.expect("looks");
    }
    assert_eq!(yard.jobs().await, 3);
}

async fn the_one_under_way_is_called_off(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(Definition { overlap: Overlap::CancelRunning, ..minutely("m") }).await;
    for _ in 0..2 {
        yard.clock.advance(MINUTE);
        scheduler.step().await.expect("looks");
    }
    scheduler.step().await.expect("looks");
    assert_eq!(yard.runs("m").await, [(60, Outcome::Cancelled), (120, Outcome::Enqueued)]);
    let states: Vec<_> =
        yard.bed.jobs.list(&Filter::default(), 10).await.expect("read").iter().map(|job| job.state).collect();
    assert_eq!(states, [State::Available, State::Cancelled]);
}

async fn what_nobody_could_fire_is_recorded(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    let hour = interval("h", 60 * MINUTE, &Order::Complete(serde_json::Value::Null));
    yard.create(Definition { misfire_grace: 90 * MINUTE, ..hour }).await;
    // at 05:10, of the ticks from 01:00 on those of 04:00 and 05:00 are within the grace
    yard.clock.advance(310 * MINUTE);
    let step = scheduler.step().await.expect("looks");
    assert_eq!((step.enqueued, step.missed), (1, 4));
    let hour = |n: i64| n * 3_600;
    let missed = |n| (hour(n), Outcome::Missed);
    assert_eq!(
        yard.runs("h").await,
        [missed(1), missed(2), missed(3), missed(4), (hour(5), Outcome::Enqueued)]
    );
    let runs = yard.schedules.runs("h", None, 10).await.expect("read");
    assert_eq!(runs[1].note.as_deref(), Some("a later one ran in its place"));
    assert_eq!(runs[4].note.as_deref(), Some("later than the grace allows"));
}

async fn all_are_made_up_for_at_a_pace(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    let all = CatchUp::All { per_minute: 6 };
    yard.create(Definition { overlap: Overlap::Allow, catch_up: all, ..minutely("m") }).await;
    yard.clock.advance(5 * MINUTE);
    let mut made = vec![scheduler.step().await.expect("looks").enqueued];
    for _ in 0..5 {
        yard.clock.advance(Duration::from_secs(5));
        made.push(scheduler.step().await.expect("looks").enqueued);
    }
    // one every ten seconds
    assert_eq!(made, [1, 0, 1, 0, 1, 0]);
    let runs: Vec<_> = yard.runs("m").await.iter().map(|run| run.0).collect();
    assert_eq!(runs, [60, 120, 180]);
}

#[derive(Default, Clone)]
struct Told(Arc<Mutex<Vec<Paused>>>);

impl Alert for Told {
    fn paused(&self, paused: &Paused) {
        self.0.lock().expect("no panic").push(paused.clone());
    }
}

async fn after_so_many_failures_it_is_paused_and_somebody_told(yard: Yard) {
    let told = Told::default();
    let mut scheduler = yard.scheduler("a").alert(told.clone());
    let fails = interval("f", MINUTE, &Order::FailForGood);
    yard.create(Definition { max_failures: 2, ..fails }).await;
    for round in 1..=2 {
        yard.clock.advance(MINUTE);
        scheduler.step().await.expect("looks");
        assert_eq!(told.0.lock().expect("no panic").len(), 0);
        yard.finish_all().await;
        scheduler.step().await.expect("looks");
        let schedule = yard.schedules.get("f").await.expect("there");
        assert_eq!((schedule.failures, schedule.status == Status::Paused), (round, round == 2));
    }
    let told = told.0.lock().expect("no panic").clone();
    assert_eq!((told.len(), told[0].schedule.as_str(), told[0].failures), (1, "f", 2));
    let events = yard.schedules.events("f", 10).await.expect("read");
    assert_eq!(events[0].event, "failing");
    yard.clock.advance(5 * MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 0);
    // as good as new
    yard.schedules.resume("f").await.expect("resumed");
    let schedule = yard.schedules.get("f").await.expect("there");
    assert_eq!((schedule.status, schedule.failures, schedule.reason), (Status::Active, 0, None));
    yard.clock.advance(MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 1);
}

fn after(name: &str, on: &[&str], needs: Needs, mode: Mode, timeout: Option<Duration>) -> Definition {
    let on = on.iter().map(|name| (*name).to_owned()).collect();
    let trigger = Trigger::Dependency { on, needs, mode, delay: None, timeout };
    Definition::new(name, trigger, Template::new("obey", serde_json::json!({ "complete": null })))
}

async fn others_run_when_all_of_them_have(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(minutely("a")).await;
    yard.create(interval("b", 2 * MINUTE, &Order::Complete(serde_json::Value::Null))).await;
    yard.create(after("sum", &["a", "b"], Needs::Success, Mode::All, None)).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        yard.clock.advance(MINUTE);
        scheduler.step().await.expect("looks");
        yard.finish_all().await;
        scheduler.step().await.expect("looks");
        made.push(yard.schedules.runs("sum", None, 10).await.expect("read").len());
    }
    assert_eq!(made, [0, 1, 1, 2]);
    let run = &yard.schedules.runs("sum", None, 1).await.expect("read")[0];
    assert_eq!((run.cause, run.outcome), (Cause::Dependency, Outcome::Enqueued));
}

async fn others_that_do_not_come_in_time_are_not_waited_for(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(minutely("a")).await;
    yard.create(interval("b", 60 * MINUTE, &Order::Complete(serde_json::Value::Null))).await;
    yard.create(after("sum", &["a", "b"], Needs::Completion, Mode::All, Some(5 * MINUTE))).await;
    yard.clock.advance(MINUTE);
    scheduler.step().await.expect("looks");
    yard.finish_all().await;
    scheduler.step().await.expect("looks");
    yard.schedules.pause("a", Some("test")).await.expect("paused");
    yard.clock.advance(6 * MINUTE);
    scheduler.step().await.expect("looks");
    assert_eq!(yard.schedules.runs("sum", None, 10).await.expect("read")[0].outcome, Outcome::TimedOut);
    // b alone is not enough now
    yard.clock.advance(53 * MINUTE);
    scheduler.step().await.expect("looks");
    yard.finish_all().await;
    scheduler.step().await.expect("looks");
    assert_eq!(yard.schedules.runs("sum", None, 10).await.expect("read").len(), 1);
}

async fn one_failure_calls_the_cleaner(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(interval("good", MINUTE, &Order::Complete(serde_json::Value::Null))).await;
    yard.create(interval("bad", MINUTE, &Order::FailForGood)).await;
    yard.create(after("clean", &["good", "bad"], Needs::Failure, Mode::Any, None)).await;
    yard.clock.advance(MINUTE);
    scheduler.step().await.expect("looks");
    yard.finish_all().await;
    scheduler.step().await.expect("looks");
    assert_eq!(yard.schedules.runs("clean", None, 10).await.expect("read").len(), 1);
    // what others wait for stays, and no ring can be made
    let refused = yard.schedules.remove("bad").await.expect_err("refused");
    assert_eq!(refused.to_string(), "schedule \"bad\": \"clean\" waits for its runs");
    let ring = yard.schedules.change(after("good", &["clean"], Needs::Success, Mode::All, None), None).await;
    assert!(matches!(ring, Err(Error::Invalid { field: "on", .. })), "{ring:?}");
}

async fn it_ends_after_so_many_runs(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    let twice = Definition { max_executions: Some(2), overlap: Overlap::Allow, ..minutely("m") };
    yard.create(twice).await;
    for _ in 0..4 {
        yard.clock.advance(MINUTE);
        scheduler.step().await.expect("looks");
    }
    assert_eq!(yard.jobs().await, 2);
    let schedule = yard.schedules.get("m").await.expect("there");
    assert_eq!((schedule.status, schedule.next_at), (Status::Expired, None));
    // as often as it was to, until it is to run more often
    assert!(matches!(yard.schedules.resume("m").await, Err(Error::Refused { .. })));
    let same =
        yard.schedules.change(Definition { max_executions: Some(1), ..schedule.definition.clone() }, None);
    assert_eq!(same.await.expect("changed").status, Status::Expired);
    let more = Definition { max_executions: Some(3), ..schedule.definition };
    let changed = yard.schedules.change(more, None).await.expect("changed");
    assert_eq!((changed.status, changed.reason, changed.next_at.is_some()), (Status::Active, None, true));
    for _ in 0..2 {
        yard.clock.advance(MINUTE);
        scheduler.step().await.expect("looks");
    }
    assert_eq!(
        (yard.jobs().await, yard.schedules.get("m").await.expect("there").status),
        (3, Status::Expired)
    );
    let once = Trigger::At { at: Some(yard.bed.jobs.store().now().plus(MINUTE)) };
    yard.create(Definition::new("once", once, Template::new("obey", serde_json::json!("call_off")))).await;
    yard.clock.advance(2 * MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 1);
    assert_eq!(yard.schedules.get("once").await.expect("there").status, Status::Expired);
}

async fn somebody_switches_it(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(Definition { overlap: Overlap::Allow, ..minutely("m") }).await;
    yard.schedules.pause("m", Some("holidays")).await.expect("paused");
    yard.clock.advance(3 * MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 0);
    let by_hand = yard.schedules.trigger("m").await.expect("runs");
    let again = yard.schedules.trigger("m").await.expect("runs");
    assert!(by_hand.job.is_some() && again.job > by_hand.job && again.tick > by_hand.tick);
    yard.schedules.resume("m").await.expect("resumed");
    // what came due meanwhile is not made up for
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 0);
    yard.clock.advance(MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 1);
    yard.schedules.disable("m", None).await.expect("disabled");
    let refused = yard.schedules.trigger("m").await.expect_err("refused");
    assert_eq!(refused.to_string(), "schedule \"m\": it is disabled");
    assert!(matches!(yard.schedules.trigger("nobody").await, Err(Error::NotFound { .. })));
    yard.schedules.remove("m").await.expect("removed");
    assert!(matches!(yard.schedules.get("m").await, Err(Error::NotFound { .. })));
    // its jobs stay
    assert_eq!(yard.jobs().await, 3);
}

async fn changed_while_it_runs(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(minutely("m")).await;
    yard.create(minutely("m")).await;
    let other = Definition { description: Some("another".to_owned()), ..minutely("m") };
    assert!(matches!(yard.schedules.create(other.clone()).await, Err(Error::Refused { .. })));
    let changed = yard.schedules.change(other, Some(1)).await.expect("changed");
    assert_eq!(changed.version, 2);
    let refused = yard.schedules.change(minutely("m"), Some(1)).await.expect_err("refused");
    assert_eq!(refused.code(), seaworthy_core::ErrorCode::Conflict);
    let hourly = interval("m", 60 * MINUTE, &Order::CallOff);
    yard.schedules.change(hourly, None).await.expect("changed");
    yard.clock.advance(2 * MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 0);
    yard.clock.advance(58 * MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 1);
}

async fn a_clock_that_jumps(yard: Yard) {
    let mut scheduler = yard.scheduler("a");
    yard.create(Definition { overlap: Overlap::Allow, ..minutely("m") }).await;
    yard.clock.advance(MINUTE);
    assert_eq!(scheduler.step().await.expect("looks").enqueued, 1);
    // a day forward: one runs, the others are recorded
    yard.clock.advance(24 * 60 * MINUTE);
    let step = scheduler.step().await.expect("looks");
    assert_eq!((step.enqueued, step.missed), (1, 1_439));
    // a second database handle whose clock is an hour behind: nothing is fired again
    let back = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(MONDAY + 23 * 3_600));
    let options = Options { clock: Some(Arc::new(back.clone())), ..Options::default() };
    let jobs =
        seaworthy_jobs::Jobs::open(yard.bed.database.open_with(options).await, Settings::default()).await;
    let behind = Schedules::new(jobs.expect("opens"));
    drop(scheduler);
    // by the clock that is behind, the lease of the one that is gone lasts for an hour more
    let lapse = Query::new("UPDATE schedule_leader SET until = 0");
    yard.bed.jobs.store().execute(lapse).await.expect("written");
    behind.pause("m", None).await.expect("paused");
    behind.resume("m").await.expect("resumed");
    // ticks that were dealt with once are not dealt with again, even where a resumption finds them ahead of it
    let mut late =
        Scheduler::new(behind, SchedulerSettings { settle: Duration::ZERO, ..SchedulerSettings::default() });
    let before = yard.jobs().await;
    for _ in 0..5 {
        back.advance(MINUTE);
        let step = late.step().await.expect("looks");
        assert!(step.leads && step.enqueued == 0, "{step:?}");
    }
    assert_eq!(yard.jobs().await, before);
    let next = yard.schedules.get("m").await.expect("there").next_at.expect("it goes on");
    assert_eq!(next.as_micros() / 1_000_000 - MONDAY as i64, 23 * 3_600 + 6 * 60, "it looked at five ticks");
}

async fn nonsense_is_refused(yard: Yard) {
    let refused = async |definition: Definition| {
        yard.schedules.create(definition).await.expect_err("refused").to_string()
    };
    let cron = |expression: &str, timezone: &str| {
        let (expression, timezone) = (expression.to_owned(), timezone.to_owned());
        let trigger =
            Trigger::Cron { expression, timezone, daylight: seaworthy_jobs::cron::Daylight::default() };
        Definition { trigger, ..minutely("n") }
    };
    assert!(refused(cron("0 0 31 2 *", "UTC")).await.contains("never comes true"));
    assert!(refused(cron(&"9".repeat(10_000), "UTC")).await.contains("1 to 256 bytes"));
    assert!(refused(cron("* * * * *", "Nowhere/Land")).await.contains("not known"));
    assert!(refused(interval("n", Duration::from_millis(1), &Order::CallOff)).await.contains("every"));
    assert!(refused(minutely("")).await.contains("name"));
    assert!(refused(minutely("a\nb")).await.contains("control characters"));
    assert!(
        refused(Definition { max_executions: Some(0), ..minutely("n") }).await.contains("max_executions")
    );
    assert!(
        refused(Definition { end: Some(Timestamp::from_micros(0)), ..minutely("n") })
            .await
            .contains("after start")
    );
    let huge = Template::new("obey", serde_json::json!("x".repeat(2 << 20)));
    assert!(refused(Definition { job: huge, ..minutely("n") }).await.contains("payload"));
    assert!(refused(after("n", &["n"], Needs::Success, Mode::All, None)).await.contains("itself"));
    assert_eq!(yard.schedules.list(&Default::default(), 10).await.expect("read"), []);
    let unknown = serde_json::json!({ "name": "n", "trigger": { "type": "manual" }, "job": { "kind": "k" }, "overlp": "skip" });
    assert!(
        serde_json::from_value::<Definition>(unknown).expect_err("refused").to_string().contains("overlp")
    );
}
