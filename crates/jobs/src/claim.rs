//! Taking jobs: the only place where a job becomes a worker's.
//!
//! On PostgreSQL the rows that others are just taking are skipped, on SQLite there is one writer. Either way the first
//! few entries of one partial index are all that is read, however many jobs wait behind them.

mod limited;

pub(crate) use limited::{Pace, Taken, cap, claim as claim_limited, limits, pause, set_limits};
pub use limited::{QueueLimits, Rate};

use crate::{Error, Retry};
use seaworthy_core::trace::TraceContext;
use seaworthy_store::{Query, Row, Store, Timestamp, Tx};
use std::time::Duration;

/// A job that is ours for as long as our lease lasts.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which job.
    pub id: i64,
    /// In which queue it was.
    pub queue: String,
    /// What kind of worker it is for.
    pub kind: String,
    /// Its arguments, JSON.
    pub payload: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many there may be.
    pub max_attempts: u32,
    /// What a record of its end must carry: a later claim has a greater one.
    pub fence: i64,
    /// From 1, first, to 10.
    pub priority: u8,
    /// When it was to run.
    pub run_at: Timestamp,
    /// How often it was given a fresh idempotency key.
    pub key_changes: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was taken.
    pub started_at: Timestamp,
    /// How long this attempt may take, where the job says so.
    pub timeout: Option<Duration>,
    /// When it is tried again.
    pub retry: Retry,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Facts about it, JSON.
    pub metadata: Option<String>,
}

// by clocks that differ a little nothing is begun before it was there
const CLAIM: &str =
    "UPDATE jobs SET state = 'running', worker = $1, attempt = attempt + 1, fence = fence + 1,
        started_at = CASE WHEN created_at > $2 THEN created_at ELSE $2 END, progress = NULL, progress_note = NULL
    WHERE id {any} SELECT id FROM jobs WHERE state = 'available' AND held = 0 AND queue = $3
        ORDER BY priority, run_at, id LIMIT $4 {skip} {end}
    RETURNING id, queue, kind, payload, attempt, max_attempts, fence, priority, run_at, timeout_us, retry,
        traceparent, metadata, created_at, started_at, key_changes";

fn statement(queue: &str, worker: i64, most: usize, now: Timestamp) -> Query {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Query::new(CLAIM).bind(worker).bind(now).bind(queue).bind(most)
}

/// Takes up to `most` jobs of a queue without limits of its own.
pub(crate) async fn claim(
    store: &Store,
    queue: &str,
    worker: i64,
    most: usize,
) -> Result<Vec<Claimed>, Error> {
    let now = store.now();
    let rows = store.execute_returning(statement(queue, worker, most, now)).await?;
    Ok(read(&rows))
}

/// The same in a transaction.
pub(crate) async fn claim_in(
    tx: &mut Tx,
    queue: &str,
    worker: i64,
    most: usize,
) -> Result<Vec<Claimed>, Error> {
    let now = tx.now();
    let rows = tx.fetch_all(statement(queue, worker, most, now)).await?;
    Ok(read(&rows))
}

fn read(rows: &[Row]) -> Vec<Claimed> {
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        match read_one(row) {
            Ok(job) => claimed.push(job),
            // the others are ours all the same; this one is given back with the jobs that got lost on their way
            Err(error) => tracing::error!(%error, "a job that was taken cannot be read"),
        }
    }
    // what was changed comes back in no order
    claimed.sort_unstable_by_key(|job| (job.priority, job.run_at, job.id));
    claimed
}

fn read_one(row: &Row) -> Result<Claimed, Error> {
    let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let trace: Option<String> = row.get("traceparent")?;
    let timeout: Option<i64> = row.get("timeout_us")?;
    Ok(Claimed {
        id: row.get("id")?,
        queue: row.get("queue")?,
        kind: row.get("kind")?,
        payload: row.get("payload")?,
        attempt: number(row.get("attempt")?),
        max_attempts: number(row.get("max_attempts")?),
        fence: row.get("fence")?,
        priority: u8::try_from(row.get::<i64>("priority")?).unwrap_or(u8::MAX),
        run_at: Timestamp::from_micros(row.get("run_at")?),
        key_changes: number(row.get::<Option<i64>>("key_changes")?.unwrap_or(0)),
        created_at: Timestamp::from_micros(row.get("created_at")?),
        started_at: Timestamp::from_micros(row.get("started_at")?),
        timeout: timeout.and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros),
        retry: Retry::from_text(row.get::<Option<String>>("retry")?.as_deref()),
        trace: trace.and_then(|header| TraceContext::parse(header.as_bytes())),
        metadata: row.get("metadata")?,
    })
}
