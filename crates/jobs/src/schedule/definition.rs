use super::time::{maybe_span, span};
use super::trigger::Trigger;
use crate::moment;
use crate::payload::name;
use crate::{DEFAULT_QUEUE, Error, NewJob, Retry, Settings, UniqueScope};
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const LONGEST_NAME: usize = 128;
const LONGEST_TEXT: usize = 1_024;
const DEFAULT_GRACE: Duration = Duration::from_secs(3_600);
const LONGEST_GRACE: Duration = Duration::from_secs(366 * 86_400);
const LONGEST_JITTER: Duration = Duration::from_secs(86_400);
const DEFAULT_PACE: u32 = 60;
const FASTEST_PACE: u32 = 6_000;

/// What is to run, when, and what happens when that cannot be had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name, up to 128 bytes.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What makes it run.
    pub trigger: Trigger,
    /// What runs.
    pub job: Template,
    /// What happens where the last run has not ended yet.
    #[serde(default)]
    pub overlap: Overlap,
    /// How late a tick may be fired; later it counts as missed. Default 1 h, up to 366 d.
    #[serde(default = "default_grace", with = "span")]
    pub misfire_grace: Duration,
    /// What happens to ticks that came due while nobody could fire them, and are within the grace.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Every tick is fired up to so much later: always the same for the same schedule and tick. Default 0, up to 1 d.
    #[serde(default, with = "maybe_span", skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Duration>,
    /// No tick before this.
    #[serde(default, with = "moment::maybe", skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// No tick after this: then it is expired.
    #[serde(default, with = "moment::maybe", skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// After so many runs it is expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_executions: Option<u64>,
    /// After so many runs in a row whose job was discarded it is paused. Default 3; 0: never.
    #[serde(default = "default_failures")]
    pub max_failures: u32,
}

/// The job that a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The kind of worker.
    pub kind: String,
    /// Its queue; `default` unless said.
    #[serde(default = "default_queue")]
    pub queue: String,
    /// Its arguments; `null` unless said.
    #[serde(default)]
    pub payload: serde_json::Value,
    /// From 1, first, to 10; 5 unless said.
    #[serde(default = "default_priority")]
    pub priority: u8,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long one attempt may take.
    #[serde(default, with = "maybe_span", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Facts about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What happens at a tick whose predecessor's job has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The tick is skipped, and that is recorded.
    #[default]
    Skip,
    /// One run waits for the end of the one under way; while it waits, further ticks are skipped.
    BufferOne,
    /// Both run.
    Allow,
    /// The one under way is called off, and the new one begins when it has ended.
    CancelRunning,
}

/// What happens to ticks that came due while no scheduler ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case", deny_unknown_fields)]
pub enum CatchUp {
    /// The latest runs, the others are recorded as missed.
    #[default]
    Latest,
    /// Each runs, in order.
    All {
        /// At most so many a minute; default 60, up to 6,000.
        #[serde(default = "default_pace")]
        per_minute: u32,
    },
    /// None runs, but for one that is less than a minute late.
    None,
}

const fn default_grace() -> Duration {
    DEFAULT_GRACE
}
const fn default_failures() -> u32 {
    3
}
const fn default_pace() -> u32 {
    DEFAULT_PACE
}
const fn default_priority() -> u8 {
    5
}
fn default_queue() -> String {
    DEFAULT_QUEUE.to_owned()
}

impl Template {
    /// A job of this kind with these arguments, and nothing else said.
    pub fn new(kind: impl Into<String>, payload: serde_json::Value) -> Self {
        Self {
            kind: kind.into(),
            queue: default_queue(),
            payload,
            priority: default_priority(),
            retry: None,
            timeout: None,
            metadata: BTreeMap::new(),
            tags: Vec::new(),
        }
    }

    /// The job of one tick.
    pub(super) fn job(&self, schedule: &str, tick: Timestamp) -> NewJob {
        let mut job = NewJob::new(self.kind.as_str(), &self.payload)
            .queue(self.queue.as_str())
            .priority(self.priority)
            .unique(format!("schedule/{schedule}/{}", tick.as_micros()), UniqueScope::WhileUnfinished)
            .metadata("schedule", schedule)
            .metadata("tick", tick.as_micros().to_string());
        for (key, value) in &self.metadata {
            job = job.metadata(key, value);
        }
        for tag in &self.tags {
            job = job.tag(tag);
        }
        if let Some(retry) = &self.retry {
            job = job.retry(retry.clone());
        }
        match self.timeout {
            Some(timeout) => job.timeout(timeout),
            None => job,
        }
    }
}

impl Definition {
    /// A schedule with this name, trigger and job, and the defaults of everything else.
    pub fn new(name: impl Into<String>, trigger: Trigger, job: Template) -> Self {
        Self {
            name: name.into(),
            description: None,
            trigger,
            job,
            overlap: Overlap::default(),
            misfire_grace: DEFAULT_GRACE,
            catch_up: CatchUp::default(),
            jitter: None,
            start: None,
            end: None,
            max_executions: None,
            max_failures: default_failures(),
        }
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn validate(&self, settings: &Settings) -> Result<(), Error> {
        name("name", &self.name, LONGEST_NAME)?;
        self.trigger.validate()?;
        if self.trigger.upstream().contains(&self.name) {
            return Err(Error::invalid("on", "a schedule cannot wait for itself"));
        }
        if self.description.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT || text.contains('\0')) {
            return Err(Error::invalid("description", "must be at most 1024 bytes, without NUL"));
        }
        if self.misfire_grace > LONGEST_GRACE {
            return Err(Error::invalid("misfire_grace", "must be at most 366d"));
        }
        if self.jitter.is_some_and(|jitter| jitter > LONGEST_JITTER) {
            return Err(Error::invalid("jitter", "must be at most 1d"));
        }
        if let CatchUp::All { per_minute } = self.catch_up
            && !(1..=FASTEST_PACE).contains(&per_minute)
        {
            return Err(Error::invalid("per_minute", "must be from 1 to 6000"));
        }
        if self.max_executions == Some(0) {
            return Err(Error::invalid("max_executions", "must be at least 1"));
        }
        if let (Some(start), Some(end)) = (self.start, self.end)
            && start >= end
        {
            return Err(Error::invalid("end", "must be after start"));
        }
        self.job.job(&self.name, Timestamp::from_micros(0)).validate(settings.max_payload).map(|_| ())
    }

    pub(super) fn to_text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::invalid("schedule", error.to_string()))
    }

    /// Written by us: what cannot be read is damage.
    pub(super) fn from_text(text: &str) -> Result<Self, Error> {
        let damaged = |_| Error::from(seaworthy_store::Error::Corrupt("a schedule's definition".to_owned()));
        serde_json::from_str(text).map_err(damaged)
    }
}
