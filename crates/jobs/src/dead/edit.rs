//! Other arguments for a dead letter, and who gave them.

use super::replay;
use crate::payload::{check, clean, name};
use crate::{Error, State};
use seaworthy_store::{Query, Row, Store, Timestamp, Tx};

/// As much of the arguments as the audit keeps.
const KEPT: usize = 16 << 10;
/// How many edits of one job it keeps: the last ones.
const MOST: i64 = 100;

/// One change of a dead letter's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub editor: String,
    /// What they were; the first 16 KiB.
    pub before: String,
    /// How long they were, in bytes.
    pub before_bytes: u64,
    /// What they are since; the first 16 KiB.
    pub after: String,
    /// How long they are since, in bytes.
    pub after_bytes: u64,
}

pub(super) async fn edit(
    tx: &mut Tx,
    id: i64,
    payload: &[u8],
    editor: &str,
    max_payload: usize,
) -> Result<(), Error> {
    let after = check("payload", payload, max_payload)?;
    name("editor", editor, 512)?;
    let lock = Query::new("SELECT state, payload FROM jobs WHERE id = $1 {lock}").bind(id);
    let row = tx.fetch_optional(lock).await?.ok_or_else(|| replay::missing(id))?;
    let state = replay::state(&row)?;
    if state != State::Discarded {
        return Err(Error::State { id, state, action: "edited" });
    }
    let before: String = row.get("payload")?;
    let now = tx.now();
    let update = Query::new("UPDATE jobs SET payload = $2, touched_at = $3 WHERE id = $1").bind(id);
    tx.execute(update.bind(after.as_str()).bind(now)).await?;
    let bytes = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let insert = Query::new(
        "INSERT INTO job_edits (job_id, at, editor, old_text, old_bytes, new_text, new_bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let insert = insert.bind(id).bind(now).bind(editor);
    let insert = insert.bind(clean(&before, KEPT)).bind(bytes(&before));
    tx.execute(insert.bind(clean(&after, KEPT)).bind(bytes(&after))).await?;
    let oldest = "DELETE FROM job_edits WHERE job_id = $1 AND id NOT IN (
        SELECT id FROM job_edits WHERE job_id = $1 ORDER BY id DESC LIMIT $2)";
    tx.execute(Query::new(oldest).bind(id).bind(MOST)).await?;
    Ok(())
}

/// What was changed, oldest first.
pub(super) async fn list(store: &Store, id: i64) -> Result<Vec<Edit>, Error> {
    let query = Query::new("SELECT * FROM job_edits WHERE job_id = $1 ORDER BY id").bind(id);
    let bytes = |row: &Row, name| Ok::<_, Error>(u64::try_from(row.get::<i64>(name)?).unwrap_or(0));
    let read = |row: &Row| {
        Ok(Edit {
            at: Timestamp::from_micros(row.get("at")?),
            editor: row.get("editor")?,
            before: row.get("old_text")?,
            before_bytes: bytes(row, "old_bytes")?,
            after: row.get("new_text")?,
            after_bytes: bytes(row, "new_bytes")?,
        })
    };
    store.fetch_all(query).await?.iter().map(read).collect()
}
