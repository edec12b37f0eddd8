//! Concurrency keys: how many jobs with the same key may run at once, wherever they are.
//!
//! A job with a key is *held* until it has a place: claiming never looks at keys, so a thousand held jobs cost those
//! behind them nothing. Places are given under a lock on the key, from a count of what is really there: there is no
//! counter that could drift. Whoever locks jobs and keys locks the jobs first.

use crate::{Error, topic};
use seaworthy_store::{Backend, Query, Row, Rows, Store, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// How many keys are looked at in one step of the sweep.
const STEP: i64 = 1_000;

/// The limits given last hold.
pub(crate) async fn set_limits(tx: &mut Tx, limits: &BTreeMap<String, u32>) -> Result<(), Error> {
    // in the order of the keys, so that two of these cannot wait for each other
    let rows = Rows::new()
        .texts("key", limits.keys().cloned().map(Some))
        .ints("max_running", limits.values().map(|limit| i64::from(*limit)));
    let query =
        "INSERT INTO job_keys (key, max_running) SELECT key, max_running FROM {rows} WHERE true ORDER BY key
        ON CONFLICT (key) DO UPDATE SET max_running = excluded.max_running";
    tx.execute(Query::new(query).rows(rows)).await?;
    Ok(())
}

/// Gives free places to the first who wait for them.
pub(crate) async fn admit(tx: &mut Tx, keys: BTreeSet<String>) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let lock =
        "SELECT key, max_running FROM job_keys WHERE key IN (SELECT key FROM {rows}) ORDER BY key {lock}";
    let locked = Query::new(lock).rows(Rows::new().texts("key", keys.into_iter().map(Some)));
    let mut limits = Vec::new();
    for row in tx.fetch_all(locked).await? {
        limits.push((row.get::<String>("key")?, row.get::<i64>("max_running")?));
    }
    // counted only now: whoever had the key before has committed
    match tx.backend() {
        Backend::Postgres => give_together(tx, limits).await,
        Backend::Sqlite => give_one_by_one(tx, limits).await,
    }
}

/// However many keys: one round trip.
async fn give_together(tx: &mut Tx, limits: Vec<(String, i64)>) -> Result<(), Error> {
    let (keys, limits): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
    let query =
        // who is just being called off is passed over, not waited for: it waits for this very key
        "UPDATE jobs SET held = 0 WHERE id = ANY (ARRAY(
           SELECT first.id FROM {rows} CROSS JOIN LATERAL (
             SELECT id FROM jobs WHERE concurrency_key = x.key AND held = 1 AND state = 'available'
               AND concurrency_key IS NOT NULL AND finished_at IS NULL
             ORDER BY priority, run_at, id
             LIMIT GREATEST(0, x.max_running - (
               SELECT count(*) FROM jobs taken WHERE taken.concurrency_key = x.key AND taken.held = 0
                 AND taken.state IN ('available', 'running')
                 AND taken.concurrency_key IS NOT NULL AND taken.finished_at IS NULL))
             FOR UPDATE SKIP LOCKED) AS first))
         RETURNING queue";
    let rows = Rows::new().texts("key", keys.into_iter().map(Some)).ints("max_running", limits);
    let admitted = tx.fetch_all(Query::new(query).rows(rows)).await?;
    tell(tx, &admitted)
}

async fn give_one_by_one(tx: &mut Tx, limits: Vec<(String, i64)>) -> Result<(), Error> {
    for (key, limit) in limits {
        let count = "SELECT count(*) AS n FROM jobs WHERE concurrency_key = $1 AND held = 0
            AND state IN ('available', 'running') AND concurrency_key IS NOT NULL AND finished_at IS NULL";
        let taken: i64 = tx.fetch_one(Query::new(count).bind(key.as_str())).await?.get("n")?;
        if taken >= limit {
            continue;
        }
        let query = "UPDATE jobs SET held = 0 WHERE id IN (
              SELECT id FROM jobs WHERE concurrency_key = $1 AND held = 1 AND state = 'available'
                AND concurrency_key IS NOT NULL AND finished_at IS NULL
              ORDER BY priority, run_at, id LIMIT $2)
            RETURNING queue";
        let admitted = tx.fetch_all(Query::new(query).bind(key).bind(limit - taken)).await?;
        tell(tx, &admitted)?;
    }
    Ok(())
}

fn tell(tx: &mut Tx, admitted: &[Row]) -> Result<(), Error> {
    for row in admitted {
        tx.notify(topic::READY, &row.get::<String>("queue")?);
    }
    Ok(())
}

/// What a step of the sweep found.
#[derive(Debug, Default)]
pub(crate) struct Overlooked {
    /// Keys with a free place though somebody waits for it.
    pub(crate) keys: BTreeSet<String>,
    /// Where to go on; empty: at the beginning.
    pub(crate) next: String,
}

/// Looks at the next keys after `from`. A job that was passed over, because somebody else's transaction had its row
/// when a place became free, is admitted by nobody else.
pub(crate) async fn overlooked(store: &Store, from: &str) -> Result<Overlooked, Error> {
    let query = "SELECT key, CAST(CASE WHEN EXISTS (
              SELECT 1 FROM jobs WHERE concurrency_key = job_keys.key AND held = 1 AND state = 'available'
                AND concurrency_key IS NOT NULL AND finished_at IS NULL)
            AND max_running > (
              SELECT count(*) FROM jobs WHERE concurrency_key = job_keys.key AND held = 0
                AND state IN ('available', 'running') AND concurrency_key IS NOT NULL AND finished_at IS NULL)
          THEN 1 ELSE 0 END AS BIGINT) AS free
        FROM job_keys WHERE key > $1 ORDER BY key LIMIT $2";
    let rows = store.fetch_all(Query::new(query).bind(from).bind(STEP)).await?;
    let mut found = Overlooked::default();
    for row in &rows {
        let key: String = row.get("key")?;
        if row.get::<i64>("free")? == 1 {
            found.keys.insert(key.clone());
        }
        found.next = key;
    }
    if (rows.len() as i64) < STEP {
        found.next.clear();
    }
    Ok(found)
}

/// Forgets keys that no unfinished job has; tells how many.
pub(crate) async fn forget(tx: &mut Tx) -> Result<u64, Error> {
    let unused = "SELECT key FROM job_keys WHERE NOT EXISTS (SELECT 1 FROM jobs
          WHERE concurrency_key = job_keys.key AND concurrency_key IS NOT NULL AND finished_at IS NULL)
        ORDER BY key LIMIT $1 {skip}";
    let rows = tx.fetch_all(Query::new(unused).bind(STEP)).await?;
    let keys = rows.iter().map(|row| row.get::<String>("key")).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Ok(0);
    }
    // looked at once more under the locks: a job with the key may have been accepted in between
    let query =
        "DELETE FROM job_keys WHERE key IN (SELECT key FROM {rows}) AND NOT EXISTS (SELECT 1 FROM jobs
          WHERE concurrency_key = job_keys.key AND concurrency_key IS NOT NULL AND finished_at IS NULL)";
    let rows = Rows::new().texts("key", keys.into_iter().map(Some));
    Ok(tx.execute(Query::new(query).rows(rows)).await?)
}
