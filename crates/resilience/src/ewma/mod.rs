//! How loaded an endpoint is, for a balancer that picks the less loaded of two (power of two choices).
//!
//! Peak-EWMA: an average of response times that jumps up at once and comes down slowly, times the calls under way.
//! Source: Finagle's `Aperture`/`PeakEwma` balancer, as in tower and Linkerd.
//!
//! ```
//! use seaworthy_resilience::{Outcome, ewma::{PeakEwma, Settings}};
//! use std::{sync::Arc, time::Duration};
//! use tokio::time::Instant;
//!
//! let now = Instant::now();
//! let good = Arc::new(PeakEwma::new(Settings::default(), now));
//! let bad = Arc::new(PeakEwma::new(Settings::default(), now));
//! let later = now + Duration::from_millis(5);
//! good.start(now).finish(Outcome::Success, later);
//! bad.start(now).finish(Outcome::Failure, later); // fast, but no reason to send more
//! assert!(bad.load(later) > good.load(later));
//! ```

mod estimate;
#[cfg(test)]
mod tests;

pub use estimate::Estimate;

use crate::classify::Outcome;
use crate::contradiction::{Contradiction, Findings};
use crate::lock::lock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How the estimate moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Settings {
    /// After this time an old response time weighs 1/e.
    #[serde(serialize_with = "crate::text::duration")]
    pub decay: Duration,
    /// What an endpoint is assumed to take before its first answer.
    #[serde(serialize_with = "crate::text::duration")]
    pub initial: Duration,
    /// A failed or throttled call counts as at least this slow, however fast it was.
    #[serde(serialize_with = "crate::text::duration")]
    pub penalty: Duration,
}

impl Default for Settings {
    /// 10 s decay, 30 ms at the start, 5 s for a failure.
    fn default() -> Self {
        Self {
            decay: Duration::from_secs(10),
            initial: Duration::from_millis(30),
            penalty: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        found.expect(!self.decay.is_zero(), "decay", "must be longer than zero");
        found.expect(self.penalty > self.initial, "penalty", "is no penalty: it is not longer than initial");
        found.done()
    }
}

/// The load of one endpoint.
#[derive(Debug)]
pub struct PeakEwma {
    penalty: Duration,
    estimate: Mutex<Estimate>,
    pending: AtomicUsize,
}

/// A call under way; counts as load until dropped.
#[derive(Debug)]
pub struct InFlight {
    endpoint: Arc<PeakEwma>,
    started: Instant,
    over: bool,
}

impl PeakEwma {
    /// An endpoint nobody called yet.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            penalty: settings.penalty,
            estimate: Mutex::new(Estimate::new(settings.initial, settings.decay, now)),
            pending: AtomicUsize::new(0),
        }
    }

    /// The load at `now`: what one more call would wait, in seconds.
    pub fn load(&self, now: Instant) -> f64 {
        lock(&self.estimate).at(now) * (self.pending() + 1) as f64
    }

    /// How many calls are under way.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// A call starts.
    pub fn start(self: &Arc<Self>, now: Instant) -> InFlight {
        self.pending.fetch_add(1, Ordering::Relaxed);
        InFlight { endpoint: Arc::clone(self), started: now, over: false }
    }
}

impl InFlight {
    /// The call is over.
    pub fn finish(mut self, outcome: Outcome, now: Instant) {
        self.over = true;
        let took = now.saturating_duration_since(self.started);
        let counted = match outcome {
            Outcome::Success => took,
            Outcome::Failure | Outcome::Throttled => took.max(self.endpoint.penalty),
            Outcome::Neutral => return,
        };
        lock(&self.endpoint.estimate).observe(counted, now);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.endpoint.pending.fetch_sub(1, Ordering::Relaxed);
        if !self.over {
            // abandoned: it would have taken longer still
            let now = Instant::now();
            let took = now.saturating_duration_since(self.started);
            lock(&self.endpoint.estimate).observe_at_least(took, now);
        }
    }
}
