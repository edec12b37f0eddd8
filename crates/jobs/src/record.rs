//! Recording how attempts ended, many at once.
//!
//! Each record carries the fence of its claim: where the lease had lapsed and somebody else has the job by now, nothing
//! is recorded.

use crate::{Error, dependencies, keys, topic};
use seaworthy_store::{Query, Row, Rows, Timestamp, Tx};
use std::collections::BTreeSet;
use std::time::Duration;

/// How one attempt ended.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) fence: i64,
    /// When it was begun, which may be long after it was taken.
    pub(crate) begun: Option<Timestamp>,
    pub(crate) end: End,
}

impl Record {
    fn begun_us(&self) -> Option<i64> {
        self.begun.map(Timestamp::as_micros)
    }
}

/// What becomes of the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Completed {
        result: Option<String>,
    },
    /// Failed; again after a pause.
    Retry {
        pause: Duration,
        failure: Failure,
    },
    /// Failed for good.
    Discarded {
        failure: Failure,
    },
    Cancelled {
        failure: Failure,
    },
    /// Wants to be called again later; costs no attempt.
    Snoozed {
        pause: Duration,
    },
    /// Never begun, or stopped by our shutdown: back into the queue, as if it had not been taken.
    GivenBack,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) text: String,
}

impl End {
    const fn state(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Retry { .. } => "retryable",
            Self::Discarded { .. } => "discarded",
            Self::Cancelled { .. } => "cancelled",
            Self::Snoozed { .. } => "scheduled",
            // by way of the promoter, which gives a job with a concurrency key its place
            Self::GivenBack => "scheduled",
        }
    }

    const fn is_final(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Discarded { .. } | Self::Cancelled { .. })
    }

    /// The word in the history of attempts and in metrics.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Retry { .. } => "failed",
            Self::Discarded { .. } => "discarded",
            Self::Cancelled { .. } => "cancelled",
            Self::Snoozed { .. } => "snoozed",
            Self::GivenBack => "given_back",
        }
    }

    fn run_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Retry { pause, .. } | Self::Snoozed { pause } => Some(now.plus(*pause)),
            _ => None,
        }
    }

    /// The code of its failure, where it failed.
    pub(crate) fn failure_code(&self) -> Option<&str> {
        self.failure().map(|failure| failure.code.as_str())
    }

    const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Retry { failure, .. } | Self::Discarded { failure } | Self::Cancelled { failure } => {
                Some(failure)
            }
            _ => None,
        }
    }
}

macro_rules! settle {
    ($set:literal) => {
        concat!(
            "UPDATE jobs SET worker = NULL, started_at = CASE WHEN x.started_at > jobs.started_at THEN x.started_at
             ELSE jobs.started_at END, held = CASE WHEN concurrency_key IS NULL THEN 0 ELSE 1 END, ",
            $set,
            " FROM {rows} WHERE jobs.id = x.id AND jobs.fence = x.fence AND jobs.state = 'running'
              RETURNING jobs.id AS id, jobs.fence AS fence, jobs.attempt AS attempt, jobs.started_at AS started_at,
                jobs.state AS state, jobs.batch_id AS batch_id, jobs.concurrency_key AS concurrency_key,
                jobs.has_dependents AS has_dependents, jobs.finished_at AS finished_at"
        )
    };
}

const COMPLETED: &str = settle!(
    "state = 'completed', finished_at = CASE WHEN jobs.started_at > $1 THEN jobs.started_at ELSE $1 END, result = x.result, error = NULL, error_code = NULL,
     error_signature = NULL, unique_slot = CASE WHEN unique_until IS NULL THEN NULL ELSE unique_slot END"
);

// who asked for a cancellation gets it as soon as the attempt is over, however it ended short of success
const OTHERWISE: &str = settle!(
    "state = CASE WHEN cancel_requested = 1 THEN 'cancelled' ELSE x.state END,
     finished_at = CASE WHEN cancel_requested = 1 THEN $1 ELSE x.finished_at END,
     run_at = COALESCE(x.run_at, jobs.run_at), attempt = jobs.attempt - x.refund,
     error_code = COALESCE(x.error_code, jobs.error_code), error = COALESCE(x.error, jobs.error),
     error_signature = COALESCE(x.signature, jobs.error_signature),
     parked_reason = CASE WHEN last_replay = 1 AND x.state = 'discarded' AND cancel_requested = 0
       THEN 'died again after its last replay' ELSE NULL END,
     unique_slot = CASE WHEN unique_until IS NULL AND (x.finished_at IS NOT NULL OR cancel_requested = 1)
       THEN NULL ELSE unique_slot END"
);

