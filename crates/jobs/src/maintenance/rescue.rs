//! Jobs whose worker is gone.
//!
//! A worker's heartbeat is one row, however many jobs it has. Where it has lapsed, its jobs are taken from it; should
//! it still be there after all, its fences are too old to record anything.

use crate::record::Failure;
use crate::{Error, Retry, record, signature};
use seaworthy_store::{Query, Row, Rows, Timestamp, Tx};
use std::time::Duration;

/// How many at once.
const MOST: i64 = 500;

/// A worker that is there for sure: should its own sign of life look old, it is the clock or the database that stood
/// still, and nothing can be said about others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Witness {
    pub(crate) worker: i64,
    /// How old its sign of life may be.
    pub(crate) fresh: Duration,
}

/// What a round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// How many jobs were taken over.
    pub(crate) jobs: usize,
    /// Whether there may be more.
    pub(crate) more: bool,
}

impl Found {
    pub(crate) const NOTHING: Self = Self { jobs: 0, more: false };
}

/// Takes the jobs of workers that are gone.
pub(crate) async fn run(tx: &mut Tx, witness: Option<Witness>) -> Result<Found, Error> {
    // read once: between two readings it could be set
    let now = tx.now();
    if let Some(witness) = witness
        && !is_fresh(tx, witness, now).await?
    {
        return Ok(Found::NOTHING);
    }
    let query = "SELECT id, fence, attempt, max_attempts, retry, started_at FROM jobs
        WHERE state = 'running' AND NOT EXISTS (
            SELECT 1 FROM job_workers w WHERE w.id = jobs.worker AND w.heartbeat_at + w.lease_us >= $1)
        ORDER BY id LIMIT $2 {skip}";
    let lost = tx.fetch_all(Query::new(query).bind(now).bind(MOST)).await?;
    if !lost.is_empty() {
        remember(tx, &lost, now).await?;
        let rows = settle(tx, &lost, now).await?;
        record::after(tx, &rows).await?;
    }
    let gone = "DELETE FROM job_workers WHERE heartbeat_at + lease_us < $1
        AND NOT EXISTS (SELECT 1 FROM jobs WHERE state = 'running' AND worker = job_workers.id)";
    tx.execute(Query::new(gone).bind(now)).await?;
    Ok(Found { jobs: lost.len(), more: lost.len() as i64 == MOST })
}

async fn is_fresh(tx: &mut Tx, witness: Witness, now: Timestamp) -> Result<bool, Error> {
    let query = Query::new("SELECT heartbeat_at FROM job_workers WHERE id = $1").bind(witness.worker);
    let Some(row) = tx.fetch_optional(query).await? else { return Ok(false) };
    let beat = Timestamp::from_micros(row.get("heartbeat_at")?);
    Ok(now.since(beat) <= witness.fresh && beat.since(now) <= witness.fresh)
}

fn failure() -> Failure {
    Failure { code: "lost".to_owned(), text: "its worker was gone before it ended".to_owned() }
}

/// A lost attempt counts: a job that kills its worker must not do so for ever.
async fn settle(tx: &mut Tx, lost: &[Row], now: Timestamp) -> Result<Vec<Row>, Error> {
    let (mut ids, mut states, mut times, mut ends) = (vec![], vec![], vec![], vec![]);
    for row in lost {
        let attempt = u32::try_from(row.get::<i64>("attempt")?).unwrap_or(u32::MAX);
        let again = i64::from(attempt) < row.get::<i64>("max_attempts")?;
        let retry = Retry::from_text(row.get::<Option<String>>("retry")?.as_deref());
        ids.push(row.get::<i64>("id")?);
        states.push(Some(if again { "retryable" } else { "discarded" }.to_owned()));
        times.push(again.then(|| now.plus(retry.pause_with(attempt, fastrand::f64())).as_micros()));
        ends.push((!again).then(|| now.as_micros()));
    }
    let rows =
        Rows::new().ints("id", ids).texts("state", states).ints("run_at", times).ints("finished_at", ends);
    let query = "UPDATE jobs SET worker = NULL, fence = fence + 1,
            held = CASE WHEN concurrency_key IS NULL THEN 0 ELSE 1 END,
            state = CASE WHEN cancel_requested = 1 THEN 'cancelled' ELSE x.state END,
            finished_at = CASE WHEN cancel_requested = 1 THEN $1 ELSE x.finished_at END,
            parked_reason = CASE WHEN last_replay = 1 AND x.state = 'discarded' AND cancel_requested = 0
              THEN 'died again after its last replay' ELSE NULL END,
            run_at = COALESCE(x.run_at, jobs.run_at), error_code = $2, error = $3, error_signature = $4,
            unique_slot = CASE WHEN unique_until IS NULL AND (x.finished_at IS NOT NULL OR cancel_requested = 1)
              THEN NULL ELSE unique_slot END
        FROM {rows} WHERE jobs.id = x.id
        RETURNING jobs.id AS id, jobs.finished_at AS finished_at, jobs.has_dependents AS has_dependents,
            jobs.batch_id AS batch_id, jobs.concurrency_key AS concurrency_key";
    let failure = failure();
    let query = Query::new(query).bind(now).bind(failure.code.as_str()).bind(failure.text.as_str());
    Ok(tx.fetch_all(query.bind(signature::of(&failure)).rows(rows)).await?)
}

async fn remember(tx: &mut Tx, lost: &[Row], now: Timestamp) -> Result<(), Error> {
    let ints = |name| lost.iter().map(|row| row.get::<Option<i64>>(name)).collect::<Result<Vec<_>, _>>();
    let rows = Rows::new()
        .ints("job_id", ints("id")?)
        .ints("fence", ints("fence")?)
        .ints("attempt", ints("attempt")?)
        .ints("started_at", ints("started_at")?);
    let query = "INSERT INTO job_attempts (job_id, fence, attempt, started_at, finished_at, outcome, error_code, error)
        SELECT job_id, fence, attempt, started_at, $1, 'lost', $2, $3 FROM {rows} WHERE true ON CONFLICT DO NOTHING";
    let failure = failure();
    tx.execute(Query::new(query).bind(now).bind(failure.code).bind(failure.text).rows(rows)).await?;
    Ok(())
}
