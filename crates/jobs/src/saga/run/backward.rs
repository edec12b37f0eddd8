//! The way back: newest first, written down before and after like the way forward.

use super::call::{bounded, failure};
use super::{Next, Run};
use crate::record::Failure;
use crate::saga::action::{Effect, Probe, Unknown};
use crate::saga::journal::Halt;
use crate::saga::record::{SagaState, StepState};

impl Run<'_> {
    /// One step's worth of it.
    pub(super) async fn backward(&mut self) -> Result<Next, Halt> {
        let open = |state| {
            matches!(state, StepState::Planned | StepState::Intended | StepState::Done | StepState::Undoing)
        };
        let Some(step) = self.row.steps.iter().rev().find(|step| open(step.state)) else {
            return self.close().await;
        };
        let (at, adopted, in_flight) = (step.position, step.adopted, step.in_flight);
        match step.state {
            StepState::Intended => self.doubt(at).await,
            StepState::Done if !adopted => self.undo(at).await,
            // it may have been undone already
            StepState::Undoing if in_flight => match self.call_probe(at).await {
                Probe::Absent => self.settle(at, StepState::Undone).await,
                Probe::Found(_) | Probe::Unknown => self.undo(at).await,
            },
            StepState::Undoing => self.undo(at).await,
            _ => self.settle(at, StepState::Skipped).await,
        }
    }

    /// Something may have been done.
    async fn doubt(&mut self, at: usize) -> Result<Next, Halt> {
        match self.call_probe(at).await {
            Probe::Found(Effect { foreign: true, .. }) | Probe::Absent => {
                self.settle(at, StepState::Skipped).await
            }
            Probe::Found(effect) => {
                if let Some(step) = self.row.steps.get_mut(at) {
                    step.output = Some(bounded(effect.output));
                }
                self.settle(at, StepState::Done).await
            }
            Probe::Unknown if self.policy(at).unknown == Unknown::RunAgain => self.undo(at).await,
            Probe::Unknown => {
                self.instruct(at);
                self.settle(at, StepState::UndoFailed).await
            }
        }
    }

    async fn settle(&mut self, at: usize, state: StepState) -> Result<Next, Halt> {
        if let Some(step) = self.row.steps.get_mut(at) {
            step.state = state;
            step.in_flight = false;
        }
        self.save(&[at]).await?;
        Ok(Next::Again)
    }

    async fn undo(&mut self, at: usize) -> Result<Next, Halt> {
        let retry = self.policy(at).retry;
        let Some(step) = self.row.steps.get_mut(at) else { return Ok(Next::Again) };
        if step.undo_attempts >= retry.max_attempts {
            self.instruct(at);
            return self.settle(at, StepState::UndoFailed).await;
        }
        step.state = StepState::Undoing;
        step.undo_attempts += 1;
        step.in_flight = true;
        let (attempts, output) = (step.undo_attempts, step.output.clone());
        self.save(&[at]).await?;
        let Err(error) = self.call_undo(at, output).await else {
            return self.settle(at, StepState::Undone).await;
        };
        if let Some(step) = self.row.steps.get_mut(at) {
            step.failure = Some(failure(&error));
        }
        if error.permanent || attempts >= retry.max_attempts {
            self.instruct(at);
            return self.settle(at, StepState::UndoFailed).await;
        }
        self.settle(at, StepState::Undoing).await?;
        Ok(Next::Pause(retry.pause_with(attempts, fastrand::f64())))
    }

    /// All was tried.
    async fn close(&mut self) -> Result<Next, Halt> {
        let left = self.row.steps.iter().any(|step| step.state == StepState::UndoFailed);
        self.row.state = if left { SagaState::Stuck } else { SagaState::Compensated };
        if self.row.failure.is_none() {
            self.row.failure = Some(Failure { code: "saga".to_owned(), text: "it turned back".to_owned() });
        }
        self.save(&[]).await?;
        Ok(Next::Again)
    }
}
