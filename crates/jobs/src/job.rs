//! Reading jobs: one, a page of them, what happened to them.

use crate::{Error, State};
use seaworthy_store::{Query, Row, Store, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a list may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most jobs on one page.
pub const LARGEST_PAGE: usize = 1_000;

/// A job as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number; greater for jobs enqueued later by the same process.
    pub id: i64,
    /// Its queue.
    pub queue: String,
    /// The kind of worker it is for.
    pub kind: String,
    /// Where it stands.
    pub state: State,
    /// From 1, first, to 10.
    pub priority: u8,
    /// When it may run, or was to run.
    pub run_at: Timestamp,
    /// Its arguments, JSON; in lists only the first 4,096 characters.
    pub payload: String,
    /// How many attempts were begun.
    pub attempt: u32,
    /// How many there may be.
    pub max_attempts: u32,
    /// Waits for a place under its concurrency key.
    pub held: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its last attempt was begun.
    pub started_at: Option<Timestamp>,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
    /// Its unique key, as given.
    pub unique_key: Option<String>,
    /// Its concurrency key.
    pub concurrency_key: Option<String>,
    /// The batch it is part of.
    pub batch: Option<i64>,
    /// Somebody asked for its end while it ran.
    pub cancel_requested: bool,
    /// How far it is, from 0 to 100, and in words.
    pub progress: Option<(u8, String)>,
    /// What it gave, JSON; in lists only the first 4,096 characters.
    pub result: Option<String>,
    /// Why its last attempt failed: the code and the text.
    pub error: Option<(String, String)>,
    /// What its failure has in common with others.
    pub error_signature: Option<String>,
    /// How often it was brought back after it had failed for good.
    pub replays: u32,
    /// Why it is kept apart from other dead letters.
    pub parked: Option<String>,
    /// Facts about it.
    pub metadata: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The trace it belongs to, as a `traceparent` header.
    pub traceparent: Option<String>,
}

impl Job {
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        let time = |name| Ok::<_, Error>(row.get::<Option<i64>>(name)?.map(Timestamp::from_micros));
        let state: String = row.get("state")?;
        let progress = row.get::<Option<i64>>("progress")?.map(|share| u8::try_from(share).unwrap_or(100));
        let note = row.get::<Option<String>>("progress_note")?.unwrap_or_default();
        let code: Option<String> = row.get("error_code")?;
        let text = row.get::<Option<String>>("error")?.unwrap_or_default();
        Ok(Self {
            id: row.get("id")?,
            queue: row.get("queue")?,
            kind: row.get("kind")?,
            state: state.parse().map_err(|_| seaworthy_store::Error::Corrupt("a job's state".to_owned()))?,
            priority: u8::try_from(row.get::<i64>("priority")?).unwrap_or(u8::MAX),
            run_at: Timestamp::from_micros(row.get("run_at")?),
            payload: row.get("payload")?,
            attempt: number(row.get("attempt")?),
            max_attempts: number(row.get("max_attempts")?),
            held: row.get::<i64>("held")? == 1,
            created_at: Timestamp::from_micros(row.get("created_at")?),
            started_at: time("started_at")?,
            finished_at: time("finished_at")?,
            unique_key: row.get("unique_key")?,
            concurrency_key: row.get("concurrency_key")?,
            batch: row.get("batch_id")?,
            cancel_requested: row.get::<i64>("cancel_requested")? == 1,
            progress: progress.map(|share| (share, note)),
            result: row.get("result")?,
            error: code.map(|code| (code, text)),
            error_signature: row.get("error_signature")?,
            replays: number(row.get::<Option<i64>>("replays")?.unwrap_or(0)),
            parked: row.get("parked_reason")?,
            metadata: json(row.get("metadata")?),
            tags: json(row.get("tags")?),
            traceparent: row.get("traceparent")?,
        })
    }
}

/// Written by us; what cannot be read is left out rather than hiding the job.
fn json<T: serde::de::DeserializeOwned + Default>(text: Option<String>) -> T {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Which jobs to list. Empty: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this queue.
    pub queue: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Part of this batch.
    pub batch: Option<i64>,
    /// With this error signature.
    pub error_signature: Option<String>,
    /// Older than this one: the last of the page before.
    pub before: Option<i64>,
}

