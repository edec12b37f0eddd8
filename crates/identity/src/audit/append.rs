use super::chain::{self, Hash};
use super::entry::{Entry, Recorded};
use super::log::AuditSettings;
use super::sign::{Checkpoint, Kind, Signer};
use crate::text::{hex, unhex};
use crate::{Error, topic};
use seaworthy_store::{Query, Rows, Timestamp, Tx};
use std::time::Duration;

/// The end of the chain, held by this transaction.
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    checkpoint_seq: u64,
    checkpoint_at: Timestamp,
}

/// Holds the end of the chain until the transaction ends.
pub(super) async fn hold(tx: &mut Tx) -> Result<Head, Error> {
    let row = tx.fetch_one(Query::new("SELECT * FROM identity_audit_head WHERE id = 1 {lock}")).await?;
    Ok(Head {
        seq: u64::try_from(row.get::<i64>("seq")?).unwrap_or(0),
        hash: unhex(&row.get::<String>("hash")?).ok_or(Error::Internal("the audit log's head is damaged"))?,
        checkpoint_seq: u64::try_from(row.get::<i64>("checkpoint_seq")?).unwrap_or(0),
        checkpoint_at: Timestamp::from_micros(row.get("checkpoint_at")?),
    })
}

/// Adds entries in the caller's transaction, best as its last step: on PostgreSQL everybody who records anything waits
/// for its end.
pub(crate) async fn append(
    tx: &mut Tx,
    signer: &Signer,
    settings: &AuditSettings,
    entries: Vec<Entry>,
) -> Result<u64, Error> {
    if entries.is_empty() {
        return Ok(0);
    }
    let mut head = hold(tx).await?;
    let now = tx.now();
    let mut recorded = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = chain::link(head.seq + 1, now, entry.settle(), head.hash);
        (head.seq, head.hash) = (entry.seq, entry.hash);
        recorded.push(entry);
    }
    tx.execute(insert(&recorded)).await?;
    let due = head.seq - head.checkpoint_seq.min(head.seq) >= settings.checkpoint_entries.max(1)
        || now.since(head.checkpoint_at) >= settings.checkpoint_every;
    if due {
        checkpoint(tx, signer, &mut head, Kind::Periodic).await?;
    }
    let query = Query::new(
        "UPDATE identity_audit_head SET seq = $1, hash = $2, checkpoint_seq = $3, checkpoint_at = $4 WHERE id = 1",
    );
    let query = query.bind(number(head.seq)).bind(hex(&head.hash));
    tx.execute(query.bind(number(head.checkpoint_seq)).bind(head.checkpoint_at)).await?;
    tx.notify(topic::AUDIT, "");
    Ok(head.seq)
}

/// Signs for the end of the chain, where something was added since the last time.
pub(super) async fn sign_now(
    tx: &mut Tx,
    signer: &Signer,
    kind: Kind,
    at_most_every: Duration,
) -> Result<(), Error> {
    let mut head = hold(tx).await?;
    let is_new = head.seq > head.checkpoint_seq;
    if !is_new || tx.now().since(head.checkpoint_at) < at_most_every {
        return Ok(());
    }
    checkpoint(tx, signer, &mut head, kind).await?;
    let query =
        Query::new("UPDATE identity_audit_head SET checkpoint_seq = $1, checkpoint_at = $2 WHERE id = 1");
    tx.execute(query.bind(number(head.checkpoint_seq)).bind(head.checkpoint_at)).await?;
    Ok(())
}

async fn checkpoint(tx: &mut Tx, signer: &Signer, head: &mut Head, kind: Kind) -> Result<(), Error> {
    let now = tx.now();
    let checkpoint = signer.sign(head.seq, head.hash, now, kind);
    tx.execute(insert_checkpoint(&checkpoint)).await?;
    (head.checkpoint_seq, head.checkpoint_at) = (head.seq, now);
    Ok(())
}

pub(super) fn insert_checkpoint(checkpoint: &Checkpoint) -> Query {
    let query = Query::new(
        "INSERT INTO identity_audit_checkpoints (seq, hash, at, kind, key_id, signature)
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let query = query.bind(number(checkpoint.seq)).bind(hex(&checkpoint.hash)).bind(checkpoint.at);
    let query = query.bind(checkpoint.kind.as_str()).bind(checkpoint.key_id.as_str());
    query.bind(hex(&checkpoint.signature))
}

fn insert(recorded: &[Recorded]) -> Query {
    let texts = |read: fn(&Recorded) -> Option<String>| recorded.iter().map(read).collect::<Vec<_>>();
    let rows = Rows::new()
        .ints("seq", recorded.iter().map(|r| number(r.seq)))
        .ints("at", recorded.iter().map(|r| r.at.as_micros()))
        .texts("actor", texts(|r| Some(r.entry.actor.clone())))
        .texts("actor_name", texts(|r| Some(r.entry.actor_name.clone())))
        .texts("action", texts(|r| Some(r.entry.action.clone())))
        .texts("resource", texts(|r| Some(r.entry.resource.clone())))
        .texts("outcome", texts(|r| Some(r.entry.outcome.as_str().to_owned())))
        .texts("reason", texts(|r| r.entry.reason.clone()))
        .texts("before", texts(|r| r.entry.before.clone()))
        .texts("after", texts(|r| r.entry.after.clone()))
        .texts("client", texts(|r| r.entry.client.clone()))
        .texts("request_id", texts(|r| r.entry.request_id.clone()))
        .texts("trace_id", texts(|r| r.entry.trace_id.clone()))
        .ints("count", recorded.iter().map(|r| number(r.entry.count)))
        .texts("prev", texts(|r| Some(hex(&r.prev))))
        .texts("hash", texts(|r| Some(hex(&r.hash))));
    Query::new(
        "INSERT INTO identity_audit (seq, at, actor, actor_name, action, resource, outcome, reason, before, after,
             client, request_id, trace_id, count, prev, hash)
         SELECT x.seq, x.at, x.actor, x.actor_name, x.action, x.resource, x.outcome, x.reason, x.before, x.after,
             x.client, x.request_id, x.trace_id, x.count, x.prev, x.hash FROM {rows}",
    )
    .rows(rows)
}

pub(super) fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
