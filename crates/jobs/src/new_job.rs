use crate::dependencies::DependsOn;
use crate::payload::{check, name};
use crate::{Error, Retry};
use seaworthy_core::trace::TraceContext;
use seaworthy_store::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

const LONGEST_NAME: usize = 128;
const LONGEST_KEY: usize = 512;
const MOST_LABELS: usize = 64;
const MOST_DEPENDENCIES: usize = 1_000;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(7 * 86_400);

/// The queue of jobs that name none.
pub const DEFAULT_QUEUE: &str = "default";

/// A job to be enqueued.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub(crate) kind: String,
    pub(crate) payload: Payload,
    pub(crate) queue: String,
    pub(crate) priority: u8,
    pub(crate) run_at: RunAt,
    pub(crate) unique: Option<Unique>,
    pub(crate) concurrency: Option<(String, u32)>,
    pub(crate) depends_on: Option<DependsOn>,
    pub(crate) batch: Option<i64>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
    pub(crate) trace: Option<TraceContext>,
}

#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Bytes(Vec<u8>),
    /// It could not be made.
    Broken(String),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum RunAt {
    Now,
    At(Timestamp),
    In(Duration),
}

/// No second job of the same kind and key is accepted: kept by a constraint of the database, not by a look beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// The key, up to 512 bytes.
    pub key: String,
    /// For how long.
    pub scope: UniqueScope,
}

/// How long a unique key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueScope {
    /// Until the job is completed, cancelled or discarded.
    WhileUnfinished,
    /// For so long after it was enqueued, whatever becomes of it.
    For(Duration),
}

impl NewJob {
    /// A job for the worker of this kind. Its arguments become JSON.
    pub fn new(kind: impl Into<String>, arguments: &impl serde::Serialize) -> Self {
        let payload = serde_json::to_vec(arguments);
        Self::with(
            kind.into(),
            payload.map_or_else(|error| Payload::Broken(error.to_string()), Payload::Bytes),
        )
    }

    /// A job whose arguments are JSON already; looked at when it is enqueued.
    pub fn raw(kind: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self::with(kind.into(), Payload::Bytes(payload.into()))
    }

    fn with(kind: String, payload: Payload) -> Self {
        Self {
            kind,
            payload,
            queue: DEFAULT_QUEUE.to_owned(),
            priority: 5,
            run_at: RunAt::Now,
            unique: None,
            concurrency: None,
            depends_on: None,
            batch: None,
            retry: None,
            timeout: None,
            metadata: BTreeMap::new(),
            tags: Vec::new(),
            trace: None,
        }
    }

    /// In this queue rather than `default`.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// From 1, first, to 10, last; 5 unless said. Within a queue a more urgent job is always taken first.
    #[must_use]
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Not before this time of the database's clock.
    #[must_use]
    pub const fn at(mut self, time: Timestamp) -> Self {
        self.run_at = RunAt::At(time);
        self
    }

    /// Not before so long from now.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.run_at = RunAt::In(delay);
        self
    }

    /// Only where no job of this kind has this key.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>, scope: UniqueScope) -> Self {
        self.unique = Some(Unique { key: key.into(), scope });
        self
    }

    /// At most `limit` jobs with this key run at once, in all queues and on all workers. The limit that was given last
    /// holds.
    #[must_use]
    pub fn concurrency(mut self, key: impl Into<String>, limit: u32) -> Self {
        self.concurrency = Some((key.into(), limit));
        self
    }

    /// Not before other jobs have finished.
    #[must_use]
    pub fn depends_on(mut self, depends_on: DependsOn) -> Self {
        self.depends_on = Some(depends_on);
        self
    }

    /// Part of a batch.
    #[must_use]
    pub const fn batch(mut self, batch: i64) -> Self {
        self.batch = Some(batch);
        self
    }

    /// When it is tried again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// How long one attempt may take; the worker's own limit where none is given. Up to 7 days.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A fact about it, for people and filters.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// A tag, for filters.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The trace this belongs to: its run continues it.
    #[must_use]
    pub const fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Looks at everything; gives the payload.
    pub(crate) fn validate(&self, max_payload: usize) -> Result<String, Error> {
        name("kind", &self.kind, LONGEST_NAME)?;
        name("queue", &self.queue, LONGEST_NAME)?;
        if !(1..=10).contains(&self.priority) {
            return Err(Error::invalid("priority", "must be from 1, first, to 10, last"));
        }
        if let Some(unique) = &self.unique {
            name("unique", &unique.key, LONGEST_KEY)?;
        }
        if let Some((key, limit)) = &self.concurrency {
            name("concurrency", key, LONGEST_KEY)?;
            if *limit == 0 {
                return Err(Error::invalid("concurrency", "a limit of 0 would hold the job for ever"));
            }
        }
        if let Some(retry) = &self.retry {
            retry.validate()?;
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero() || timeout > LONGEST_TIMEOUT) {
            return Err(Error::invalid("timeout", "must be longer than zero and at most 7 days"));
        }
        if self.depends_on.as_ref().is_some_and(|on| on.jobs.is_empty() || on.jobs.len() > MOST_DEPENDENCIES)
        {
            return Err(Error::invalid("depends_on", "must name 1 to 1000 jobs"));
        }
        self.validate_labels()?;
        match &self.payload {
            Payload::Bytes(bytes) => check("payload", bytes, max_payload),
            Payload::Broken(reason) => Err(Error::invalid("payload", reason.clone())),
        }
    }

    fn validate_labels(&self) -> Result<(), Error> {
        if self.metadata.len() > MOST_LABELS || self.tags.len() > MOST_LABELS {
            return Err(Error::invalid("metadata", "at most 64 facts and 64 tags"));
        }
        for (key, value) in &self.metadata {
            name("metadata", key, LONGEST_NAME)?;
            name("metadata", value, LONGEST_KEY)?;
        }
        self.tags.iter().try_for_each(|tag| name("tags", tag, LONGEST_NAME))
    }
}
