use super::append::{hold, insert_checkpoint, number};
use super::log::Parts;
use super::sign::Kind;
use crate::Error;
use crate::text::unhex;
use seaworthy_store::{Query, Tx};

/// Removes a prefix that is older than the retention, and signs for what it was.
pub(super) async fn prune(tx: &mut Tx, parts: &Parts, most: u64) -> Result<u64, Error> {
    hold(tx).await?;
    let limit = tx.now().minus(parts.settings.retention);
    let query = Query::new("SELECT seq FROM identity_audit ORDER BY seq LIMIT 1");
    let Some(first) = tx.fetch_optional(query).await? else { return Ok(0) };
    let first: i64 = first.get("seq")?;
    // up to the first that is young, whatever the clock said for those behind it
    let query = Query::new(
        "SELECT seq, hash FROM identity_audit
         WHERE seq < $1 AND seq < COALESCE((SELECT MIN(seq) FROM identity_audit WHERE at >= $2), $1)
         ORDER BY seq DESC LIMIT 1",
    );
    let end = first.saturating_add(number(most));
    let Some(row) = tx.fetch_optional(query.bind(end).bind(limit)).await? else { return Ok(0) };
    let (last, hash): (i64, String) = (row.get("seq")?, row.get("hash")?);
    let hash = unhex(&hash).ok_or(Error::Internal("an entry's hash is damaged: nothing is removed"))?;
    let anchor = parts.signer.sign(u64::try_from(last).unwrap_or(0), hash, tx.now(), Kind::Anchor);
    tx.execute(Query::new("UPDATE identity_audit_head SET prune_to = $1 WHERE id = 1").bind(last)).await?;
    let removed = tx.execute(Query::new("DELETE FROM identity_audit WHERE seq <= $1").bind(last)).await?;
    tx.execute(Query::new("DELETE FROM identity_audit_checkpoints WHERE seq <= $1").bind(last)).await?;
    tx.execute(insert_checkpoint(&anchor)).await?;
    tx.execute(Query::new("UPDATE identity_audit_head SET prune_to = 0 WHERE id = 1")).await?;
    Ok(removed)
}
