use super::entry::{Recorded, Settled};
use aws_lc_rs::digest::{Context, SHA256};
use seaworthy_store::Timestamp;

/// SHA-256.
pub type Hash = [u8; 32];

/// What the first entry follows.
pub const ZERO: Hash = [0; 32];

/// Places an entry after another.
pub(super) fn link(seq: u64, at: Timestamp, entry: Settled, prev: Hash) -> Recorded {
    let hash = hash(seq, at, &entry, &prev);
    Recorded { seq, at, entry, prev, hash }
}

/// Every part with its length before it, so that no two entries have the same bytes.
pub(super) fn hash(seq: u64, at: Timestamp, entry: &Settled, prev: &Hash) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(b"seaworthy/audit/1\0");
    context.update(prev);
    context.update(&seq.to_be_bytes());
    context.update(&at.as_micros().to_be_bytes());
    context.update(&entry.count.to_be_bytes());
    let parts = [
        Some(entry.actor.as_str()),
        Some(&entry.actor_name),
        Some(&entry.action),
        Some(&entry.resource),
        Some(entry.outcome.as_str()),
        entry.reason.as_deref(),
        entry.before.as_deref(),
        entry.after.as_deref(),
        entry.client.as_deref(),
        entry.request_id.as_deref(),
        entry.trace_id.as_deref(),
    ];
    for part in parts {
        match part {
            // no text is that long
            None => context.update(&u64::MAX.to_be_bytes()),
            Some(text) => {
                context.update(&(text.len() as u64).to_be_bytes());
                context.update(text.as_bytes());
            }
        }
    }
    let mut hash = ZERO;
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
