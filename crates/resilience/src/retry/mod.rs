//! Retrying what failed, within an attempt count, a deadline and a budget.
//!
//! ```
//! use seaworthy_resilience::{Rejection, retry::{Attempts, Retry, RetryLayer, Settings}};
//! use std::{sync::{Arc, atomic::{AtomicU32, Ordering}}};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let calls = AtomicU32::new(0);
//! let service = RetryLayer::new(Arc::new(Retry::new(Settings::default(), None)), Attempts).layer(service_fn(|()| {
//!     let failed = calls.fetch_add(1, Ordering::Relaxed) < 2;
//!     async move { if failed { Err(tower::BoxError::from("connection refused")) } else { Ok("third time lucky") } }
//! }));
//! assert_eq!(service.oneshot(()).await.unwrap(), "third time lucky");
//! # }
//! ```

mod backoff;
mod course;
mod future;
mod layer;
mod policy;
mod service;
mod settings;
#[cfg(test)]
mod tests;

pub use backoff::{Backoff, Jitter};
pub use course::{Course, GiveUp};
pub use future::RetryFuture;
pub use layer::RetryLayer;
pub use policy::{Attempt, Attempts, Replay, RetryPolicy, Verdict};
pub use service::RetryService;
pub use settings::Settings;

use crate::budget::{Budget, Tracked};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use seaworthy_core::duration;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One retry rule, shared by every call.
#[derive(Debug)]
pub struct Retry {
    settings: Settings,
    within: Option<Duration>,
    budget: Option<Arc<Budget>>,
    counts_requests: bool,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    retries: Counter,
    recovered: Counter,
    waited_as_asked: Counter,
    attempts_spent: Counter,
    deadline_too_close: Counter,
    asked_to_wait_too_long: Counter,
    budget_spent: Counter,
    not_replayable: Counter,
    cancelled: Counter,
}

impl Retry {
    /// A rule that draws on `budget`, where there is one.
    pub fn new(settings: Settings, budget: Option<Arc<Budget>>) -> Self {
        Self { settings, within: None, budget, counts_requests: true, counters: Counters::default() }
    }

    /// With a total time: a retry that could not start within it is not waited for.
    pub fn within(mut self, total: Option<Duration>) -> Self {
        self.within = total;
        self
    }

    /// Leaves counting requests toward the budget to a layer above, such as a hedge: what that one sends twice is
    /// one request.
    pub fn counted_above(mut self) -> Self {
        self.counts_requests = false;
        self
    }

    fn track(&self, now: Instant) -> Option<Tracked> {
        self.budget.as_ref().filter(|_| self.counts_requests).map(|budget| budget.track(now))
    }

    /// What it is set to.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many attempts were made beyond the first.
    pub fn retries(&self) -> u64 {
        self.counters.retries.get()
    }

    fn gave_up(&self, why: GiveUp) {
        match why {
            GiveUp::AttemptsSpent => self.counters.attempts_spent.add(),
            GiveUp::DeadlineTooClose => self.counters.deadline_too_close.add(),
            GiveUp::AskedToWaitTooLong => self.counters.asked_to_wait_too_long.add(),
        }
    }
}

impl PolicyStatus for Retry {
    fn kind(&self) -> &'static str {
        "retry"
    }
    fn settings(&self) -> Value {
        let mut settings = as_json(&self.settings);
        settings["within"] = self.within.map(duration::format).into();
        settings
    }
    fn state(&self) -> Value {
        json!({})
    }
    fn effects(&self) -> Vec<Effect> {
        let counters = &self.counters;
        vec![
            counters.retries.effect("retries"),
            counters.recovered.effect("recovered"),
            counters.waited_as_asked.effect("waited_as_asked"),
            counters.attempts_spent.effect("attempts_spent"),
            counters.deadline_too_close.effect("deadline_too_close"),
            counters.asked_to_wait_too_long.effect("asked_to_wait_too_long"),
            counters.budget_spent.effect("budget_spent"),
            counters.not_replayable.effect("not_replayable"),
            counters.cancelled.effect("cancelled_calls"),
        ]
    }
}
