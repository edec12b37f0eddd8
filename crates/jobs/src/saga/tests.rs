//! Sagas that die at every place where a process can, against a ledger outside of the database.

mod ledger;

use super::crash::Crash;
use super::*;
use crate::dead::Replay;
use crate::runner::{Queue, Runner, RunnerSettings, Running};
use crate::{Jobs, Settings, State};
use ledger::{Flaky, Knows, Ledger, Quits, Refuses, Shared, Stubborn};
use seaworthy_store::testing::Database;
use seaworthy_store::{Query, Row};
use seaworthy_telemetry::metrics::Registry;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(300);

struct World {
    jobs: Jobs,
    sagas: Sagas,
    crash: Arc<Crash>,
    ledger: Ledger,
    _database: Database,
}

impl World {
    async fn new(database: Database) -> Self {
        let jobs = Jobs::open(database.open().await, Settings::default()).await.expect("opens");
        let (crash, ledger) = (Arc::default(), Ledger::default());
        Self { sagas: Sagas::new(jobs.clone()), jobs, crash, ledger, _database: database }
    }

    /// A process.
    async fn process(&self) -> Running {
        let settings = RunnerSettings {
            // who is dead keeps its place
            queues: vec![Queue::new("default", 300)],
            heartbeat: Duration::from_millis(100),
            poll: Duration::from_millis(50),
            ..RunnerSettings::default()
        };
        let (ledger, jobs) = (&self.ledger, &self.jobs);
        let mut saga = Saga::new("voyage")
            .action(Shared(ledger.clone()))
            .action(Flaky(ledger.clone()))
            .action(Knows(ledger.clone()))
            .action(Stubborn(ledger.clone()))
            .action(Quits(ledger.clone(), jobs.clone()))
            .action(Refuses);
        saga.crash = Some(Arc::clone(&self.crash));
        Runner::new(jobs.clone(), settings).with(saga).start(&Registry::new()).await.expect("starts")
    }

    async fn unfinished(&self) -> usize {
        let query =
            "SELECT count(*) AS n FROM jobs WHERE state NOT IN ('completed', 'cancelled', 'discarded')";
        let rows = self.answer(query).await;
        rows[0].get::<i64>("n").expect("a number") as usize
    }

    /// Processes, one after the other, until every saga has ended.
    async fn live(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let process = self.process().await;
            loop {
                let unfinished = self.unfinished().await;
                if unfinished == 0 {
                    process.stop(Duration::from_secs(5)).await;
                    return;
                }
                if unfinished == self.crash.dead() {
                    break;
                }
                assert!(Instant::now() < until, "{unfinished} sagas have not ended");
                // nobody waits for the next attempt
                self.answer("UPDATE jobs SET run_at = 0 WHERE state = 'retryable' RETURNING id").await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            drop(process);
            self.crash.revive();
            // nor for the end of its lease
            self.answer("DELETE FROM job_workers RETURNING id").await;
        }
    }

    /// A hundred sagas want the same few connections: ours is waited for.
    async fn answer(&self, query: &'static str) -> Vec<Row> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.jobs.store().execute_returning(Query::new(query)).await {
                Err(error) if error.is_outage() && Instant::now() < until => {}
                answer => return answer.expect("answered"),
            }
        }
    }

    /// One undisturbed, one for each place to die at, and some that die again and again.
    async fn voyages(&self, plan: fn() -> NewSaga) -> Vec<i64> {
        let first = self.sagas.start(plan()).await.expect("accepted").id;
        self.live().await;
        let places = self.crash.passed(first);
        assert!(places > 20, "only {places} places");
        let mut ids = vec![first];
        let mut deaths: Vec<Vec<usize>> = (1..=places).map(|place| vec![place]).collect();
        for _ in 0..10 {
            let mut some: Vec<usize> = (0..3).map(|_| fastrand::usize(1..=places / 2)).collect();
            some.sort_unstable();
            some.dedup();
            deaths.push(some);
        }
        for deaths in deaths {
            let id = self.sagas.start(plan()).await.expect("accepted").id;
            self.crash.plan(id, deaths);
            ids.push(id);
        }
        self.live().await;
        assert_eq!(self.crash.to_come(), 0, "every one of them died as planned");
        self.ledger.no_effect_twice();
        ids
    }

    async fn all_are(&self, ids: &[i64], state: SagaState, job: State) {
        for id in ids {
            let saga = self.sagas.get(*id).await.expect("there");
            assert_eq!((saga.state, saga.job), (state, job), "{saga:?}");
        }
        assert_eq!(self.sagas.list(Some(state), None, 1_000).await.expect("listed").len(), ids.len());
    }
}

