//! Hedging: when an answer is late, the same request is sent once more and the first good answer wins.
//!
//! It cuts the long tail of a service whose slowness is not its load's (a pause, a cold cache, one bad replica), and
//! so costs a few per cent of extra calls — which it draws from the same budget as retries. Source: Dean and
//! Barroso, "The Tail at Scale", CACM 2013.
//!
//! ```
//! use seaworthy_resilience::{hedge::{Hedge, HedgeLayer, Settings}, retry::Attempts};
//! use std::{sync::{Arc, atomic::{AtomicU32, Ordering}}, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let calls = AtomicU32::new(0);
//! let settings = Settings { delay: Duration::from_millis(30) };
//! let service = HedgeLayer::new(Arc::new(Hedge::new(settings, None)), Attempts).layer(service_fn(|()| {
//!     let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
//!     async move {
//!         tokio::time::sleep(Duration::from_secs(if first { 10 } else { 0 })).await;
//!         Ok::<_, tower::BoxError>(if first { "slow" } else { "fast" })
//!     }
//! }));
//! assert_eq!(service.oneshot(()).await.unwrap(), "fast");
//! # }
//! ```

mod future;
mod layer;
mod race;
mod service;
#[cfg(test)]
mod tests;

pub use future::HedgeFuture;
pub use layer::HedgeLayer;
pub use race::{Race, Step};
pub use service::HedgeService;

use crate::budget::{Budget, Tracked};
use crate::contradiction::{Contradiction, Findings};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// When a request is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Settings {
    /// How late an answer must be; the service's p95 is a good start.
    #[serde(serialize_with = "crate::text::duration")]
    pub delay: Duration,
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        found.expect(!self.delay.is_zero(), "delay", "is zero: every request would be sent twice");
        found.done()
    }
}

/// One hedging rule, shared by every call.
#[derive(Debug)]
pub struct Hedge {
    settings: Settings,
    budget: Option<Arc<Budget>>,
    hedged: Counter,
    won: Counter,
    budget_spent: Counter,
    not_replayable: Counter,
}

impl Hedge {
    /// A rule that draws on `budget`, where there is one, and counts every request toward it. A retry layer beneath
    /// that shares the budget must not count them again: [`Retry::counted_above`](crate::retry::Retry::counted_above).
    pub fn new(settings: Settings, budget: Option<Arc<Budget>>) -> Self {
        Self {
            settings,
            budget,
            hedged: Counter::default(),
            won: Counter::default(),
            budget_spent: Counter::default(),
            not_replayable: Counter::default(),
        }
    }
}

impl Hedge {
    fn track(&self) -> Option<Tracked> {
        self.budget.as_ref().map(|budget| budget.track(Instant::now()))
    }
}

impl PolicyStatus for Hedge {
    fn kind(&self) -> &'static str {
        "hedge"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        json!({})
    }
    fn effects(&self) -> Vec<Effect> {
        vec![
            self.hedged.effect("hedged"),
            self.won.effect("hedge_won"),
            self.budget_spent.effect("budget_spent"),
            self.not_replayable.effect("not_replayable"),
        ]
    }
}
