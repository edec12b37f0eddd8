//! Away with dead letters, a bounded number at a time.

use super::filter::{DeadFilter, Growing};
use crate::Error;
use crate::maintenance::retention;
use seaworthy_store::{Timestamp, Tx};

/// How many in one transaction.
pub(super) const STEP: i64 = 500;

/// Removes some of those that died before a moment; how many.
pub(super) async fn step(tx: &mut Tx, filter: &DeadFilter, before: Timestamp) -> Result<usize, Error> {
    let query = Growing::new("SELECT id FROM jobs WHERE ").letters(filter);
    let query = query.with(" AND finished_at <= ", before).with(" ORDER BY id LIMIT ", STEP).add(" {skip}");
    let rows = tx.fetch_all(query.query()).await?;
    let ids = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<i64>, _>>()?;
    let count = ids.len();
    retention::remove(tx, ids).await?;
    Ok(count)
}
