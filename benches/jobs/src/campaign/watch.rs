//! What must hold at every moment, looked at again and again; and the wait for the end of everything.

use super::feeder::LIMIT;
use crate::error::Error;
use seaworthy_jobs::Jobs;
use seaworthy_store::Query;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_millis(200);

/// Looks at the database as long as the campaign lasts.
pub(super) struct Watch {
    stop: watch::Sender<bool>,
    task: JoinHandle<Seen>,
}

/// What it saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) looks: usize,
    pub(super) broken: Vec<String>,
}

impl Watch {
    pub(super) fn start(jobs: Jobs) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            while tokio::time::timeout(EVERY, stopped.changed()).await.is_err() {
                // while the database is away there is nothing to be seen
                if let Ok(crowded) = crowded(&jobs).await {
                    seen.looks += 1;
                    seen.broken.extend(crowded);
                }
            }
            seen
        });
        Self { stop, task }
    }

    pub(super) async fn stop(self) -> Seen {
        let _nobody_looks = self.stop.send(true);
        self.task.await.unwrap_or_default()
    }
}

/// Keys of which more run than may.
async fn crowded(jobs: &Jobs) -> Result<Vec<String>, Error> {
    let query =
        "SELECT concurrency_key, count(*) AS n FROM jobs WHERE concurrency_key IS NOT NULL AND held = 0
        AND state IN ('available', 'running') GROUP BY concurrency_key HAVING count(*) > $1";
    let rows = jobs.store().fetch_all(Query::new(query).bind(i64::from(LIMIT))).await?;
    let text = |row: &seaworthy_store::Row| {
        let (key, n): (String, i64) = (row.get("concurrency_key")?, row.get("n")?);
        Ok(format!("{n} jobs of \"{key}\" have a place, {LIMIT} may"))
    };
    rows.iter().map(text).collect()
}

/// Waits until every job, batch and run has ended; says what has not.
pub(super) async fn drained(jobs: &Jobs, patience: Duration) -> Vec<String> {
    let deadline = Instant::now() + patience;
    loop {
        let left = left(jobs).await.unwrap_or_else(|error| vec![error.to_string()]);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn left(jobs: &Jobs) -> Result<Vec<String>, Error> {
    let query = "SELECT 'job ' || id || ' of kind ' || kind || ' is ' || state || ', attempt ' || attempt || ', held '
            || held || ', worker ' || COALESCE(worker, 0) AS what FROM jobs WHERE finished_at IS NULL
        UNION ALL SELECT 'batch ' || id || ' is open' FROM job_batches WHERE finished_at IS NULL
        UNION ALL SELECT 'run ' || tick || ' of ' || schedule || ' is enqueued' FROM schedule_runs
            WHERE outcome = 'enqueued'
        LIMIT 20";
    let rows = jobs.store().fetch_all(Query::new(query)).await?;
    Ok(rows.iter().map(|row| row.get("what")).collect::<Result<_, _>>()?)
}
