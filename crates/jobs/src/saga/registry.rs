use super::action::Action;
#[cfg(test)]
use super::crash::Crash;
use super::erased::{Erased, erase};
use super::plan::Plan;
use super::run::Run;
use crate::worker::{Context, Done, Failed, Worker};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A kind of saga and its actions: a [`Worker`], to be given to a [`Runner`](crate::runner::Runner).
pub struct Saga {
    kind: String,
    actions: HashMap<String, Arc<dyn Erased>>,
    #[cfg(test)]
    pub(super) crash: Option<Arc<Crash>>,
}

impl Saga {
    /// A kind without actions yet.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            actions: HashMap::new(),
            #[cfg(test)]
            crash: None,
        }
    }

    /// Adds an action; a second one with the same name takes the first one's place.
    #[must_use]
    pub fn action(mut self, action: impl Action) -> Self {
        let (name, action) = erase(action);
        self.actions.insert(name, action);
        self
    }

    pub(super) fn find(&self, name: &str) -> Option<&dyn Erased> {
        self.actions.get(name).map(|action| &**action)
    }
}

impl std::fmt::Debug for Saga {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names: Vec<_> = self.actions.keys().collect();
        names.sort();
        f.debug_struct("Saga").field("kind", &self.kind).field("actions", &names).finish_non_exhaustive()
    }
}

impl Worker for Saga {
    type Args = Plan;

    fn kind(&self) -> &str {
        &self.kind
    }

    async fn work(&self, plan: Plan, context: Context) -> Result<Done, Failed> {
        if let Err(error) = plan.validate() {
            return Err(Failed::permanent("arguments", error.to_string()));
        }
        Run::new(self, context).go(&plan).await
    }

    /// Its steps have time limits of their own.
    fn timeout(&self) -> Duration {
        Duration::from_secs(7 * 86_400)
    }
}
