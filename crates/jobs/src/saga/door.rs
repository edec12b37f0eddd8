use super::journal;
use super::plan::NewSaga;
use super::record::{SagaState, StepRow, StepState, failure, place, time};
use crate::dead::{DeadLetters, Replay};
use crate::job::LARGEST_PAGE;
use crate::payload::clean;
use crate::{Cancelled, Enqueued, Error, Jobs, State};
use seaworthy_store::{Query, Row, Timestamp, Tx};
use serde_json::Value;

/// The door to all sagas of a database. Clones share it.
#[derive(Debug, Clone)]
pub struct Sagas {
    jobs: Jobs,
}

/// A saga as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaStatus {
    /// Its number, and its job's.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// Where it stands.
    pub state: SagaState,
    /// Where its job stands.
    pub job: State,
    /// Which step it failed at.
    pub failed_step: Option<usize>,
    /// Why it turned back or stands still: the code and the text.
    pub error: Option<(String, String)>,
    /// Somebody wants it called off.
    pub cancel_requested: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it came to its end, or to a stop.
    pub finished_at: Option<Timestamp>,
    /// Its steps; empty in lists.
    pub steps: Vec<StepStatus>,
}

/// A step as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStatus {
    /// Which, from 0.
    pub position: usize,
    /// What it does.
    pub action: String,
    /// What it is given.
    pub input: Value,
    /// Its idempotency key.
    pub key: String,
    /// Where it stands.
    pub state: StepState,
    /// What it found was there before: it will not be undone.
    pub foreign: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// How often its undoing was tried.
    pub undo_attempts: u32,
    /// What it gave.
    pub output: Option<Value>,
    /// Its last failure: the code and the text.
    pub error: Option<(String, String)>,
    /// What a person must do.
    pub instructions: Option<String>,
}

/// What somebody found out about a step that could not be told, or did by hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It was done, and gave this.
    Done(Value),
    /// It was not done, or it has been undone by hand.
    Absent,
}

/// A part of it is there although its job is over: what the job's own end says comes first.
const STATE: &str = "CASE WHEN s.state IN ('running', 'compensating') AND j.state = 'discarded' THEN 'stuck'
    WHEN s.state IN ('running', 'compensating') AND j.state = 'cancelled' THEN 'compensated' ELSE s.state END";

impl Sagas {
    /// The sagas of the database that these jobs are in.
    pub const fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    /// Accepts a saga. Once this returns, it is durable.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Store`].
    pub async fn start(&self, saga: NewSaga) -> Result<Enqueued, Error> {
        let (plan, job) = saga.into_job()?;
        let jobs = self.jobs.clone();
        let write = self.jobs.store().write(move |tx| {
            Box::pin(async move {
                let kind = job.kind.clone();
                let made = jobs.enqueue_in(tx, vec![job]).await?.into_iter().next();
                let made = made.ok_or_else(|| Error::invalid("saga", "nothing was accepted"))?;
                if !made.duplicate {
                    journal::insert(tx, made.id, &kind, &plan, 0).await?;
                }
                Ok(made)
            })
        });
        write.await
    }