/// Records; gives back which jobs were still ours.
pub(crate) async fn record(tx: &mut Tx, mut records: Vec<Record>) -> Result<BTreeSet<i64>, Error> {
    // always in the same order: two workers that record at once then never wait for each other in a ring
    records.sort_unstable_by_key(|record| record.id);
    let now = tx.now();
    let (done, other): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| matches!(record.end, End::Completed { .. }));
    let mut settled = Vec::new();
    if !done.is_empty() {
        let query = Query::new(COMPLETED).bind(now).rows(completed_rows(done));
        settled.extend(tx.fetch_all(query).await?);
    }
    if !other.is_empty() {
        let rows = tx.fetch_all(Query::new(OTHERWISE).bind(now).rows(other_rows(&other, now))).await?;
        remember(tx, &other, &rows, now).await?;
        settled.extend(rows);
    }
    after(tx, &settled).await?;
    Ok(settled.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?)
}

fn completed_rows(records: Vec<Record>) -> Rows {
    let ids: Vec<i64> = records.iter().map(|record| record.id).collect();
    let fences: Vec<i64> = records.iter().map(|record| record.fence).collect();
    let begun: Vec<Option<i64>> = records.iter().map(Record::begun_us).collect();
    let results = records.into_iter().map(|record| match record.end {
        End::Completed { result } => result,
        _ => None,
    });
    Rows::new().ints("id", ids).ints("fence", fences).ints("started_at", begun).texts("result", results)
}

fn other_rows(records: &[Record], now: Timestamp) -> Rows {
    let failure = |record: &Record| record.end.failure().cloned();
    let refund = |end: &End| i64::from(matches!(end, End::Snoozed { .. } | End::GivenBack));
    Rows::new()
        .ints("id", records.iter().map(|record| record.id))
        .ints("fence", records.iter().map(|record| record.fence))
        .texts("state", records.iter().map(|record| Some(record.end.state().to_owned())))
        .ints("started_at", records.iter().map(Record::begun_us))
        .ints("finished_at", records.iter().map(|r| r.end.is_final().then_some(now.as_micros())))
        .ints("run_at", records.iter().map(|r| r.end.run_at(now).map(Timestamp::as_micros)))
        .ints("refund", records.iter().map(|record| refund(&record.end)))
        .texts("error_code", records.iter().map(|record| failure(record).map(|failure| failure.code)))
        .texts("error", records.iter().map(|record| failure(record).map(|failure| failure.text)))
        .texts("signature", records.iter().map(|r| failure(r).map(|failure| crate::signature::of(&failure))))
}

/// The history of attempts that did not simply succeed.
async fn remember(tx: &mut Tx, records: &[Record], settled: &[Row], now: Timestamp) -> Result<(), Error> {
    let mut rows = Vec::new();
    for row in settled {
        let id: i64 = row.get("id")?;
        let Ok(at) = records.binary_search_by_key(&id, |record| record.id) else { continue };
        // what costs no attempt is none: a job that is put off for years must not fill the table
        if !matches!(records[at].end, End::GivenBack | End::Snoozed { .. }) {
            rows.push((row, &records[at]));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let ints = |name| rows.iter().map(|(row, _)| row.get::<Option<i64>>(name)).collect::<Result<Vec<_>, _>>();
    let failure = |record: &Record| record.end.failure().cloned();
    let table = Rows::new()
        .ints("job_id", ints("id")?)
        .ints("fence", ints("fence")?)
        .ints("attempt", ints("attempt")?)
        .ints("started_at", ints("started_at")?)
        .texts("outcome", rows.iter().map(|(_, record)| Some(record.end.word().to_owned())))
        .texts("error_code", rows.iter().map(|(_, record)| failure(record).map(|failure| failure.code)))
        .texts("error", rows.iter().map(|(_, record)| failure(record).map(|failure| failure.text)));
    let query = "INSERT INTO job_attempts (job_id, fence, attempt, started_at, finished_at, outcome, error_code, error)
        SELECT job_id, fence, attempt, started_at, $1, outcome, error_code, error FROM {rows} WHERE true
        ON CONFLICT DO NOTHING";
    tx.execute(Query::new(query).bind(now).rows(table)).await?;
    Ok(())
}

/// What hangs on jobs that are no longer running.
pub(crate) async fn after(tx: &mut Tx, settled: &[Row]) -> Result<(), Error> {
    let mut keys = BTreeSet::new();
    let mut ended = Vec::new();
    for row in settled {
        keys.extend(row.get::<Option<String>>("concurrency_key")?);
        let finished = row.get::<Option<i64>>("finished_at")?.is_some();
        if !finished {
            tx.notify(topic::DUE, "");
            continue;
        }
        if row.get::<i64>("has_dependents")? == 1 {
            ended.push(row.get("id")?);
        }
        if let Some(batch) = row.get::<Option<i64>>("batch_id")? {
            tx.notify(topic::BATCH, &batch.to_string());
        }
    }
    // jobs before keys, as everybody does
    dependencies::finished(tx, ended).await?;
    keys::admit(tx, keys).await
}

#[cfg(test)]
mod tests;
