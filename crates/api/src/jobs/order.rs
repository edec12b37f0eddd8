//! A job as somebody asks for it.

use std::collections::BTreeMap;

use seaworthy_core::{duration, trace::TraceContext};
use seaworthy_jobs::dependencies::{DependsOn, Mode, Needs};
use seaworthy_jobs::{Error, NewJob, Retry, UniqueScope};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::when;

/// A job to be enqueued.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobOrder {
    /// The kind of worker: `http`, `command`, or one of a program of yours.
    #[schema(example = "http")]
    kind: String,
    /// Its arguments; `null` unless said.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "url": "http://127.0.0.1:8000/reports", "json": { "of": "today" } }))]
    payload: Value,
    /// `default` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    /// From 1, first, to 10, last; 5 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    /// Not before this, such as `2026-11-21T02:30:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_at: Option<String>,
    /// Not before so long from now, such as `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    /// No second job of this kind with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique: Option<UniqueOrder>,
    /// At most so many with the same key at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<ConcurrencyOrder>,
    /// Not before other jobs have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depends_on: Option<DependsOrder>,
    /// The batch it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<i64>,
    /// When it is tried again: `max_attempts`, `jitter` and `backoff` (`fixed` with `delay`, `linear` with `step` and `max`,
    /// `exponential` with `base`, `factor` and `max`, `fibonacci` with `step` and `max`, `custom` with `delays`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({ "max_attempts": 5, "backoff": "fixed", "delay": "30s" }))]
    retry: Option<Retry>,
    /// How long one attempt may take, such as `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    /// Facts about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

/// A unique key.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UniqueOrder {
    /// Up to 512 bytes.
    #[schema(example = "report-2026-11-21")]
    key: String,
    /// How long it is taken, such as `1h`; while the job is unfinished unless said.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    period: Option<String>,
}

/// A concurrency key.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConcurrencyOrder {
    /// Up to 512 bytes.
    #[schema(example = "tenant-7")]
    key: String,
    /// How many run at once, everywhere; 1 unless said.
    #[serde(default = "one")]
    limit: u32,
}

/// What a job waits for.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DependsOrder {
    /// 1 to 1,000 jobs.
    jobs: Vec<i64>,
    /// `success` (unless said), `completion` or `failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    needs: Option<String>,
    /// `all` (unless said) or `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    /// So long after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    /// Called off where it still waits after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
}

const fn one() -> u32 {
    1
}

fn span(field: &'static str, text: &str) -> Result<std::time::Duration, Error> {
    duration::parse(text).map_err(|error| Error::Invalid { field, reason: error.to_string() })
}

fn word<T: Copy>(field: &'static str, text: Option<&str>, words: &[(&str, T)]) -> Result<Option<T>, Error> {
    let Some(text) = text else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| Error::Invalid { field, reason: format!("is one of {}", known()) })
}

impl DependsOrder {
    fn into_depends(self) -> Result<DependsOn, Error> {
        const NEEDS: [(&str, Needs); 3] =
            [("success", Needs::Success), ("completion", Needs::Completion), ("failure", Needs::Failure)];
        let mode = word("mode", self.mode.as_deref(), &[("all", Mode::All), ("any", Mode::Any)])?;
        let mut depends = match mode {
            Some(Mode::Any) => DependsOn::any(self.jobs),
            _ => DependsOn::all(self.jobs),
        };
        if let Some(needs) = word("needs", self.needs.as_deref(), &NEEDS)? {
            depends = depends.needs(needs);
        }
        if let Some(delay) = &self.delay {
            depends = depends.delay(span("depends_on.delay", delay)?);
        }
        if let Some(timeout) = &self.timeout {
            depends = depends.timeout(span("depends_on.timeout", timeout)?);
        }
        Ok(depends)
    }
}

impl JobOrder {
    /// The job, in the trace of whoever asks for it.
    pub(crate) fn into_job(self, trace: Option<TraceContext>) -> Result<NewJob, Error> {
        let mut job = NewJob::new(self.kind, &self.payload);
        if let Some(queue) = self.queue {
            job = job.queue(queue);
        }
        if let Some(priority) = self.priority {
            job = job.priority(priority);
        }
        job = match (self.run_at, self.delay) {
            (Some(at), None) => job.at(when("run_at", &at)?),
            (None, Some(delay)) => job.after(span("delay", &delay)?),
            (None, None) => job,
            (Some(_), Some(_)) => {
                return Err(Error::Invalid { field: "delay", reason: "contradicts run_at".to_owned() });
            }
        };
        if let Some(unique) = self.unique {
            let scope = match &unique.period {
                Some(period) => UniqueScope::For(span("unique.for", period)?),
                None => UniqueScope::WhileUnfinished,
            };
            job = job.unique(unique.key, scope);
        }
        if let Some(concurrency) = self.concurrency {
            job = job.concurrency(concurrency.key, concurrency.limit);
        }
        if let Some(depends) = self.depends_on {
            job = job.depends_on(depends.into_depends()?);
        }
        if let Some(batch) = self.batch {
            job = job.batch(batch);
        }
        if let Some(retry) = self.retry {
            job = job.retry(retry);
        }
        if let Some(timeout) = &self.timeout {
            job = job.timeout(span("timeout", timeout)?);
        }
        for (key, value) in self.metadata {
            job = job.metadata(key, value);
        }
        job = self.tags.into_iter().fold(job, NewJob::tag);
        Ok(trace.into_iter().fold(job, NewJob::trace))
    }
}
