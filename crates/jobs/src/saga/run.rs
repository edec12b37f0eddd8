//! One attempt of a saga's job: from where the tables say it stands, as far as it goes.

mod backward;
mod call;
mod forward;

use super::journal::{Halt, Journal};
use super::plan::Plan;
use super::record::{SagaRow, SagaState, StepState};
use super::registry::Saga;
use crate::payload::clean;
use crate::record::Failure;
use crate::worker::{Context, Done, Failed};
use serde_json::Value;
use std::time::Duration;

/// After a database that was away.
const AFTER_OUTAGE: Duration = Duration::from_secs(1);
const LONGEST_TEXT: usize = 8 << 10;

pub(super) struct Run<'a> {
    saga: &'a Saga,
    context: Context,
    journal: Journal,
    row: SagaRow,
    /// Somebody wants it called off.
    cancelled: bool,
}

/// What is next after a part of the way.
enum Next {
    Again,
    /// Not before so long.
    Pause(Duration),
}

impl<'a> Run<'a> {
    pub(super) fn new(saga: &'a Saga, context: Context) -> Self {
        let job = context.job();
        let journal = Journal::new(context.store().clone(), job.id, job.fence);
        #[cfg(test)]
        let journal = journal.dying(saga.crash.clone());
        Self { saga, context, journal, row: SagaRow::empty(), cancelled: false }
    }

    pub(super) async fn go(mut self, plan: &Plan) -> Result<Done, Failed> {
        match self.through(plan).await {
            Ok(Next::Pause(pause)) => Ok(Done::Snooze(pause)),
            Ok(Next::Again) => self.report(),
            // whatever is said now is not recorded
            Err(Halt::Lost) => Ok(Done::Snooze(Duration::ZERO)),
            Err(Halt::Failed(crate::Error::Store(error))) if error.is_outage() => {
                tracing::warn!(%error, saga = self.context.job().id, "a saga waits for the database");
                Ok(Done::Snooze(AFTER_OUTAGE))
            }
            Err(Halt::Failed(error)) => Err(Failed::new("journal", error.to_string())),
        }
    }

    async fn through(&mut self, plan: &Plan) -> Result<Next, Halt> {
        let kind = self.context.job().kind.clone();
        self.row = self.journal.open(&kind, plan).await?;
        self.cancelled = self.row.cancel_requested;
        loop {
            let next = match self.row.state {
                SagaState::Running => self.forward().await?,
                SagaState::Compensating => self.backward().await?,
                SagaState::Completed | SagaState::Compensated | SagaState::Stuck => return Ok(Next::Again),
            };
            if let Next::Pause(_) = next {
                return Ok(next);
            }
            if self.context.is_cancelled() {
                // the process ends, or somebody else has the job: both are told what to do by the runner
                return Ok(Next::Pause(Duration::ZERO));
            }
        }
    }

    async fn save(&mut self, changed: &[usize]) -> Result<(), Halt> {
        self.cancelled |= self.journal.save(&self.row, changed).await?;
        Ok(())
    }

    /// From now on it goes back: what was not begun never will be.
    async fn turn_back(&mut self, failed: Option<usize>, failure: Failure) -> Result<Next, Halt> {
        self.row.state = SagaState::Compensating;
        self.row.backward = true;
        self.row.failed_step = failed;
        self.row.failure = Some(failure);
        let mut changed = Vec::new();
        for step in &mut self.row.steps {
            if step.state == StepState::Planned || (step.state == StepState::Intended && !step.doubtful) {
                step.state = StepState::Skipped;
                step.in_flight = false;
            }
            if step.state != StepState::Done {
                changed.push(step.position);
            }
        }
        self.save(&changed).await?;
        Ok(Next::Again)
    }

    /// It takes a person.
    async fn stop(&mut self, at: usize, failure: Failure) -> Result<Next, Halt> {
        self.row.state = SagaState::Stuck;
        self.row.failed_step = Some(at);
        self.row.failure = Some(failure);
        self.instruct(at);
        self.save(&[at]).await?;
        Ok(Next::Again)
    }

    /// What its job is told in the end.
    fn report(&self) -> Result<Done, Failed> {
        match self.row.state {
            SagaState::Completed => {
                let outputs = self.row.steps.iter().map(|step| step.output.clone().unwrap_or(Value::Null));
                Ok(Done::with(&serde_json::json!({ "steps": outputs.collect::<Vec<_>>() })))
            }
            SagaState::Compensated if self.row.failed_step.is_none() => {
                Ok(Done::Cancelled("called off; whatever it had done was undone".to_owned()))
            }
            SagaState::Compensated => {
                let failure = self.row.failure.clone().unwrap_or_else(unexplained);
                Err(Failed::permanent(
                    failure.code,
                    format!("{}; whatever it had done was undone", failure.text),
                ))
            }
            _ => Err(self.stuck()),
        }
    }

    fn stuck(&self) -> Failed {
        let failure = self.row.failure.clone().unwrap_or_else(unexplained);
        let code = if self.row.backward { "compensation" } else { "ambiguous" };
        let mut text = failure.text;
        for step in &self.row.steps {
            if let Some(instructions) = &step.instructions {
                text.push_str(&format!("\nstep {} \"{}\": {instructions}", step.position, step.action));
            }
        }
        Failed::permanent(code, clean(&text, LONGEST_TEXT))
    }
}

fn unexplained() -> Failure {
    Failure { code: "saga".to_owned(), text: "the saga could not go on".to_owned() }
}
