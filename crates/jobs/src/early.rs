//! Before its time.

use crate::{Error, State, keys, topic};
use seaworthy_store::{Query, Tx};
use std::collections::BTreeSet;

/// A job that waits for its time need not any longer.
pub(crate) async fn retry_now(tx: &mut Tx, id: i64) -> Result<(), Error> {
    let lock = Query::new("SELECT state FROM jobs WHERE id = $1 {lock}").bind(id);
    let Some(row) = tx.fetch_optional(lock).await? else {
        return Err(Error::NotFound { what: "job", id: id.to_string() });
    };
    let state: String = row.get("state")?;
    let state: State =
        state.parse().map_err(|_| seaworthy_store::Error::Corrupt("a job's state".to_owned()))?;
    if !matches!(state, State::Retryable | State::Scheduled) {
        return Err(Error::State { id, state, action: "begun before its time" });
    }
    let query = Query::new(
        "UPDATE jobs SET state = 'available', run_at = $2,
            held = CASE WHEN concurrency_key IS NULL THEN 0 ELSE 1 END
         WHERE id = $1 RETURNING queue, concurrency_key",
    );
    let now = tx.now();
    let row = tx.fetch_one(query.bind(id).bind(now)).await?;
    tx.notify(topic::READY, &row.get::<String>("queue")?);
    let key: Option<String> = row.get("concurrency_key")?;
    keys::admit(tx, BTreeSet::from_iter(key)).await
}
