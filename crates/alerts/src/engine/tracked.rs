use seaworthy_store::Timestamp;
use std::sync::Arc;

/// A series that is, or has just been, wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tracked {
    pub(crate) phase: Phase,
    /// Since when it has given no data.
    pub(crate) missing_since: Option<Timestamp>,
    /// When it was last looked at.
    pub(super) round: Option<Timestamp>,
}

/// Pending → firing, never back; either ends by being forgotten.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    /// Wrong, but not for long enough.
    Pending { since: Timestamp },
    /// Told of.
    Firing {
        since: Timestamp,
        fingerprint: Arc<str>,
        /// Since when it has been right again.
        clear_since: Option<Timestamp>,
    },
}

impl Tracked {
    pub(super) const fn pending(since: Timestamp) -> Self {
        Self { phase: Phase::Pending { since }, missing_since: None, round: None }
    }

    pub(super) const fn firing(since: Timestamp, fingerprint: Arc<str>) -> Self {
        Self {
            phase: Phase::Firing { since, fingerprint, clear_since: None },
            missing_since: None,
            round: None,
        }
    }
}
