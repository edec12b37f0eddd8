use super::action::{Action, Effect, Policy, Probe, StepError};
use super::step::Step;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;

/// An action whose type is forgotten.
pub(super) trait Erased: Send + Sync {
    fn run(&self, step: Step) -> BoxFuture<'_, Result<Effect, StepError>>;
    fn undo(&self, step: Step, output: Option<Value>) -> BoxFuture<'_, Result<(), StepError>>;
    fn probe(&self, step: Step) -> BoxFuture<'_, Probe>;
    fn instructions(&self, step: &Step, output: Option<&Value>) -> String;
    fn policy(&self) -> Policy;
}

struct Typed<A>(A);

pub(super) fn erase(action: impl Action) -> (String, Arc<dyn Erased>) {
    (action.name().to_owned(), Arc::new(Typed(action)))
}

impl<A: Action> Erased for Typed<A> {
    fn run(&self, step: Step) -> BoxFuture<'_, Result<Effect, StepError>> {
        Box::pin(self.0.run(step))
    }

    fn undo(&self, step: Step, output: Option<Value>) -> BoxFuture<'_, Result<(), StepError>> {
        Box::pin(self.0.undo(step, output))
    }

    fn probe(&self, step: Step) -> BoxFuture<'_, Probe> {
        Box::pin(self.0.probe(step))
    }

    fn instructions(&self, step: &Step, output: Option<&Value>) -> String {
        self.0.instructions(step, output)
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}
