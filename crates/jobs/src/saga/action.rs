use super::step::Step;
use crate::Retry;
use serde_json::Value;
use std::future::Future;
use std::time::Duration;

/// Something that is done to the world, and can be undone.
///
/// An effect is made at least once: a process may die after it and before it was written down. Two things make it
/// happen once all the same. [`Step::key`] is the same however often the step is tried, for those who are called to
/// recognise it by. [`probe`](Action::probe) looks whether it was made, where it can be looked up.
pub trait Action: Send + Sync + 'static {
    /// What plans call it.
    fn name(&self) -> &str;

    /// Makes the effect.
    fn run(&self, step: Step) -> impl Future<Output = Result<Effect, StepError>> + Send;

    /// Takes it back. `output` is what [`run`](Self::run) or [`probe`](Self::probe) gave; `None` where it is not known
    /// whether anything was done: there may be nothing to take back, which is success. It may be called twice.
    fn undo(&self, step: Step, output: Option<Value>) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Whether the effect with this step's key is there. Asked where a step was begun and nobody knows how it ended.
    fn probe(&self, step: Step) -> impl Future<Output = Probe> + Send {
        let _ = step;
        std::future::ready(Probe::Unknown)
    }

    /// What a person must do where it cannot be undone, or it is not known whether it was done. No secrets.
    fn instructions(&self, step: &Step, output: Option<&Value>) -> String {
        let name = self.name();
        match output {
            Some(output) => format!("undo \"{name}\" by hand; it gave {output}"),
            None => {
                format!("look whether \"{name}\" was done, by its key {}; if so, undo it by hand", step.key())
            }
        }
    }

    /// How often it is tried, how long it may take, and what holds where nobody knows.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    pub(super) output: Value,
    pub(super) foreign: bool,
}

impl Effect {
    /// It was made, by this step. The output is kept for later steps and for undoing it; up to 1 MiB.
    pub fn made(output: impl Into<Value>) -> Self {
        Self { output: output.into(), foreign: false }
    }

    /// It was there already, and not from this saga: it will not be undone.
    pub fn foreign(output: impl Into<Value>) -> Self {
        Self { output: output.into(), foreign: true }
    }
}

/// What a look for an effect showed.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// It is there.
    Found(Effect),
    /// It is not.
    Absent,
    /// It cannot be told.
    Unknown,
}

/// Why a step, or its undoing, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct StepError {
    /// A short name that failures of one kind share.
    pub code: String,
    /// What happened. Shown to people: no secrets.
    pub text: String,
    /// Trying again cannot help.
    pub permanent: bool,
    /// It is certain that nothing was done.
    pub no_effect: bool,
}

impl StepError {
    /// It may work next time; something may have been done. To try again must do no harm.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into(), permanent: false, no_effect: false }
    }

    /// It was refused: nothing was done, and trying again cannot help.
    pub fn refused(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { permanent: true, no_effect: true, ..Self::new(code, text) }
    }

    /// Trying again cannot help.
    #[must_use]
    pub const fn for_good(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// It is certain that nothing was done.
    #[must_use]
    pub const fn without_effect(mut self) -> Self {
        self.no_effect = true;
        self
    }
}

/// How a step is treated.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How often it is tried, and its undoing too; four times unless said.
    pub retry: Retry,
    /// How long one try may take; 5 minutes.
    pub timeout: Duration,
    /// What holds where it was begun, nobody knows how it ended, and a probe cannot tell.
    pub unknown: Unknown,
}

/// What to do where nobody knows whether a step was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing: the saga stops as a dead letter that says what is to be looked up.
    #[default]
    Stop,
    /// The same again, with the same key: who is called knows a repetition by it, or it does no harm.
    RunAgain,
}

impl Default for Policy {
    fn default() -> Self {
        Self { retry: Retry::default(), timeout: Duration::from_secs(300), unknown: Unknown::default() }
    }
}