/// A page must fit into memory, whatever is in its jobs.
pub(crate) const SHORTENED: &str =
    "id, queue, kind, state, priority, run_at, substr(payload, 1, 4096) AS payload, attempt,
    max_attempts, held, created_at, started_at, finished_at, unique_key, concurrency_key, batch_id,
    cancel_requested, progress, progress_note, substr(result, 1, 4096) AS result, error_code,
    substr(error, 1, 1024) AS error, error_signature, replays, parked_reason, metadata, tags, traceparent";

/// A page of jobs, newest first.
pub(crate) async fn list(store: &Store, filter: &Filter, most: usize) -> Result<Vec<Job>, Error> {
    let mut text = format!("SELECT {SHORTENED} FROM jobs WHERE 1 = 1");
    let mut values = Vec::new();
    let mut and = |condition: &str, value: seaworthy_store::Value| {
        values.push(value);
        text.push_str(&format!(" AND {condition} ${}", values.len()));
    };
    if let Some(queue) = &filter.queue {
        and("queue =", queue.as_str().into());
    }
    if let Some(kind) = &filter.kind {
        and("kind =", kind.as_str().into());
    }
    if let Some(signature) = &filter.error_signature {
        and("error_signature =", signature.as_str().into());
    }
    if let Some(batch) = filter.batch {
        and("batch_id =", batch.into());
    }
    if let Some(before) = filter.before {
        and("id <", before.into());
    }
    if let Some(state) = filter.state {
        // in the text, so that the partial indexes serve
        text.push_str(&format!(" AND state = '{state}'"));
    }
    text.push_str(&format!(" ORDER BY id DESC LIMIT {}", most.min(LARGEST_PAGE)));
    let query = values.into_iter().fold(Query::assembled(text), Query::bind);
    // not every filter has an index: a list that takes long must not take it from others
    store.fetch_within(query, PATIENCE).await?.iter().map(Job::read).collect()
}

/// One attempt that did not simply succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which, from 1.
    pub attempt: u32,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// `failed`, `discarded`, `cancelled` or `lost`.
    pub outcome: String,
    /// Why: the code and the text.
    pub error: Option<(String, String)>,
}

/// A job's history, oldest first; its last success stands in the job itself.
pub(crate) async fn attempts(store: &Store, id: i64) -> Result<Vec<Attempt>, Error> {
    let query = Query::new("SELECT * FROM job_attempts WHERE job_id = $1 ORDER BY fence LIMIT 1000").bind(id);
    let read = |row: &Row| {
        let code: Option<String> = row.get("error_code")?;
        let text = row.get::<Option<String>>("error")?.unwrap_or_default();
        Ok(Attempt {
            attempt: u32::try_from(row.get::<i64>("attempt")?).unwrap_or(0),
            started_at: row.get::<Option<i64>>("started_at")?.map(Timestamp::from_micros),
            finished_at: Timestamp::from_micros(row.get("finished_at")?),
            outcome: row.get("outcome")?,
            error: code.map(|code| (code, text)),
        })
    };
    store.fetch_all(query).await?.iter().map(read).collect()
}

/// One line that a job said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// In which of its runs: greater for later ones.
    pub run: i64,
    /// When.
    pub at: Timestamp,
    /// `info`, `warn`, `error`, `stdout` or `stderr`.
    pub level: String,
    /// What.
    pub text: String,
}

/// What a job said, oldest first.
pub(crate) async fn logs(store: &Store, id: i64) -> Result<Vec<LogLine>, Error> {
    let query =
        Query::new("SELECT * FROM job_logs WHERE job_id = $1 ORDER BY fence, line LIMIT 10000").bind(id);
    let read = |row: &Row| {
        Ok(LogLine {
            run: row.get("fence")?,
            at: Timestamp::from_micros(row.get("at")?),
            level: row.get("level")?,
            text: row.get("text")?,
        })
    };
    store.fetch_all(query).await?.iter().map(read).collect()
}