fn patient() -> NewSaga {
    NewSaga::new("voyage").step("shared", 1).step("flaky", 2).step("knows", 3).step("flaky", 4)
}

async fn all_effects_or_none_forward(database: Database) {
    let world = World::new(database).await;
    let ids = world.voyages(patient).await;
    world.all_are(&ids, SagaState::Completed, State::Completed).await;
    for id in ids {
        let saga = world.sagas.get(id).await.expect("there");
        assert!(saga.steps.iter().all(|step| step.state == StepState::Done), "{saga:?}");
        let keys: Vec<_> = saga.steps[1..].iter().map(|step| step.key.clone()).collect();
        assert!(keys.iter().all(|key| world.ledger.has(key)), "{saga:?}");
        let result = world.jobs.get(id).await.expect("there").result.expect("outputs");
        assert_eq!(result, r#"{"steps":["shared",2,3,4]}"#);
    }
}

async fn all_effects_or_none_back(database: Database) {
    let world = World::new(database).await;
    let ids = world.voyages(|| patient().step("refuses", 5)).await;
    world.all_are(&ids, SagaState::Compensated, State::Discarded).await;
    assert_eq!(world.ledger.left(), 0);
    world.ledger.newest_was_undone_first();
    for id in ids {
        let saga = world.sagas.get(id).await.expect("there");
        let states: Vec<_> = saga.steps.iter().map(|step| step.state).collect();
        let undone = StepState::Undone;
        assert_eq!(states, [StepState::Skipped, undone, undone, undone, StepState::Skipped]);
        let (code, text) = world.jobs.get(id).await.expect("there").error.expect("why");
        assert_eq!(code, "never");
        assert!(text.ends_with("whatever it had done was undone"), "{text}");
    }
}

async fn who_is_called_off_goes_back(database: Database) {
    let world = World::new(database).await;
    let plan = || NewSaga::new("voyage").step("flaky", 1).step("knows", 2).step("quits", 3).step("knows", 4);
    let ids = world.voyages(plan).await;
    world.all_are(&ids, SagaState::Compensated, State::Cancelled).await;
    assert_eq!(world.ledger.left(), 0);
    world.ledger.newest_was_undone_first();
}

async fn what_cannot_be_undone_takes_a_person(database: Database) {
    let world = World::new(database).await;
    let plan =
        || NewSaga::new("voyage").step("flaky", 1).step("stubborn", 2).step("knows", 3).step("refuses", 4);
    let ids = world.voyages(plan).await;
    world.all_are(&ids, SagaState::Stuck, State::Discarded).await;
    assert_eq!(world.ledger.left(), ids.len(), "the others were undone all the same");
    for id in &ids {
        let saga = world.sagas.get(*id).await.expect("there");
        let states: Vec<_> = saga.steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Undone, StepState::UndoFailed, StepState::Undone, StepState::Skipped]);
        let (code, text) = world.jobs.get(*id).await.expect("there").error.expect("why");
        assert_eq!(code, "compensation");
        assert!(text.contains("step 1 \"stubborn\": pull harder at 2"), "{text}");
    }
    // somebody has mended it
    world.ledger.soften();
    for id in &ids {
        world.sagas.resume(*id, &Replay::default()).await.expect("brought back");
    }
    world.live().await;
    world.all_are(&ids, SagaState::Compensated, State::Discarded).await;
    assert_eq!(world.ledger.left(), 0);
    // and once more, from the beginning, with keys that nobody has seen
    let before = world.sagas.get(ids[0]).await.expect("there").steps[0].key.clone();
    world.sagas.resume(ids[0], &Replay::default()).await.expect("brought back");
    world.live().await;
    let saga = world.sagas.get(ids[0]).await.expect("there");
    assert_eq!((saga.state, world.ledger.left()), (SagaState::Compensated, 0));
    assert_ne!(saga.steps[0].key, before);
    world.ledger.no_effect_twice();
}

macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(Database::sqlite()).await; })*
        }
        mod on_postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(Database::postgres()).await; })*
        }
    };
}

on_both!(
    all_effects_or_none_forward,
    all_effects_or_none_back,
    who_is_called_off_goes_back,
    what_cannot_be_undone_takes_a_person,
);
