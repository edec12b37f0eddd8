//! What is written before and after everything a saga does.
//!
//! Every write begins by holding the job's row with the fence of our claim: whoever took the job over in the meantime
//! has raised it, and we write nothing more.

mod open;

pub(super) use open::insert;

#[cfg(test)]
use super::crash::Crash;
use super::plan::Plan;
use super::record::{SagaRow, SagaState, StepRow};
use crate::Error;
use futures_util::future::BoxFuture;
use seaworthy_store::{Query, Rows, Store, Tx};
use std::time::Duration;

/// How long a database that is away is waited for: a write that is made again changes nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const TRIES: u32 = 6;

/// Why a saga cannot go on here.
#[derive(Debug)]
pub(super) enum Halt {
    /// Somebody else has the job.
    Lost,
    /// The database did not write.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<seaworthy_store::Error> for Halt {
    fn from(error: seaworthy_store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The way to the tables for one attempt of one saga's job.
#[derive(Clone)]
pub(super) struct Journal {
    store: Store,
    id: i64,
    fence: i64,
    #[cfg(test)]
    crash: Option<std::sync::Arc<Crash>>,
}

impl Journal {
    pub(super) const fn new(store: Store, id: i64, fence: i64) -> Self {
        Self {
            store,
            id,
            fence,
            #[cfg(test)]
            crash: None,
        }
    }

    #[cfg(test)]
    pub(super) fn dying(self, crash: Option<std::sync::Arc<Crash>>) -> Self {
        Self { crash, ..self }
    }

    /// A place where a process may die; tests make it do so.
    #[cfg_attr(not(test), expect(clippy::unused_async, reason = "tests wait here"))]
    pub(super) async fn point(&self) {
        #[cfg(test)]
        if let Some(crash) = &self.crash {
            crash.reached(self.id).await;
        }
    }

    /// The saga as it stands, made from the plan where it is new.
    pub(super) async fn open(&self, kind: &str, plan: &Plan) -> Result<SagaRow, Halt> {
        let (id, kind, plan) = (self.id, kind.to_owned(), plan.clone());
        self.write(move |tx, replays| {
            let (kind, plan) = (kind.clone(), plan.clone());
            Box::pin(async move { open::open(tx, id, &kind, &plan, replays).await })
        })
        .await
    }

    /// Writes down the saga, and those of its steps that changed. Tells whether somebody wants it called off.
    pub(super) async fn save(&self, saga: &SagaRow, changed: &[usize]) -> Result<bool, Halt> {
        let id = self.id;
        let steps: Vec<StepRow> = changed.iter().filter_map(|at| saga.steps.get(*at).cloned()).collect();
        let saga = SagaRow { steps: Vec::new(), ..saga.clone() };
        self.write(move |tx, _| {
            let (saga, steps) = (saga.clone(), steps.clone());
            Box::pin(async move {
                save_steps(tx, id, &steps).await?;
                save_saga(tx, id, &saga).await
            })
        })
        .await
    }

    async fn write<T, F>(&self, work: F) -> Result<T, Halt>
    where
        F: for<'t> Fn(&'t mut Tx, i64) -> BoxFuture<'t, Result<T, Halt>> + Clone + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.point().await;
        let (id, fence, mut tries) = (self.id, self.fence, 1);
        let done = loop {
            let work = work.clone();
            let done = self.store.write(move |tx| {
                Box::pin(async move {
                    let replays = hold(tx, id, fence).await?;
                    work(tx, replays).await
                })
            });
            match done.await {
                Err(Halt::Failed(Error::Store(error))) if error.is_outage() && tries < TRIES => {
                    tracing::warn!(%error, saga = id, "a saga's step cannot be written down; trying again");
                    tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(tries)).await;
                    tries += 1;
                }
                done => break done,
            }
        };
        self.point().await;
        done
    }
}

/// Only who has the job may write; gives how often it was brought back.
async fn hold(tx: &mut Tx, id: i64, fence: i64) -> Result<i64, Halt> {
    let query = "SELECT COALESCE(replays, 0) AS replays FROM jobs
        WHERE id = $1 AND fence = $2 AND state = 'running' {lock}";
    let row = tx.fetch_optional(Query::new(query).bind(id).bind(fence)).await?.ok_or(Halt::Lost)?;
    Ok(row.get("replays")?)
}

async fn save_saga(tx: &mut Tx, id: i64, saga: &SagaRow) -> Result<bool, Halt> {
    let now = tx.now();
    let over = matches!(saga.state, SagaState::Completed | SagaState::Compensated | SagaState::Stuck);
    let query = Query::new(
        "UPDATE sagas SET state = $2, backward = $3, failed_step = $4, error_code = $5, error = $6, replays = $7,
            finished_at = $8 WHERE id = $1 RETURNING cancel_requested",
    );
    let failed = saga.failed_step.map(|at| i64::try_from(at).unwrap_or(i64::MAX));
    let query = query.bind(id).bind(saga.state.as_str()).bind(saga.backward).bind(failed);
    let query = query.bind(saga.failure.as_ref().map(|failure| failure.code.as_str()));
    let query = query.bind(saga.failure.as_ref().map(|failure| failure.text.as_str()));
    let row = tx.fetch_one(query.bind(saga.replays).bind(over.then_some(now))).await?;
    Ok(row.get::<i64>("cancel_requested")? == 1)
}

async fn save_steps(tx: &mut Tx, id: i64, steps: &[StepRow]) -> Result<(), Halt> {
    if steps.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&StepRow) -> Option<String>| steps.iter().map(pick);
    let flags = |pick: fn(&StepRow) -> bool| steps.iter().map(move |step| i64::from(pick(step)));
    let rows = Rows::new()
        .ints("position", steps.iter().map(|step| i64::try_from(step.position).unwrap_or(i64::MAX)))
        .texts("state", text(|step| Some(step.state.as_str().to_owned())))
        .ints("in_flight", flags(|step| step.in_flight))
        .ints("doubtful", flags(|step| step.doubtful))
        .ints("adopted", flags(|step| step.adopted))
        .ints("attempts", steps.iter().map(|step| i64::from(step.attempts)))
        .ints("undo_attempts", steps.iter().map(|step| i64::from(step.undo_attempts)))
        .texts("output", text(|step| step.output.as_ref().map(ToString::to_string)))
        .texts("error_code", text(|step| step.failure.as_ref().map(|failure| failure.code.clone())))
        .texts("error", text(|step| step.failure.as_ref().map(|failure| failure.text.clone())))
        .texts("instructions", text(|step| step.instructions.clone()));
    let query = "UPDATE saga_steps SET state = x.state, in_flight = x.in_flight, doubtful = x.doubtful,
            adopted = x.adopted, attempts = x.attempts, undo_attempts = x.undo_attempts, output = x.output,
            error_code = x.error_code, error = x.error, instructions = x.instructions, updated_at = $2
        FROM {rows} WHERE saga_steps.saga_id = $1 AND saga_steps.position = x.position";
    let now = tx.now();
    tx.execute(Query::new(query).bind(id).bind(now).rows(rows)).await?;
    Ok(())
}
