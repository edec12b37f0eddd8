//! Jobs as they are shown.

use std::collections::BTreeMap;

use seaworthy_jobs::{Attempt, Batch, Error, Job, LogLine, State, moment};
use seaworthy_store::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A moment as it is written.
pub(crate) fn moment(time: Timestamp) -> String {
    moment::format(time).unwrap_or_default()
}

/// A moment as it is read.
pub(crate) fn when(field: &'static str, text: &str) -> Result<Timestamp, Error> {
    let reason = || "is not a moment such as 2026-11-21T02:30:00Z".to_owned();
    moment::parse(text).ok_or_else(|| Error::Invalid { field, reason: reason() })
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    #[schema(example = 1001)]
    id: i64,
    #[schema(example = "default")]
    queue: String,
    #[schema(example = "http")]
    kind: String,
    /// `available`, `scheduled`, `pending`, `running`, `retryable`, `completed`, `cancelled` or `discarded` (a dead letter).
    #[schema(example = "completed")]
    state: String,
    /// The same in the words of executions: `pending`, `running`, `retrying`, `completed`, `failed`, `cancelled` or
    /// `timeout`.
    #[schema(example = "completed")]
    status: String,
    priority: u8,
    /// When it may run, or was to run.
    #[schema(example = "2026-11-21T02:30:00Z")]
    run_at: String,
    /// Attempts begun.
    attempt: u32,
    max_attempts: u32,
    /// Waits for a place under its concurrency key.
    held: bool,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<i64>,
    /// Somebody asked for its end while it ran.
    cancel_requested: bool,
    /// How often it was brought back from the dead letters.
    replays: u32,
    /// Why it is kept apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// Its arguments; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
    /// What it gave; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Attempts that did not simply succeed, oldest first; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptView>>,
}

/// How far a job is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// From 0 to 100.
    percent: u8,
    /// In words.
    note: String,
}

/// Why an attempt failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobError {
    #[schema(example = "http_503")]
    code: String,
    message: String,
    /// What it has in common with others.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// One attempt that did not simply succeed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    /// From 1.
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    finished_at: String,
    /// `failed`, `discarded`, `cancelled`, `snoozed` or `lost`.
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
}

/// One line that a job said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogView {
    /// In which of its runs: greater for later ones.
    run: i64,
    at: String,
    /// `info`, `warn`, `error`, `stdout` or `stderr`.
    level: String,
    text: String,
}

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchView {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// It takes no more jobs.
    sealed: bool,
    created_at: String,
    /// When its last job had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    /// The job that was enqueued then.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<i64>,
}

fn error((code, message): (String, String), signature: Option<String>) -> JobError {
    JobError { code, message, signature }
}

/// Written by us; what cannot be read is shown as text.
fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// The words of executions: see the table in docs/jobs.md.
fn status(job: &Job) -> &'static str {
    let late = job.error.as_ref().is_some_and(|(code, _)| code == "timeout");
    match job.state {
        State::Available | State::Scheduled | State::Pending => "pending",
        State::Running => "running",
        State::Retryable => "retrying",
        State::Completed => "completed",
        State::Cancelled | State::Discarded if late => "timeout",
        State::Cancelled => "cancelled",
        State::Discarded => "failed",
    }
}

impl JobView {
    /// As it stands in a list.
    pub(crate) fn short(job: Job) -> Self {
        Self {
            status: status(&job).to_owned(),
            id: job.id,
            queue: job.queue,
            kind: job.kind,
            state: job.state.to_string(),
            priority: job.priority,
            run_at: moment(job.run_at),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            held: job.held,
            created_at: moment(job.created_at),
            started_at: job.started_at.map(moment),
            finished_at: job.finished_at.map(moment),
            unique_key: job.unique_key,
            concurrency_key: job.concurrency_key,
            batch: job.batch,
            cancel_requested: job.cancel_requested,
            replays: job.replays,
            parked: job.parked,
            progress: job.progress.map(|(percent, note)| Progress { percent, note }),
            error: job.error.map(|pair| error(pair, job.error_signature)),
            metadata: job.metadata,
            tags: job.tags,
            traceparent: job.traceparent,
            payload: None,
            result: None,
            attempts: None,
        }
    }

    /// With everything.
    pub(crate) fn full(mut job: Job, attempts: Vec<Attempt>) -> Self {
        let (payload, result) = (std::mem::take(&mut job.payload), job.result.take());
        Self {
            payload: Some(json(payload)),
            result: result.map(json),
            attempts: Some(attempts.into_iter().map(AttemptView::from).collect()),
            ..Self::short(job)
        }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            started_at: attempt.started_at.map(moment),
            finished_at: moment(attempt.finished_at),
            outcome: attempt.outcome,
            error: attempt.error.map(|pair| error(pair, None)),
        }
    }
}

impl From<LogLine> for LogView {
    fn from(line: LogLine) -> Self {
        Self { run: line.run, at: moment(line.at), level: line.level, text: line.text }
    }
}

impl From<Batch> for BatchView {
    fn from(batch: Batch) -> Self {
        Self {
            id: batch.id,
            name: batch.name,
            sealed: batch.sealed,
            created_at: moment(batch.created_at),
            finished_at: batch.finished_at.map(moment),
            callback: batch.callback,
        }
    }
}
