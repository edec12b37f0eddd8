//! History that was kept long enough.

use crate::Error;
use seaworthy_store::{Query, Tx};
use std::time::Duration;

/// Rows removed in one step.
const STEP: i64 = 1_000;

/// Removes runs and events that are older than `keep`; tells whether there may be more.
pub(super) async fn run(tx: &mut Tx, keep: Duration) -> Result<bool, Error> {
    let before = tx.now().minus(keep);
    // by the key's order, schedule by schedule: years of history are never looked through
    let runs = Query::split(
        "DELETE FROM schedule_runs WHERE rowid IN (
            SELECT r.rowid FROM schedules s CROSS JOIN schedule_runs r ON r.schedule = s.name AND r.tick < $1
            WHERE r.recorded_at < $1 AND r.outcome <> 'enqueued' LIMIT $2)",
        "DELETE FROM schedule_runs WHERE ctid = ANY (ARRAY(
            SELECT r.ctid FROM schedules s JOIN schedule_runs r ON r.schedule = s.name AND r.tick < $1
            WHERE r.recorded_at < $1 AND r.outcome <> 'enqueued' LIMIT $2))",
    );
    let runs = tx.execute(runs.bind(before).bind(STEP)).await?;
    let events = Query::new(
        "DELETE FROM schedule_events WHERE id IN (SELECT id FROM schedule_events WHERE at < $1 LIMIT $2)",
    );
    let events = tx.execute(events.bind(before).bind(STEP)).await?;
    Ok(runs.max(events) >= STEP.unsigned_abs())
}
