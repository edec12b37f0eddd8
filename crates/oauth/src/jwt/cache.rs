use super::revocation::Marks;
use super::{Reject, Verified};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) type Digest = [u8; 32];

/// A token that was believed.
#[derive(Clone)]
pub(crate) struct Good {
    pub(crate) verified: Arc<Verified>,
    pub(crate) marks: Marks,
    /// Believed from here on …
    pub(crate) from: SystemTime,
    /// … until here, leeway included.
    pub(crate) until: SystemTime,
    /// Which of the verifier's issuers, and the state of its keys then.
    pub(crate) issuer: usize,
    pub(crate) generation: u64,
    weight: u32,
}

impl Good {
    pub(crate) fn new(
        (verified, marks): (Arc<Verified>, Marks),
        (from, until): (SystemTime, SystemTime),
        (issuer, generation): (usize, u64),
        token_bytes: usize,
    ) -> Self {
        // the token decoded, its claims as a map, and the entry itself
        let weight = (token_bytes as u32).saturating_mul(3).saturating_add(512);
        Self { verified, marks, from, until, issuer, generation, weight }
    }
}

#[derive(Clone, Copy)]
struct Bad {
    reject: Reject,
    until: SystemTime,
}

/// Answers by digest of the token. The refused have a place of their own: garbage never evicts what is good.
pub(crate) struct Cache {
    good: moka::sync::Cache<Digest, Good>,
    bad: moka::sync::Cache<Digest, Bad>,
    bad_for: Duration,
}

impl Cache {
    pub(crate) fn new(bytes: u64, refused: u64, bad_for: Duration) -> Self {
        let good = moka::sync::Cache::builder()
            .weigher(|_: &Digest, good: &Good| good.weight)
            .max_capacity(bytes)
            .time_to_live(Duration::from_hours(24))
            .build();
        let bad =
            moka::sync::Cache::builder().max_capacity(refused).time_to_live(Duration::from_hours(1)).build();
        Self { good, bad, bad_for }
    }

    pub(crate) fn good(&self, digest: &Digest) -> Option<Good> {
        self.good.get(digest)
    }

    pub(crate) fn bad(&self, digest: &Digest, now: SystemTime) -> Option<Reject> {
        self.bad.get(digest).filter(|bad| now < bad.until).map(|bad| bad.reject)
    }

    pub(crate) fn believe(&self, digest: Digest, good: Good) {
        self.good.insert(digest, good);
    }

    pub(crate) fn forget(&self, digest: &Digest) {
        self.good.invalidate(digest);
    }

    pub(crate) fn refuse(&self, digest: Digest, reject: Reject, now: SystemTime) {
        self.bad.insert(digest, Bad { reject, until: now + self.bad_for });
    }

    /// Entries held, good and bad; an estimate.
    pub(crate) fn len(&self) -> (u64, u64) {
        (self.good.entry_count(), self.bad.entry_count())
    }
}
