//! Calling actions: within their time, and without their panics.

use super::Run;
use crate::payload::clean;
use crate::record::Failure;
use crate::saga::action::{Effect, Policy, Probe, StepError};
use crate::saga::erased::Erased;
use crate::saga::record::StepState;
use crate::saga::step::Step;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use seaworthy_core::duration;
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

const LONGEST_OUTPUT: usize = 1 << 20;
const LONGEST_ERROR: usize = 2 << 10;
const LONGEST_CODE: usize = 64;
const LONGEST_INSTRUCTIONS: usize = 4 << 10;

/// What is said where a process died in the middle of it.
pub(super) const INTERRUPTED: &str = "it was begun, and how it ended was never told";

impl<'a> Run<'a> {
    pub(super) fn action(&self, at: usize) -> Option<&'a dyn Erased> {
        let step = self.row.steps.get(at)?;
        self.saga.find(&step.action)
    }

    pub(super) fn policy(&self, at: usize) -> Policy {
        self.action(at).map(Erased::policy).unwrap_or_default()
    }

    fn step(&self, at: usize) -> Option<Step> {
        let step = self.row.steps.get(at)?;
        let backward = matches!(step.state, StepState::Undoing);
        let outputs = self.row.steps.iter().map(|step| step.output.clone()).collect();
        Some(Step {
            context: self.context.clone(),
            position: step.position,
            key: Arc::from(step.key.as_str()),
            input: Arc::new(step.input.clone()),
            attempt: if backward { step.undo_attempts } else { step.attempts },
            outputs: Arc::new(outputs),
        })
    }

    pub(super) async fn call_run(&self, at: usize) -> Result<Effect, StepError> {
        let (Some(action), Some(step)) = (self.action(at), self.step(at)) else { return Err(unknown()) };
        let limit = self.policy(at).timeout;
        self.journal.point().await;
        let done = within(limit, action.run(step)).await;
        self.journal.point().await;
        done
    }

    pub(super) async fn call_undo(&self, at: usize, output: Option<Value>) -> Result<(), StepError> {
        let (Some(action), Some(step)) = (self.action(at), self.step(at)) else { return Err(unknown()) };
        let limit = self.policy(at).timeout;
        self.journal.point().await;
        let done = within(limit, action.undo(step, output)).await;
        self.journal.point().await;
        done
    }

    /// A look that fails or takes too long has seen nothing.
    pub(super) async fn call_probe(&self, at: usize) -> Probe {
        let (Some(action), Some(step)) = (self.action(at), self.step(at)) else { return Probe::Unknown };
        let limit = self.policy(at).timeout;
        let look: BoxFuture<'_, Result<Probe, StepError>> = action.probe(step).map(Ok).boxed();
        within(limit, look).await.unwrap_or(Probe::Unknown)
    }

    /// Writes down what a person must do about a step.
    pub(super) fn instruct(&mut self, at: usize) {
        let Some(step) = self.step(at) else { return };
        let output = self.row.steps.get(at).and_then(|step| step.output.clone());
        let text = self.action(at).map(|action| {
            // it is a program's text about what has gone wrong already
            std::panic::catch_unwind(AssertUnwindSafe(|| action.instructions(&step, output.as_ref())))
        });
        let text = match text {
            Some(Ok(text)) => text,
            _ => format!("this program has no instructions; the key is {}", step.key()),
        };
        if let Some(row) = self.row.steps.get_mut(at) {
            row.instructions = Some(clean(&text, LONGEST_INSTRUCTIONS));
        }
    }
}

/// As much of an output as is kept.
pub(super) fn bounded(output: Value) -> Value {
    let length = output.to_string().len();
    if length > LONGEST_OUTPUT { serde_json::json!({ "too_large": length }) } else { output }
}

pub(super) fn failure(error: &StepError) -> Failure {
    Failure { code: clean(&error.code, LONGEST_CODE), text: clean(&error.text, LONGEST_ERROR) }
}

fn unknown() -> StepError {
    StepError::refused("unknown_action", "no saga of this kind in this process knows this action")
}

async fn within<T>(limit: Duration, call: BoxFuture<'_, Result<T, StepError>>) -> Result<T, StepError> {
    let call = AssertUnwindSafe(call).catch_unwind();
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(StepError::new("panic", "the action panicked")),
        Err(_) => Err(StepError::new("timeout", format!("not done within {}", duration::format(limit)))),
    }
}
