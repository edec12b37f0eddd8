//! Sagas as a program uses them, and a process of them that is killed.

mod killed;

use crate::harness::{Bed, complete, quick};
use seaworthy_jobs::dead::Replay;
use seaworthy_jobs::runner::{Queue, Runner, Running};
use seaworthy_jobs::saga::{
    Action, Effect, NewSaga, Policy, Saga, SagaState, SagaStatus, Sagas, Settled, Step, StepError, StepState,
};
use seaworthy_jobs::{Cancelled, Error, Retry, State, UniqueScope};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

crate::on_both!(
    a_plan_is_refused_or_accepted_whole,
    a_step_sees_what_was_before_it,
    what_is_not_begun_is_called_off_at_once,
    called_off_while_it_runs_it_undoes_what_it_did,
    who_does_not_know_stops_until_somebody_tells,
    a_step_has_its_time,
    an_action_that_nobody_knows_undoes_the_rest,
);

struct Harbour {
    bed: Bed,
    sagas: Sagas,
    /// What waits is let go by a permit.
    gate: Arc<Semaphore>,
}

impl Harbour {
    fn new(bed: Bed) -> Self {
        Self { sagas: Sagas::new(bed.jobs.clone()), bed, gate: Arc::new(Semaphore::new(0)) }
    }

    async fn open(&self) -> Running {
        let saga = Saga::new("voyage").action(Says).action(Waits(Arc::clone(&self.gate))).action(Hangs);
        let runner = Runner::new(self.bed.jobs.clone(), quick(Queue::new("default", 4))).with(saga);
        runner.start(&self.bed.registry).await.expect("starts")
    }

    async fn start(&self, saga: NewSaga) -> i64 {
        self.sagas.start(saga).await.expect("accepted").id
    }

    async fn get(&self, id: i64) -> SagaStatus {
        self.sagas.get(id).await.expect("there")
    }

    async fn step_is(&self, id: i64, position: usize, state: StepState) {
        crate::harness::until("the step comes to it", async || {
            self.get(id).await.steps[position].state == state
        })
        .await;
    }
}

fn voyage() -> NewSaga {
    NewSaga::new("voyage")
}

/// Says what it is given, and what the step before it said.
struct Says;

