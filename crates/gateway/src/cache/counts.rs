//! What the cache did for one route, and what it holds of it.

use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_resilience::effects::{Counter, Effect};

/// Kept as long as the route is, and by every stored answer of it.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) revalidated: Counter,
    pub(crate) stale_while_revalidate: Counter,
    pub(crate) stale_if_error: Counter,
    /// Answered from a fetch that somebody else had under way.
    pub(crate) joined: Counter,
    /// Waited for such a fetch in vain.
    pub(crate) waited_too_long: Counter,
    pub(crate) stored: Counter,
    pub(crate) evicted: Counter,
    pub(crate) purged: Counter,
    bytes: AtomicU64,
    resources: AtomicU64,
}

impl Counts {
    /// Notes a resource (all its variants) of this many bytes.
    pub(super) fn hold(&self, bytes: u32) {
        self.bytes.fetch_add(bytes.into(), Ordering::Relaxed);
        self.resources.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the note back.
    pub(super) fn let_go(&self, bytes: u32) {
        self.bytes.fetch_sub(bytes.into(), Ordering::Relaxed);
        self.resources.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes held, headers counted.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Resources held.
    pub(crate) fn resources(&self) -> u64 {
        self.resources.load(Ordering::Relaxed)
    }

    /// Every count by its name.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        vec![
            self.hits.effect("hit"),
            self.joined.effect("joined"),
            self.waited_too_long.effect("waited_too_long"),
            self.misses.effect("miss"),
            self.revalidated.effect("revalidated"),
            self.stale_while_revalidate.effect("stale_while_revalidate"),
            self.stale_if_error.effect("stale_if_error"),
            self.stored.effect("stored"),
            self.evicted.effect("evicted"),
            self.purged.effect("purged"),
        ]
    }
}
