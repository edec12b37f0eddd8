use crate::{Error, State, record, saga, topic};
use seaworthy_store::{Query, Tx};

/// What became of the wish that a job be called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not run.
    Now,
    /// It runs: its worker was told, and the job is cancelled when the attempt has ended.
    Requested,
}

pub(crate) async fn cancel(tx: &mut Tx, id: i64) -> Result<Cancelled, Error> {
    let lock = Query::new("SELECT state FROM jobs WHERE id = $1 {lock}").bind(id);
    let Some(row) = tx.fetch_optional(lock).await? else {
        return Err(Error::NotFound { what: "job", id: id.to_string() });
    };
    let state: String = row.get("state")?;
    let state: State =
        state.parse().map_err(|_| seaworthy_store::Error::Corrupt("a job's state".to_owned()))?;
    if state.is_final() {
        return Err(Error::State { id, state, action: "cancelled" });
    }
    if saga::turn_back(tx, id, state).await? {
        return Ok(Cancelled::Requested);
    }
    if state == State::Running {
        tx.execute(Query::new("UPDATE jobs SET cancel_requested = 1 WHERE id = $1").bind(id)).await?;
        tx.notify(topic::CANCEL, &id.to_string());
        return Ok(Cancelled::Requested);
    }
    let query = "UPDATE jobs SET state = 'cancelled', finished_at = $2, error_code = 'cancelled',
            error = 'called off before it ran', held = 0,
            unique_slot = CASE WHEN unique_until IS NULL THEN NULL ELSE unique_slot END
        WHERE id = $1
        RETURNING id, finished_at, has_dependents, batch_id, concurrency_key";
    let rows = tx.fetch_all(Query::new(query).bind(id).bind(tx.now())).await?;
    record::after(tx, &rows).await?;
    Ok(Cancelled::Now)
}
