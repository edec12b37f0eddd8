use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// How a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason")]
pub enum Status {
    /// All replicas run what is wanted.
    Complete,
    /// Replicas are being replaced, or come up for the first time.
    Progressing,
    /// There was no step forward for too long: what was old stays, for this reason.
    Failed(String),
}

/// News of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All replicas run what is wanted, and are ready.
    Complete,
    /// There was no step forward for too long.
    TooLate,
}

/// Whether a rollout moves.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    deadline: Duration,
    moved: Instant,
    /// The most that were new and ready, and the fewest that were old.
    best: (usize, usize),
    late: bool,
}

/// How far a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) replicas: usize,
    /// New and ready.
    pub(crate) ready_new: usize,
    /// Old, those that are ending included.
    pub(crate) old: usize,
}

impl Progress {
    pub(crate) const fn begin(now: Instant, deadline: Duration) -> Self {
        Self { deadline, moved: now, best: (0, usize::MAX), late: false }
    }

    /// Takes how far it is; says what that amounts to, once.
    pub(crate) fn observe(&mut self, now: Instant, counts: Counts) -> Option<Verdict> {
        let Counts { replicas, ready_new, old } = counts;
        if ready_new >= replicas && old == 0 {
            return Some(Verdict::Complete);
        }
        if ready_new > self.best.0 || old < self.best.1 {
            self.best = (self.best.0.max(ready_new), self.best.1.min(old));
            self.moved = now;
            self.late = false;
        } else if !self.late && now >= self.moved + self.deadline {
            self.late = true;
            return Some(Verdict::TooLate);
        }
        None
    }

    /// When it would be too late.
    pub(crate) fn next(&self) -> Option<Instant> {
        (!self.late).then(|| self.moved + self.deadline)
    }
}
