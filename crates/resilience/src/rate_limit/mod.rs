//! A limit on how many calls start per time, by the generic cell rate algorithm.
//!
//! ```
//! use seaworthy_resilience::{Rejection, rate_limit::{RateLimit, RateLimitLayer, Settings}};
//! use std::{sync::Arc, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let settings = Settings { requests: 1, per: Duration::from_secs(1), burst: 1 };
//! let service = RateLimitLayer::new(Arc::new(RateLimit::new(settings)))
//!     .layer(service_fn(|()| async { Ok::<_, Rejection>(()) }));
//! assert!(service.clone().oneshot(()).await.is_ok());
//! let error = service.oneshot(()).await.unwrap_err();
//! assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
//! # }
//! ```

mod future;
mod gcra;
mod keyed;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use future::RateLimitFuture;
pub use gcra::{Decision, Gcra};
pub use keyed::KeyedLimiter;
pub use layer::RateLimitLayer;
pub use service::RateLimitService;

use crate::contradiction::{Contradiction, Findings};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How many calls may start in what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Settings {
    /// How many calls may start …
    pub requests: u32,
    /// … in this time.
    #[serde(serialize_with = "crate::text::duration")]
    pub per: Duration,
    /// How many may start at once after a quiet time; at least 1.
    pub burst: u32,
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut findings = Findings::default();
        findings.expect(self.requests > 0, "requests", "must be at least 1; 0 would refuse every call");
        findings.expect(!self.per.is_zero(), "per", "must be longer than zero");
        findings.expect(self.burst > 0, "burst", "must be at least 1; 0 would refuse every call");
        findings.done()
    }
}

/// One rate for every call.
#[derive(Debug)]
pub struct RateLimit {
    settings: Settings,
    gcra: Gcra,
    started: Instant,
    /// The algorithm's one number: the theoretical arrival time, in nanoseconds since `started`.
    arrival: AtomicU64,
    allowed: Counter,
    limited: Counter,
}

impl RateLimit {
    /// A limiter that starts with its whole burst.
    pub fn new(settings: Settings) -> Self {
        Self {
            gcra: Gcra::new(&settings),
            settings,
            started: Instant::now(),
            arrival: AtomicU64::new(0),
            allowed: Counter::default(),
            limited: Counter::default(),
        }
    }

    /// Whether a call may start now; if so, it counts.
    pub fn decide(&self, now: Instant) -> Decision {
        let now = nanos_since(self.started, now);
        let mut arrival = self.arrival.load(Ordering::Relaxed);
        loop {
            let (decision, next) = self.gcra.decide(arrival, now);
            if next == arrival {
                break self.count(decision);
            }
            match self.arrival.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break self.count(decision),
                Err(seen) => arrival = seen,
            }
        }
    }

    fn count(&self, decision: Decision) -> Decision {
        let counter = if decision.allowed { &self.allowed } else { &self.limited };
        counter.add();
        decision
    }
}

/// Time since `start`, in the algorithm's unit. 584 years fit.
fn nanos_since(start: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

impl PolicyStatus for RateLimit {
    fn kind(&self) -> &'static str {
        "rate_limit"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        let now = nanos_since(self.started, Instant::now());
        json!({ "remaining": self.gcra.remaining(self.arrival.load(Ordering::Relaxed), now) })
    }
    fn effects(&self) -> Vec<Effect> {
        vec![self.allowed.effect("allowed"), self.limited.effect("limited")]
    }
}
