//! Queues, as they stand.

use crate::claim::limits;
use crate::{Error, QueueLimits};
use seaworthy_store::{Query, Row, Store, Timestamp};
use std::collections::BTreeMap;

/// The most queues that are shown.
const MOST: usize = 1_000;
/// What is counted: finished jobs are many, and say nothing about a queue.
const COUNTED: [&str; 6] = ["available", "scheduled", "pending", "running", "retryable", "discarded"];

/// A queue as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueStatus {
    /// Its name.
    pub name: String,
    /// How many jobs it has, by state: of those that are not over, and dead letters.
    pub depth: BTreeMap<String, u64>,
    /// Since when its first available job could have been begun.
    pub oldest: Option<Timestamp>,
    /// What it as a whole may do.
    pub limits: QueueLimits,
}

/// Every queue that has unfinished jobs, dead letters or limits, by name; at most 1,000.
pub(crate) async fn all(store: &Store) -> Result<Vec<QueueStatus>, Error> {
    let mut found: BTreeMap<String, QueueStatus> = BTreeMap::new();
    for state in COUNTED {
        // in the text, so that the partial indexes serve
        let text = format!("SELECT queue, count(*) AS n FROM jobs WHERE state = '{state}' GROUP BY queue");
        for row in store.fetch_all(Query::assembled(text)).await? {
            let count = u64::try_from(row.get::<i64>("n")?).unwrap_or(0);
            entry(&mut found, &row)?.depth.insert(state.to_owned(), count);
        }
    }
    for row in store.fetch_all(Query::new("SELECT name AS queue FROM job_queues")).await? {
        entry(&mut found, &row)?;
    }
    let mut queues: Vec<QueueStatus> = found.into_values().take(MOST).collect();
    for queue in &mut queues {
        complete(store, queue).await?;
    }
    Ok(queues)
}

/// One queue; without any jobs it is as if it had never been named.
pub(crate) async fn one(store: &Store, name: &str) -> Result<QueueStatus, Error> {
    let mut queue = empty(name);
    for state in COUNTED {
        let text = format!("SELECT count(*) AS n FROM jobs WHERE state = '{state}' AND queue = $1");
        let row = store.fetch_one(Query::assembled(text).bind(name)).await?;
        let count = u64::try_from(row.get::<i64>("n")?).unwrap_or(0);
        if count > 0 {
            queue.depth.insert(state.to_owned(), count);
        }
    }
    complete(store, &mut queue).await?;
    Ok(queue)
}

fn empty(name: &str) -> QueueStatus {
    QueueStatus {
        name: name.to_owned(),
        depth: BTreeMap::new(),
        oldest: None,
        limits: QueueLimits::default(),
    }
}

fn entry<'f>(found: &'f mut BTreeMap<String, QueueStatus>, row: &Row) -> Result<&'f mut QueueStatus, Error> {
    let name: String = row.get("queue")?;
    Ok(found.entry(name.clone()).or_insert_with(|| empty(&name)))
}

async fn complete(store: &Store, queue: &mut QueueStatus) -> Result<(), Error> {
    queue.limits = limits(store, &queue.name).await?;
    let first = "SELECT run_at FROM jobs WHERE state = 'available' AND held = 0 AND queue = $1
        ORDER BY priority, run_at, id LIMIT 1";
    let first = store.fetch_optional(Query::new(first).bind(queue.name.as_str())).await?;
    queue.oldest = first.map(|row| row.get("run_at")).transpose()?.map(Timestamp::from_micros);
    Ok(())
}
