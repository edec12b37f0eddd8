//! The world outside: what was done to it, and whether twice.

use crate::Jobs;
use crate::retry::{Backoff, Retry};
use crate::saga::{Action, Effect, Policy, Probe, Step, StepError, Unknown};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    there: HashSet<String>,
    /// How often each was made.
    made: HashMap<String, usize>,
    /// In which order the steps of each saga were undone.
    undone: BTreeMap<i64, Vec<usize>>,
    /// What was not there when it was to be taken back.
    missing: Vec<String>,
    /// Those that have had their first failure.
    failed: HashSet<String>,
    soft: bool,
}

impl Ledger {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no panic")
    }

    /// As somebody who does not look whether it is there.
    fn make(&self, key: &str) {
        let mut world = self.world();
        world.there.insert(key.to_owned());
        *world.made.entry(key.to_owned()).or_default() += 1;
    }

    fn unmake(&self, step: &Step) {
        let mut world = self.world();
        if !world.there.remove(step.key()) {
            world.missing.push(step.key().to_owned());
        }
        world.undone.entry(step.saga()).or_default().push(step.position());
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.world().there.contains(key)
    }

    pub(super) fn left(&self) -> usize {
        self.world().there.len()
    }

    pub(super) fn soften(&self) {
        self.world().soft = true;
    }

    pub(super) fn no_effect_twice(&self) {
        let world = self.world();
        let twice: Vec<_> = world.made.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "made more than once: {twice:?}");
        assert!(world.missing.is_empty(), "undone, and not there: {:?}", world.missing);
    }

    pub(super) fn newest_was_undone_first(&self) {
        for (saga, order) in &self.world().undone {
            let down = order.windows(2).all(|pair| pair[0] > pair[1]);
            assert!(down, "saga {saga} was undone in the order {order:?}");
        }
    }

    fn probe(&self, step: &Step) -> Probe {
        if self.has(step.key()) { Probe::Found(Effect::made(step.input().clone())) } else { Probe::Absent }
    }
}

fn soon(unknown: Unknown) -> Policy {
    let backoff = Backoff::Fixed { delay: Duration::from_millis(5) };
    let retry = Retry { max_attempts: 5, backoff, jitter: 0.0 };
    Policy { retry, unknown, ..Policy::default() }
}

/// Finds what others made.
pub(super) struct Shared(pub(super) Ledger);

impl Action for Shared {
    fn name(&self) -> &str {
        "shared"
    }
    async fn run(&self, _: Step) -> Result<Effect, StepError> {
        Ok(Effect::foreign("shared"))
    }
    async fn undo(&self, step: Step, _: Option<Value>) -> Result<(), StepError> {
        self.0.unmake(&step);
        Ok(())
    }
    async fn probe(&self, _: Step) -> Probe {
        Probe::Found(Effect::foreign("shared"))
    }
}

/// Makes it twice where it is asked twice, but can be asked whether it did. Its first answer always gets lost.
pub(super) struct Flaky(pub(super) Ledger);

impl Action for Flaky {
    fn name(&self) -> &str {
        "flaky"
    }
    async fn run(&self, step: Step) -> Result<Effect, StepError> {
        self.0.make(step.key());
        if self.0.world().failed.insert(step.key().to_owned()) {
            return Err(StepError::new("timeout", "no answer"));
        }
        Ok(Effect::made(step.input().clone()))
    }
    async fn undo(&self, step: Step, _: Option<Value>) -> Result<(), StepError> {
        self.0.unmake(&step);
        Ok(())
    }
    async fn probe(&self, step: Step) -> Probe {
        self.0.probe(&step)
    }
    fn policy(&self) -> Policy {
        soon(Unknown::Stop)
    }
}

/// Knows a repetition by its key, and cannot be asked.
pub(super) struct Knows(pub(super) Ledger);

impl Action for Knows {
    fn name(&self) -> &str {
        "knows"
    }
    async fn run(&self, step: Step) -> Result<Effect, StepError> {
        if !self.0.has(step.key()) {
            self.0.make(step.key());
        }
        Ok(Effect::made(step.input().clone()))
    }
    async fn undo(&self, step: Step, _: Option<Value>) -> Result<(), StepError> {
        if self.0.has(step.key()) {
            self.0.unmake(&step);
        }
        Ok(())
    }
    fn policy(&self) -> Policy {
        soon(Unknown::RunAgain)
    }
}

/// Cannot be undone until somebody mends it.
pub(super) struct Stubborn(pub(super) Ledger);

impl Action for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }
    async fn run(&self, step: Step) -> Result<Effect, StepError> {
        self.0.make(step.key());
        Ok(Effect::made(step.input().clone()))
    }
    async fn undo(&self, step: Step, _: Option<Value>) -> Result<(), StepError> {
        if !self.0.world().soft {
            return Err(StepError::new("jammed", "it does not move"));
        }
        self.0.unmake(&step);
        Ok(())
    }
    async fn probe(&self, step: Step) -> Probe {
        self.0.probe(&step)
    }
    fn instructions(&self, _: &Step, output: Option<&Value>) -> String {
        format!("pull harder at {}", output.cloned().unwrap_or_default())
    }
    fn policy(&self) -> Policy {
        soon(Unknown::Stop)
    }
}

/// Does its work, and calls its saga off.
pub(super) struct Quits(pub(super) Ledger, pub(super) Jobs);

impl Action for Quits {
    fn name(&self) -> &str {
        "quits"
    }
    async fn run(&self, step: Step) -> Result<Effect, StepError> {
        self.0.make(step.key());
        self.1.cancel(step.saga()).await.expect("told");
        Ok(Effect::made(step.input().clone()))
    }
    async fn undo(&self, step: Step, _: Option<Value>) -> Result<(), StepError> {
        self.0.unmake(&step);
        Ok(())
    }
    async fn probe(&self, step: Step) -> Probe {
        self.0.probe(&step)
    }
}

/// Never.
pub(super) struct Refuses;

impl Action for Refuses {
    fn name(&self) -> &str {
        "refuses"
    }
    async fn run(&self, _: Step) -> Result<Effect, StepError> {
        Err(StepError::refused("never", "not this one"))
    }
    async fn undo(&self, _: Step, _: Option<Value>) -> Result<(), StepError> {
        Err(StepError::refused("never", "there is nothing to undo"))
    }
    async fn probe(&self, _: Step) -> Probe {
        Probe::Absent
    }
}
