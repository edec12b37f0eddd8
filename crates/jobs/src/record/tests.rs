//! What the database has after any sequence of claims, ends, lapses and cancellations, against a model of it.

use super::*;
use crate::claim::claim;
use crate::maintenance::{promote, rescue};
use crate::{Jobs, NewJob, Retry, Settings, State};
use proptest::prelude::*;
use seaworthy_core::clock::ManualClock;
use seaworthy_store::testing::Database;
use seaworthy_store::{Options, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

const LEASE: Duration = Duration::from_secs(30);
/// Every retry's pause, and every snooze.
const PAUSE: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

struct Bed {
    jobs: Jobs,
    clock: ManualClock,
    _database: Database,
}

async fn bed(database: Database) -> Bed {
    let clock = ManualClock::at(SystemTime::now());
    let options = Options { clock: Some(Arc::new(clock.clone())), ..Options::default() };
    let jobs = Jobs::open(database.open_with(options).await, Settings::default()).await.expect("opens");
    Bed { jobs, clock, _database: database }
}

fn job() -> NewJob {
    let backoff = crate::retry::Backoff::Fixed { delay: PAUSE };
    NewJob::new("k", &1).retry(Retry { max_attempts: ATTEMPTS, backoff, jitter: 0.0 })
}

async fn sign_on(store: &Store, worker: i64) {
    let query = Query::new(
        "INSERT INTO job_workers VALUES ($1, 'w', $2, $2, $3, '[]')
        ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
    );
    let query = query.bind(worker).bind(store.now()).bind(LEASE.as_micros() as i64);
    store.execute(query).await.expect("signed on");
}

async fn end(store: &Store, id: i64, fence: i64, end: End) -> bool {
    let records = vec![Record { id, fence, begun: None, end }];
    let ours: Result<_, Error> = store.write(move |tx| Box::pin(record(tx, records))).await;
    ours.expect("recorded").contains(&id)
}

async fn rescue_all(store: &Store) -> usize {
    store.write(|tx| Box::pin(rescue::run(tx, None))).await.expect("looked").jobs
}

async fn who_lost_the_lease_records_nothing(database: Database) {
    let bed = bed(database).await;
    let store = bed.jobs.store();
    let id = bed.jobs.enqueue(job()).await.expect("accepted").id;
    sign_on(store, 1).await;
    let first = claim(store, "default", 1, 10).await.expect("taken").remove(0);
    assert_eq!(rescue_all(store).await, 0, "the lease holds");
    bed.clock.advance(LEASE + Duration::from_secs(1));
    assert_eq!(rescue_all(store).await, 1);
    let done = || End::Completed { result: Some("\"late\"".to_owned()) };
    assert!(!end(store, id, first.fence, done()).await, "too late while it waits");
    bed.clock.advance(PAUSE);
    let _more: bool = store.write(|tx| Box::pin(promote::run(tx))).await.expect("promoted");
    sign_on(store, 2).await;
    let second = claim(store, "default", 2, 10).await.expect("taken again").remove(0);
    assert_eq!((second.id, second.attempt), (id, 2));
    assert!(second.fence > first.fence);
    assert!(!end(store, id, first.fence, done()).await, "too late while somebody else runs it");
    assert_eq!(bed.jobs.get(id).await.expect("there").state, State::Running);
    assert!(end(store, id, second.fence, End::Completed { result: Some("\"mine\"".to_owned()) }).await);
    assert!(!end(store, id, second.fence, done()).await, "once is enough");
    assert_eq!(bed.jobs.get(id).await.expect("there").result.as_deref(), Some("\"mine\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_lease_records_nothing_on_sqlite() {
    who_lost_the_lease_records_nothing(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_lease_records_nothing_on_postgres() {
    who_lost_the_lease_records_nothing(Database::postgres()).await;
}

#[derive(Debug, Clone)]
enum Step {
    Enqueue,
    Claim(usize),
    /// Ends a claim that was ever made, current or not.
    End(usize, u8),
    Cancel(usize),
    Advance(u8),
    Beat,
    Promote,
    Rescue,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Enqueue),
        4 => (1usize..4).prop_map(Step::Claim),
        6 => (any::<usize>(), 0u8..6).prop_map(|(which, how)| Step::End(which, how)),
        1 => any::<usize>().prop_map(Step::Cancel),
        3 => (1u8..40).prop_map(Step::Advance),
        1 => Just(Step::Beat),
        2 => Just(Step::Promote),
        2 => Just(Step::Rescue),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What a job should be.
#[derive(Debug, Clone)]
struct Model {
    state: State,
    attempt: u32,
    fence: i64,
    run_at: Timestamp,
    cancel: bool,
}

struct Play {
    bed: Bed,
    model: BTreeMap<i64, Model>,
    /// Every claim ever made: job and fence.
    claims: Vec<(i64, i64)>,
    beat: Timestamp,
}

impl Play {
    async fn step(&mut self, step: Step) {
        let store = self.bed.jobs.store().clone();
        let now = store.now();
        match step {
            Step::Enqueue => {
                let id = self.bed.jobs.enqueue(job()).await.expect("accepted").id;
                let model =
                    Model { state: State::Available, attempt: 0, fence: 0, run_at: now, cancel: false };
                self.model.insert(id, model);
            }
            Step::Claim(most) => {
                for claimed in claim(&store, "default", 1, most).await.expect("looked") {
                    let model = self.model.get_mut(&claimed.id).expect("known");
                    assert_eq!(model.state, State::Available, "only what waits is taken");
                    (model.state, model.attempt, model.fence) =
                        (State::Running, model.attempt + 1, claimed.fence);
                    self.claims.push((claimed.id, claimed.fence));
                }
            }
            Step::End(which, how) if !self.claims.is_empty() => {
                let (id, fence) = self.claims[which % self.claims.len()];
                let recorded = end(&store, id, fence, ending(how)).await;
                self.ended(id, fence, how, now, recorded);
            }
            Step::Cancel(which) if !self.model.is_empty() => {
                let id = *self.model.keys().nth(which % self.model.len()).expect("within");
                let told = self.bed.jobs.cancel(id).await;
                let model = self.model.get_mut(&id).expect("known");
                assert_eq!(told.is_err(), model.state.is_final());
                match model.state {
                    State::Running => model.cancel = true,
                    state if state.is_final() => {}
                    _ => model.state = State::Cancelled,
                }
            }
            Step::Advance(seconds) => self.bed.clock.advance(Duration::from_secs(seconds.into())),
            Step::Beat => {
                sign_on(&store, 1).await;
                self.beat = now;
            }
            Step::Promote => {
                let _more: bool = store.write(|tx| Box::pin(promote::run(tx))).await.expect("promoted");
                for model in self.model.values_mut().filter(|model| model.run_at <= now) {
                    if matches!(model.state, State::Scheduled | State::Retryable) {
                        model.state = State::Available;
                    }
                }
            }
            Step::Rescue => self.rescued(rescue_all(&store).await, now),
            Step::End(..) | Step::Cancel(_) => {}
        }
    }

    fn ended(&mut self, id: i64, fence: i64, how: u8, now: Timestamp, recorded: bool) {
        let model = self.model.get_mut(&id).expect("known");
        let current = model.state == State::Running && model.fence == fence;
        assert_eq!(recorded, current, "who has the job records, and nobody else");
        if !current {
            return;
        }
        let end = ending(how);
        model.attempt -= u32::from(matches!(end, End::Snoozed { .. } | End::GivenBack));
        if matches!(end, End::Retry { .. } | End::Snoozed { .. }) {
            model.run_at = now.plus(PAUSE);
        }
        let cancelled = model.cancel && !matches!(end, End::Completed { .. });
        model.state = if cancelled { State::Cancelled } else { end.state().parse().expect("a state") };
    }

    fn rescued(&mut self, count: usize, now: Timestamp) {
        let lapsed = self.beat.plus(LEASE) < now;
        let running = self.model.values_mut().filter(|model| model.state == State::Running);
        let mut expected = 0;
        for model in running.filter(|_| lapsed) {
            expected += 1;
            model.fence += 1;
            model.state = match (model.cancel, model.attempt < ATTEMPTS) {
                (true, _) => State::Cancelled,
                (false, true) => State::Retryable,
                (false, false) => State::Discarded,
            };
            // the time is written in any case, and matters only to those that go on
            model.run_at = now.plus(PAUSE);
        }
        assert_eq!(count, expected);
    }

    async fn compare(&self) {
        for (id, model) in &self.model {
            let job = self.bed.jobs.get(*id).await.expect("there");
            assert_eq!((job.state, job.attempt), (model.state, model.attempt), "{job:?} should be {model:?}");
            assert_eq!(job.state.is_final(), job.finished_at.is_some(), "{job:?}");
        }
    }
}

fn ending(how: u8) -> End {
    let failure = || Failure { code: "c".to_owned(), text: "t".to_owned() };
    match how {
        0 | 1 => End::Completed { result: None },
        2 => End::Retry { pause: PAUSE, failure: failure() },
        3 => End::Discarded { failure: failure() },
        4 => End::Snoozed { pause: PAUSE },
        _ => End::GivenBack,
    }
}

fn play(make: fn() -> Database, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let bed = runtime.block_on(async { bed(make()).await });
    let bed = std::sync::Mutex::new(Some(bed));
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps())| {
        let taken = bed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let this = runtime.block_on(async {
            let this = match taken { Some(bed) => bed, None => bed_again(make).await };
            for table in ["jobs", "job_attempts", "job_workers"] {
                this.jobs.store().execute(Query::assembled(format!("DELETE FROM {table}"))).await.expect("emptied");
            }
            sign_on(this.jobs.store(), 1).await;
            let beat = this.jobs.store().now();
            let mut play = Play { bed: this, model: BTreeMap::new(), claims: Vec::new(), beat };
            for step in steps {
                play.step(step).await;
                play.compare().await;
            }
            play.bed
        });
        *bed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(this);
    });
}

/// After a case that failed.
async fn bed_again(make: fn() -> Database) -> Bed {
    bed(make()).await
}

#[test]
fn any_sequence_is_as_the_model_says_on_sqlite() {
    play(Database::sqlite, 60);
}

#[test]
fn any_sequence_is_as_the_model_says_on_postgres() {
    play(Database::postgres, 30);
}
