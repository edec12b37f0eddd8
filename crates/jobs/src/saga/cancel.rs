//! Calling off a job that is a saga: what it has done must be undone first.

use crate::{Error, State, early};
use seaworthy_store::{Query, Tx};

/// Whether the job is a saga that goes on because of it, to undo what was done.
pub(crate) async fn turn_back(tx: &mut Tx, id: i64, state: State) -> Result<bool, Error> {
    let query = "SELECT s.state AS state, (SELECT count(*) FROM saga_steps t
            WHERE t.saga_id = s.id AND t.state <> 'planned') AS begun FROM sagas s WHERE s.id = $1";
    let Some(row) = tx.fetch_optional(Query::new(query).bind(id)).await? else { return Ok(false) };
    if row.get::<i64>("begun")? == 0 && state != State::Running {
        let never =
            "UPDATE sagas SET state = 'compensated', cancel_requested = 1, finished_at = $2 WHERE id = $1";
        let now = tx.now();
        tx.execute(Query::new(never).bind(id).bind(now)).await?;
        let steps = Query::new("UPDATE saga_steps SET state = 'skipped' WHERE saga_id = $1").bind(id);
        tx.execute(steps).await?;
        return Ok(false);
    }
    tx.execute(Query::new("UPDATE sagas SET cancel_requested = 1 WHERE id = $1").bind(id)).await?;
    if matches!(state, State::Retryable | State::Scheduled) {
        early::retry_now(tx, id).await?;
    }
    Ok(true)
}
