//! The way forward: write down what is to be done, do it, write down that it is.

use super::call::{INTERRUPTED, bounded, failure};
use super::{Next, Run};
use crate::record::Failure;
use crate::saga::action::{Effect, Probe, StepError, Unknown};
use crate::saga::journal::Halt;
use crate::saga::record::{SagaState, StepState};

impl Run<'_> {
    /// One step's worth of it.
    pub(super) async fn forward(&mut self) -> Result<Next, Halt> {
        let open = self.row.steps.iter().find(|step| step.state != StepState::Done);
        let Some((at, state)) = open.map(|step| (step.position, step.state)) else {
            self.row.state = SagaState::Completed;
            self.save(&[]).await?;
            return Ok(Next::Again);
        };
        if self.cancelled {
            return self.turn_back(None, called_off()).await;
        }
        if state == StepState::Intended { self.resolve(at).await } else { self.attempt(at).await }
    }

    /// It was begun before.
    async fn resolve(&mut self, at: usize) -> Result<Next, Halt> {
        let told = self.row.steps.get(at).is_some_and(|step| !step.in_flight);
        match self.call_probe(at).await {
            Probe::Found(effect) => self.confirm(at, effect).await,
            Probe::Absent => {
                if let Some(step) = self.row.steps.get_mut(at) {
                    step.doubtful = false;
                }
                self.attempt(at).await
            }
            // it said itself that it may be tried again
            Probe::Unknown if told || self.policy(at).unknown == Unknown::RunAgain => self.attempt(at).await,
            Probe::Unknown => {
                let text = format!("step {at} {}: {INTERRUPTED}", self.name(at));
                self.stop(at, Failure { code: "ambiguous".to_owned(), text }).await
            }
        }
    }

    /// Does it.
    async fn attempt(&mut self, at: usize) -> Result<Next, Halt> {
        let most = self.policy(at).retry.max_attempts;
        let Some(step) = self.row.steps.get_mut(at) else { return Ok(Next::Again) };
        if step.attempts >= most {
            // it takes its process along, again and again
            let lost = Failure { code: "lost".to_owned(), text: INTERRUPTED.to_owned() };
            let last = step.failure.clone().filter(|_| !step.in_flight).unwrap_or(lost);
            return self.give_up(at, last).await;
        }
        let before = step.doubtful;
        step.state = StepState::Intended;
        step.attempts += 1;
        step.in_flight = true;
        step.doubtful = true;
        self.save(&[at]).await?;
        if self.cancelled {
            // heard in time: nothing was done yet
            return self.failed(at, before, &StepError::refused("cancelled", "called off")).await;
        }
        match self.call_run(at).await {
            Ok(effect) => self.confirm(at, effect).await,
            Err(error) => self.failed(at, before, &error).await,
        }
    }

    async fn confirm(&mut self, at: usize, effect: Effect) -> Result<Next, Halt> {
        let Some(step) = self.row.steps.get_mut(at) else { return Ok(Next::Again) };
        step.state = StepState::Done;
        step.in_flight = false;
        step.adopted = effect.foreign;
        step.output = Some(bounded(effect.output));
        step.failure = None;
        self.save(&[at]).await?;
        Ok(Next::Again)
    }

    async fn failed(&mut self, at: usize, before: bool, error: &StepError) -> Result<Next, Halt> {
        let retry = self.policy(at).retry;
        let Some(step) = self.row.steps.get_mut(at) else { return Ok(Next::Again) };
        let failure = failure(error);
        step.in_flight = false;
        step.doubtful = before || !error.no_effect;
        step.failure = Some(failure.clone());
        let attempts = step.attempts;
        if self.cancelled {
            return self.turn_back(None, called_off()).await;
        }
        if error.permanent || attempts >= retry.max_attempts {
            return self.give_up(at, failure).await;
        }
        self.save(&[at]).await?;
        Ok(Next::Pause(retry.pause_with(attempts, fastrand::f64())))
    }

    async fn give_up(&mut self, at: usize, failure: Failure) -> Result<Next, Halt> {
        let text = format!("step {at} {} failed: {}", self.name(at), failure.text);
        self.turn_back(Some(at), Failure { code: failure.code, text }).await
    }

    pub(super) fn name(&self, at: usize) -> String {
        self.row.steps.get(at).map(|step| format!("\"{}\"", step.action)).unwrap_or_default()
    }
}

fn called_off() -> Failure {
    Failure { code: "cancelled".to_owned(), text: "called off".to_owned() }
}
