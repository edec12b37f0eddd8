//! Jobs whose time has come.

use crate::{Error, keys, topic};
use seaworthy_store::{Query, Store, Timestamp, Tx};
use std::collections::BTreeSet;

/// How many at once.
const MOST: i64 = 1_000;

/// Makes due jobs available; tells whether there may be more.
pub(crate) async fn run(tx: &mut Tx) -> Result<bool, Error> {
    let query =
        "UPDATE jobs SET state = 'available', held = CASE WHEN concurrency_key IS NULL THEN 0 ELSE 1 END
        WHERE id {any} SELECT id FROM jobs WHERE state IN ('scheduled', 'retryable') AND run_at <= $1
            ORDER BY run_at LIMIT $2 {skip} {end}
        RETURNING queue, concurrency_key";
    let rows = tx.fetch_all(Query::new(query).bind(tx.now()).bind(MOST)).await?;
    let mut keys = BTreeSet::new();
    for row in &rows {
        keys.extend(row.get::<Option<String>>("concurrency_key")?);
        tx.notify(topic::READY, &row.get::<String>("queue")?);
    }
    keys::admit(tx, keys).await?;
    Ok(rows.len() as i64 == MOST)
}

/// When the next is due.
pub(crate) async fn next(store: &Store) -> Result<Option<Timestamp>, Error> {
    let query = "SELECT run_at FROM jobs WHERE state IN ('scheduled', 'retryable') ORDER BY run_at LIMIT 1";
    let row = store.fetch_optional(Query::new(query)).await?;
    Ok(row.map(|row| row.get("run_at")).transpose()?.map(Timestamp::from_micros))
}