impl Action for Says {
    fn name(&self) -> &str {
        "says"
    }
    async fn run(&self, step: Step) -> Result<Effect, StepError> {
        let before = step.position().checked_sub(1).and_then(|at| step.output_of(at));
        Ok(Effect::made(json!([step.input(), before])))
    }
    async fn undo(&self, _: Step, _: Option<Value>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Cannot be asked, and does not like to be asked twice.
struct Waits(Arc<Semaphore>);

impl Action for Waits {
    fn name(&self) -> &str {
        "waits"
    }
    async fn run(&self, step: Step) -> Result<Effect, StepError> {
        let permit = self.0.acquire().await;
        permit.map_err(|_| StepError::new("closed", "the harbour is closed"))?.forget();
        Ok(Effect::made(step.input().clone()))
    }
    async fn undo(&self, _: Step, _: Option<Value>) -> Result<(), StepError> {
        Ok(())
    }
}

struct Hangs;

impl Action for Hangs {
    fn name(&self) -> &str {
        "hangs"
    }
    async fn run(&self, _: Step) -> Result<Effect, StepError> {
        std::future::pending().await
    }
    async fn undo(&self, _: Step, output: Option<Value>) -> Result<(), StepError> {
        assert_eq!(output, None, "nobody knows what it did");
        Ok(())
    }
    fn policy(&self) -> Policy {
        let unknown = seaworthy_jobs::saga::Unknown::RunAgain;
        Policy { retry: Retry::never(), timeout: Duration::from_millis(50), unknown }
    }
}

async fn a_plan_is_refused_or_accepted_whole(bed: Bed) {
    let harbour = Harbour::new(bed);
    assert!(matches!(harbour.sagas.start(voyage()).await, Err(Error::Invalid { field: "steps", .. })));
    let unnamed = voyage().step("says", 1).step("", 2);
    assert!(matches!(harbour.sagas.start(unnamed).await, Err(Error::Invalid { field: "action", .. })));
    let unique = || voyage().step("says", 1).unique("u", UniqueScope::WhileUnfinished).queue("q").priority(2);
    let first = harbour.sagas.start(unique()).await.expect("accepted");
    let second = harbour.sagas.start(unique()).await.expect("answered");
    assert!(second.duplicate && second.id == first.id);
    let saga = harbour.get(first.id).await;
    assert_eq!((saga.state, saga.job, saga.steps.len()), (SagaState::Running, State::Available, 1));
    let job = harbour.bed.jobs.get(first.id).await.expect("there");
    assert_eq!((job.queue.as_str(), job.priority), ("q", 2));
    let plain = harbour.bed.add(complete()).await;
    assert!(matches!(harbour.sagas.get(plain).await, Err(Error::NotFound { .. })), "a job without steps");
}

async fn a_step_sees_what_was_before_it(bed: Bed) {
    let harbour = Harbour::new(bed);
    let running = harbour.open().await;
    let id = harbour.start(voyage().step("says", "a").step("says", "b")).await;
    let job = harbour.bed.reaches(id, State::Completed).await;
    assert_eq!(job.result.as_deref(), Some(r#"{"steps":[["a",null],["b",["a",null]]]}"#));
    // as a schedule does it: a job of this kind
    let plan = seaworthy_jobs::saga::Plan {
        steps: vec![seaworthy_jobs::saga::PlannedStep { action: "says".into(), input: json!(1) }],
    };
    let plain = harbour.bed.add(seaworthy_jobs::NewJob::new("voyage", &plan)).await;
    harbour.bed.reaches(plain, State::Completed).await;
    assert_eq!(harbour.get(plain).await.state, SagaState::Completed);
    running.stop(Duration::from_secs(5)).await;
}

async fn what_is_not_begun_is_called_off_at_once(bed: Bed) {
    let harbour = Harbour::new(bed);
    let id = harbour.start(voyage().step("says", 1)).await;
    assert_eq!(harbour.sagas.cancel(id).await.expect("called off"), Cancelled::Now);
    let saga = harbour.get(id).await;
    assert_eq!((saga.state, saga.job), (SagaState::Compensated, State::Cancelled));
    assert_eq!(saga.steps[0].state, StepState::Skipped);
    assert!(matches!(harbour.sagas.cancel(id).await, Err(Error::State { .. })));
}

async fn called_off_while_it_runs_it_undoes_what_it_did(bed: Bed) {
    let harbour = Harbour::new(bed);
    let running = harbour.open().await;
    let id = harbour.start(voyage().step("says", 1).step("waits", 2).step("says", 3)).await;
    harbour.step_is(id, 1, StepState::Intended).await;
    // the door of jobs knows that it is a saga
    assert_eq!(harbour.bed.jobs.cancel(id).await.expect("told"), Cancelled::Requested);
    harbour.gate.add_permits(1);
    harbour.bed.reaches(id, State::Cancelled).await;
    let saga = harbour.get(id).await;
    assert_eq!(saga.state, SagaState::Compensated);
    let states: Vec<_> = saga.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Undone, StepState::Undone, StepState::Skipped]);
    running.stop(Duration::from_secs(5)).await;
}

async fn who_does_not_know_stops_until_somebody_tells(bed: Bed) {
    let harbour = Harbour::new(bed);
    let plan = || voyage().step("says", 1).step("waits", 2);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(harbour.start(plan()).await);
    }
    let victim = harbour.open().await;
    for id in &ids {
        harbour.step_is(*id, 1, StepState::Intended).await;
    }
    drop(victim);
    let running = harbour.open().await;
    for id in &ids {
        let job = harbour.bed.reaches(*id, State::Discarded).await;
        let (code, text) = job.error.expect("why");
        assert_eq!(code, "ambiguous");
        let key = harbour.get(*id).await.steps[1].key.clone();
        assert!(text.contains("how it ended was never told") && text.contains(&key), "{text}");
    }
    let stuck = harbour.sagas.list(Some(SagaState::Stuck), None, 10).await.expect("listed");
    assert_eq!(stuck.iter().map(|saga| saga.id).rev().collect::<Vec<_>>(), ids);
    // it was done, it was not done, and nobody knows still
    harbour.sagas.settle(ids[0], 1, Settled::Done(json!("by hand"))).await.expect("settled");
    harbour.sagas.settle(ids[1], 1, Settled::Absent).await.expect("settled");
    let known = harbour.sagas.settle(ids[1], 0, Settled::Absent).await;
    assert!(matches!(known, Err(Error::Refused { .. })), "{known:?}");
    harbour.gate.add_permits(1);
    for id in &ids {
        harbour.sagas.resume(*id, &Replay::default()).await.expect("brought back");
    }
    let done = harbour.bed.reaches(ids[0], State::Completed).await;
    assert_eq!(done.result.as_deref(), Some(r#"{"steps":[[1,null],"by hand"]}"#));
    let done = harbour.bed.reaches(ids[1], State::Completed).await;
    assert_eq!(done.result.as_deref(), Some(r#"{"steps":[[1,null],2]}"#));
    harbour.bed.reaches(ids[2], State::Discarded).await;
    assert_eq!(harbour.get(ids[2]).await.state, SagaState::Stuck);
    running.stop(Duration::from_secs(5)).await;
}

async fn a_step_has_its_time(bed: Bed) {
    let harbour = Harbour::new(bed);
    let running = harbour.open().await;
    let id = harbour.start(voyage().step("says", 1).step("hangs", 2)).await;
    let job = harbour.bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error.expect("why").0, "timeout");
    let saga = harbour.get(id).await;
    assert_eq!((saga.state, saga.failed_step), (SagaState::Compensated, Some(1)));
    let states: Vec<_> = saga.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Undone, StepState::Undone], "something may have been done");
    running.stop(Duration::from_secs(5)).await;
}

async fn an_action_that_nobody_knows_undoes_the_rest(bed: Bed) {
    let harbour = Harbour::new(bed);
    let running = harbour.open().await;
    let id = harbour.start(voyage().step("says", 1).step("flies", 2)).await;
    let job = harbour.bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error.expect("why").0, "unknown_action");
    let saga = harbour.get(id).await;
    let states: Vec<_> = saga.steps.iter().map(|step| step.state).collect();
    assert_eq!((saga.state, states), (SagaState::Compensated, vec![StepState::Undone, StepState::Skipped]));
    running.stop(Duration::from_secs(5)).await;
}