    /// A saga with its steps. One whose job was enqueued without this door is there once it was begun.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn get(&self, id: i64) -> Result<SagaStatus, Error> {
        let store = self.jobs.store();
        let query = Query::assembled(format!(
            "SELECT s.*, {STATE} AS shown, j.state AS job_state FROM sagas s JOIN jobs j ON j.id = s.id WHERE s.id = $1"
        ));
        let row = store.fetch_optional(query.bind(id)).await?.ok_or_else(|| missing(id))?;
        let mut saga = SagaStatus::read(&row)?;
        let steps = Query::new("SELECT * FROM saga_steps WHERE saga_id = $1 ORDER BY position").bind(id);
        for row in store.fetch_all(steps).await? {
            saga.steps.push(StepStatus::of(StepRow::read(&row)?));
        }
        Ok(saga)
    }

    /// A page of at most `most` (and 1,000) sagas, newest first, `before` the last of the page before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(
        &self,
        state: Option<SagaState>,
        before: Option<i64>,
        most: usize,
    ) -> Result<Vec<SagaStatus>, Error> {
        let query = Query::assembled(format!(
            "SELECT s.*, {STATE} AS shown, j.state AS job_state FROM sagas s JOIN jobs j ON j.id = s.id
             WHERE s.id < $1 AND ($2 = '' OR {STATE} = $2) ORDER BY s.id DESC LIMIT $3"
        ));
        let most = i64::try_from(most.min(LARGEST_PAGE)).unwrap_or(1);
        let query = query.bind(before.unwrap_or(i64::MAX)).bind(state.map_or("", SagaState::as_str));
        self.jobs.store().fetch_all(query.bind(most)).await?.iter().map(SagaStatus::read).collect()
    }

    /// Calls a saga off: after the step under way it turns back, and what was done is undone. The same as
    /// [`Jobs::cancel`].
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where it has ended.
    pub async fn cancel(&self, id: i64) -> Result<Cancelled, Error> {
        self.jobs.cancel(id).await
    }

    /// Lets a saga that stands still go on: undoing what could not be undone, or doing what could not be told. One that
    /// was compensated begins anew, as its job's arguments say by now. The same as bringing back its job.
    ///
    /// # Errors
    /// As [`DeadLetters::replay`].
    pub async fn resume(&self, id: i64, how: &Replay) -> Result<(), Error> {
        DeadLetters::new(self.jobs.clone()).replay(id, how).await
    }

    /// Says about a step of a saga that stands still what nobody could tell, or what was done by hand.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where its job is no dead letter; [`Error::Refused`] where it is known how
    /// the step stands; [`Error::Store`].
    pub async fn settle(&self, id: i64, position: usize, settled: Settled) -> Result<(), Error> {
        self.jobs.store().write(move |tx| Box::pin(settle(tx, id, position, settled))).await
    }
}

fn missing(id: i64) -> Error {
    Error::NotFound { what: "saga", id: id.to_string() }
}

async fn settle(tx: &mut Tx, id: i64, position: usize, settled: Settled) -> Result<(), Error> {
    let lock = "SELECT j.state AS state, s.backward AS backward FROM jobs j JOIN sagas s ON s.id = j.id
        WHERE j.id = $1 {lock}";
    let row = tx.fetch_optional(Query::new(lock).bind(id)).await?.ok_or_else(|| missing(id))?;
    let state: String = row.get("state")?;
    let state: State =
        state.parse().map_err(|_| seaworthy_store::Error::Corrupt("a job's state".to_owned()))?;
    if state != State::Discarded {
        return Err(Error::State { id, state, action: "settled" });
    }
    let at = i64::try_from(position).unwrap_or(i64::MAX);
    let (to, output) = match (settled, row.get::<i64>("backward")? == 1) {
        (Settled::Done(output), _) => (StepState::Done, Some(output.to_string())),
        (Settled::Absent, true) => (StepState::Undone, None),
        (Settled::Absent, false) => (StepState::Planned, None),
    };
    let query = Query::new(
        "UPDATE saga_steps SET state = $3, output = COALESCE($4, output), in_flight = 0, doubtful = 0, attempts = 0,
            undo_attempts = 0, instructions = NULL, updated_at = $5
         WHERE saga_id = $1 AND position = $2 AND state IN ('intended', 'undoing', 'undo_failed')",
    );
    let now = tx.now();
    let query = query.bind(id).bind(at).bind(to.as_str()).bind(output).bind(now);
    if tx.execute(query).await? == 0 {
        let (id, reason) = (format!("{id}/{position}"), "it is known how this step stands".to_owned());
        return Err(Error::Refused { what: "saga's step", id, reason });
    }
    Ok(())
}

impl SagaStatus {
    fn read(row: &Row) -> Result<Self, Error> {
        let job: String = row.get("job_state")?;
        Ok(Self {
            id: row.get("id")?,
            kind: row.get("kind")?,
            state: SagaState::read(&row.get::<String>("shown")?)?,
            job: job.parse().map_err(|_| seaworthy_store::Error::Corrupt("a job's state".to_owned()))?,
            failed_step: place(row, "failed_step")?,
            error: failure(row)?.map(|failure| (failure.code, failure.text)),
            cancel_requested: row.get::<i64>("cancel_requested")? == 1,
            created_at: Timestamp::from_micros(row.get("created_at")?),
            finished_at: time(row, "finished_at")?,
            steps: Vec::new(),
        })
    }
}

impl StepStatus {
    fn of(step: StepRow) -> Self {
        Self {
            position: step.position,
            action: step.action,
            input: step.input,
            key: step.key,
            state: step.state,
            foreign: step.adopted,
            attempts: step.attempts,
            undo_attempts: step.undo_attempts,
            output: step.output,
            error: step.failure.map(|failure| (failure.code, clean(&failure.text, 2_048))),
            instructions: step.instructions,
        }
    }
}
