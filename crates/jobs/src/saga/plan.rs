use crate::payload::name;
use crate::retry::Backoff;
use crate::{Error, NewJob, Retry, Unique, UniqueScope};
use seaworthy_core::trace::TraceContext;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

const MOST_STEPS: usize = 1_000;
const LONGEST_NAME: usize = 128;

/// The steps of a saga, in their order: the arguments of its job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is to be done.
    pub steps: Vec<PlannedStep>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// The name of the action.
    pub action: String,
    /// What it is given.
    #[serde(default)]
    pub input: Value,
}

impl Plan {
    pub(super) fn validate(&self) -> Result<(), Error> {
        if self.steps.is_empty() || self.steps.len() > MOST_STEPS {
            return Err(Error::invalid("steps", "must be 1 to 1000"));
        }
        self.steps.iter().try_for_each(|step| name("action", &step.action, LONGEST_NAME))
    }
}

/// A saga to be begun.
#[derive(Debug, Clone)]
pub struct NewSaga {
    kind: String,
    plan: Plan,
    queue: Option<String>,
    priority: Option<u8>,
    unique: Option<Unique>,
    trace: Option<TraceContext>,
}

impl NewSaga {
    /// A saga of the kind under which its actions are registered.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            plan: Plan::default(),
            queue: None,
            priority: None,
            unique: None,
            trace: None,
        }
    }

    /// The next step.
    #[must_use]
    pub fn step(mut self, action: impl Into<String>, input: impl Into<Value>) -> Self {
        self.plan.steps.push(PlannedStep { action: action.into(), input: input.into() });
        self
    }

    /// In this queue rather than `default`.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// From 1, first, to 10, last.
    #[must_use]
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Only where no saga of this kind has this key.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>, scope: UniqueScope) -> Self {
        self.unique = Some(Unique { key: key.into(), scope });
        self
    }

    /// The trace it belongs to.
    #[must_use]
    pub const fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    pub(super) fn into_job(self) -> Result<(Plan, NewJob), Error> {
        self.plan.validate()?;
        let mut job = NewJob::new(self.kind, &self.plan).retry(patient());
        job.queue = self.queue.unwrap_or(job.queue);
        job.priority = self.priority.unwrap_or(job.priority);
        job.unique = self.unique;
        job.trace = self.trace;
        Ok((self.plan, job))
    }
}

/// Steps are tried as their own policies say. What this counts is lost processes, and a saga should outlive many.
fn patient() -> Retry {
    let backoff =
        Backoff::Exponential { base: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(60) };
    Retry { max_attempts: 100, backoff, jitter: 0.1 }
}
