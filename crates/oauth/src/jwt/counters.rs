use super::Reject;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened so far. All only ever grow.
#[derive(Debug, Default)]
pub struct Counters {
    /// Answers from the cache, good and bad.
    pub cache_hits: AtomicU64,
    /// Tokens that were not in the cache.
    pub cache_misses: AtomicU64,
    /// Signatures that were computed.
    pub verifications: AtomicU64,
    /// Answers of providers that could be used.
    pub fetches_ok: AtomicU64,
    /// Calls to providers that failed.
    pub fetches_failed: AtomicU64,
    /// Calls to providers that were not made because of a limit.
    pub fetches_limited: AtomicU64,
    rejections: [AtomicU64; Reject::ALL.len()],
}

impl Counters {
    /// How often each reason was given, zeros included.
    pub fn rejections(&self) -> impl Iterator<Item = (Reject, u64)> + '_ {
        Reject::ALL.into_iter().map(|reject| (reject, self.rejections[reject as usize].load(Relaxed)))
    }

    pub(crate) fn reject(&self, reject: Reject) {
        self.rejections[reject as usize].fetch_add(1, Relaxed);
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
