use crate::{Error, Identity};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened so far in this process, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Log-ins that came in.
    pub log_ins: u64,
    /// Log-ins with something wrong.
    pub log_in_failures: u64,
    /// Log-ins that were not looked at: locked out.
    pub log_ins_locked: u64,
    /// Log-ins that were not looked at: too many at a time.
    pub log_ins_busy: u64,
    /// What somebody wanted to do and may not.
    pub denied: u64,
    /// Refresh tokens that came a second time.
    pub refresh_replays: u64,
    /// Keys and own tokens that were accepted.
    pub view_accepted: u64,
    /// Keys and own tokens that were refused.
    pub view_refused: u64,
    /// How often the view was read anew.
    pub view_refreshed: u64,
    /// How often that failed: the last one went on.
    pub view_failed: u64,
    /// Audit entries that were written.
    pub audit_written: u64,
    /// Audit notes that were only counted.
    pub audit_overflowed: u64,
    /// Writes of audit entries that failed.
    pub audit_failed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    log_ins: AtomicU64,
    failures: AtomicU64,
    locked: AtomicU64,
    busy: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) replays: AtomicU64,
}

impl Counters {
    /// Counts how a log-in went; one that waits for its second factor has not ended.
    pub(crate) fn log_in<T>(&self, result: &Result<T, Error>, is_in: impl FnOnce(&T) -> bool) {
        let counter = match result {
            Ok(done) if is_in(done) => &self.log_ins,
            Err(Error::Unauthenticated(_)) => &self.failures,
            Err(Error::LockedOut(_)) => &self.locked,
            Err(Error::Busy) => &self.busy,
            Ok(_) | Err(_) => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl Identity {
    /// What happened so far in this process.
    pub fn counts(&self) -> Counts {
        let Counters { log_ins, failures, locked, busy, denied, replays } = &self.0.counters;
        let (view_accepted, view_refused, view_refreshed, view_failed) = self.0.view.counts();
        let (audit_written, audit_overflowed, audit_failed) = self.0.log.counts();
        Counts {
            log_ins: log_ins.load(Relaxed),
            log_in_failures: failures.load(Relaxed),
            log_ins_locked: locked.load(Relaxed),
            log_ins_busy: busy.load(Relaxed),
            denied: denied.load(Relaxed),
            refresh_replays: replays.load(Relaxed),
            view_accepted,
            view_refused,
            view_refreshed,
            view_failed,
            audit_written,
            audit_overflowed,
            audit_failed,
        }
    }
}
