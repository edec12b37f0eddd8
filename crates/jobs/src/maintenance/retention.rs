//! Jobs that were kept long enough.
//!
//! There is no index for it, which every job would have to pay for: ids grow with time, so a walk over them from the
//! oldest on, a bounded piece at a time, finds what is old.

use crate::{Error, Settings, keys};
use seaworthy_store::{Query, Rows, Tx};
use std::time::Duration;

/// How long a batch that nobody seals is waited for.
const UNSEALED: Duration = Duration::from_secs(30 * 86_400);
/// How many jobs are looked at in one step.
const STEP: i64 = 5_000;

/// What a step found.
pub(crate) struct Step {
    /// Where to go on; `None` at the end.
    pub(crate) next: Option<i64>,
    /// Whether much of it was old, so that more is likely.
    pub(crate) rich: bool,
}

/// Looks at the next jobs after `from`.
pub(crate) async fn run(tx: &mut Tx, settings: &Settings, from: i64) -> Result<Step, Error> {
    let now = tx.now();
    let last = Query::new(
        "SELECT id FROM (SELECT id FROM jobs WHERE id > $1 ORDER BY id LIMIT $2) AS step ORDER BY id DESC LIMIT 1",
    );
    let Some(row) = tx.fetch_optional(last.bind(from).bind(STEP)).await? else {
        return Ok(Step { next: None, rich: false });
    };
    let to: i64 = row.get("id")?;
    let old = Query::new(
        "SELECT id FROM jobs WHERE id > $1 AND id <= $2 AND finished_at IS NOT NULL
           AND (unique_slot IS NULL OR unique_until <= $3)
           AND COALESCE(touched_at, finished_at) <= CASE WHEN parked_reason IS NOT NULL THEN $6
             WHEN state = 'discarded' THEN $4 ELSE $5 END {skip}",
    );
    let old = old.bind(from).bind(to).bind(now);
    let old = old.bind(now.minus(settings.keep_discarded)).bind(now.minus(settings.keep_finished));
    let rows = tx.fetch_all(old.bind(now.minus(settings.keep_parked))).await?;
    let ids = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<i64>, _>>()?;
    let rich = ids.len() * 2 > STEP as usize;
    remove(tx, ids).await?;
    Ok(Step { next: Some(to), rich })
}

/// Removes jobs, and what is known of them.
pub(crate) async fn remove(tx: &mut Tx, ids: Vec<i64>) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let rows = Rows::new().ints("id", ids);
    for delete in [
        "DELETE FROM job_logs WHERE job_id IN (SELECT id FROM {rows})",
        "DELETE FROM job_attempts WHERE job_id IN (SELECT id FROM {rows})",
        "DELETE FROM job_edits WHERE job_id IN (SELECT id FROM {rows})",
        "DELETE FROM job_dependencies WHERE job_id IN (SELECT id FROM {rows})",
        "DELETE FROM saga_steps WHERE saga_id IN (SELECT id FROM {rows})",
        "DELETE FROM sagas WHERE id IN (SELECT id FROM {rows})",
        "DELETE FROM jobs WHERE id IN (SELECT id FROM {rows})",
    ] {
        tx.execute(Query::new(delete).rows(rows.clone())).await?;
    }
    Ok(())
}

/// Frees unique keys whose period is over, drops keys nobody uses and batches that ended long ago.
pub(crate) async fn tidy(tx: &mut Tx, settings: &Settings) -> Result<(), Error> {
    let now = tx.now();
    let slots = "UPDATE jobs SET unique_slot = NULL
        WHERE unique_slot IS NOT NULL AND unique_until IS NOT NULL AND unique_until <= $1";
    tx.execute(Query::new(slots).bind(now)).await?;
    let batches = "DELETE FROM job_batches WHERE finished_at <= $1";
    tx.execute(Query::new(batches).bind(now.minus(settings.keep_discarded))).await?;
    keys::forget(tx).await?;
    abandon(tx, settings).await?;
    let redrives = "DELETE FROM job_redrives WHERE finished_at <= $1";
    tx.execute(Query::new(redrives).bind(now.minus(settings.keep_parked))).await?;
    Ok(())
}

/// Batches that were begun long ago, never sealed, and have nothing left to wait for.
async fn abandon(tx: &mut Tx, settings: &Settings) -> Result<(), Error> {
    let query =
        "SELECT id FROM job_batches WHERE sealed = 0 AND finished_at IS NULL AND created_at <= $1 {skip}";
    let before = tx.now().minus(settings.keep_discarded.max(UNSEALED));
    let rows = tx.fetch_all(Query::new(query).bind(before)).await?;
    let ids = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<i64>, _>>()?;
    if ids.is_empty() {
        return Ok(());
    }
    // a statement of its own: whoever added a job while we waited has committed
    let query =
        "DELETE FROM job_batches WHERE id IN (SELECT id FROM {rows}) AND NOT EXISTS (SELECT 1 FROM jobs
        WHERE batch_id = job_batches.id AND batch_id IS NOT NULL AND finished_at IS NULL)";
    tx.execute(Query::new(query).rows(Rows::new().ints("id", ids))).await?;
    Ok(())
}
