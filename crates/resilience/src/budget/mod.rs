//! A retry budget: how much extra traffic retries and hedges may make, whatever each single call would like.
//!
//! Two models, under the names their users know: a *ratio* of recent requests plus a minimum per second (Finagle,
//! Linkerd), and a share of the requests *active* right now (Envoy).
//!
//! ```
//! use seaworthy_resilience::budget::{Budget, Settings};
//! use std::{sync::Arc, time::Duration};
//! use tokio::time::Instant;
//!
//! let ttl = Duration::from_secs(10);
//! let budget = Arc::new(Budget::new(Settings::Ratio { ratio: 0.2, min_per_second: 0, ttl }));
//! let now = Instant::now();
//! for _ in 0..10 {
//!     let _tracked = budget.track(now);
//! }
//! assert!(budget.withdraw(now).is_some() && budget.withdraw(now).is_some());
//! assert!(budget.withdraw(now).is_none(), "two of ten is a fifth");
//! ```

mod ratio;
#[cfg(test)]
mod tests;

pub use ratio::RatioLedger;

use crate::contradiction::{Contradiction, Findings};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use crate::lock::lock;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How much extra traffic is allowed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "model")]
pub enum Settings {
    /// A share of the requests of the last `ttl`, plus a minimum.
    Ratio {
        /// Extra calls per request.
        ratio: f64,
        /// Extra calls per second that are allowed however little traffic there is.
        min_per_second: u32,
        /// How long a request counts.
        #[serde(serialize_with = "crate::text::duration")]
        ttl: Duration,
    },
    /// A share of the requests under way, but at least a few.
    Active {
        /// Extra calls under way per request under way.
        ratio: f64,
        /// Extra calls that may be under way however little traffic there is.
        min_concurrent: u32,
    },
}

impl Default for Settings {
    /// Linkerd's: 20 % of the requests of 10 s, and 10 a second.
    fn default() -> Self {
        Self::Ratio { ratio: 0.2, min_per_second: 10, ttl: Duration::from_secs(10) }
    }
}

impl Settings {
    /// Envoy's: 20 % of the requests under way, at least 3.
    pub const ACTIVE: Self = Self::Active { ratio: 0.2, min_concurrent: 3 };

    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        let (ratio, minimum) = match self {
            Self::Ratio { ratio, min_per_second, ttl } => {
                found.expect(ttl.as_secs() >= 1, "ttl", "must be at least 1s");
                (*ratio, *min_per_second)
            }
            Self::Active { ratio, min_concurrent } => (*ratio, *min_concurrent),
        };
        found.expect(ratio >= 0.0 && ratio.is_finite(), "ratio", "must be 0 or more");
        found.expect(
            ratio > 0.0 || minimum > 0,
            "ratio",
            "is 0 and so is the minimum: nothing could be retried",
        );
        found.done()
    }
}

/// One budget, shared by everything that makes extra calls to the same service.
#[derive(Debug)]
pub struct Budget {
    settings: Settings,
    model: Model,
    granted: Counter,
    exhausted: Counter,
}

#[derive(Debug)]
enum Model {
    Ratio(Mutex<RatioLedger>),
    Active { ratio: f64, min_concurrent: u64, requests: AtomicU64, extra: AtomicU64 },
}

/// A request under way; counts until dropped (in the active model).
#[derive(Debug)]
pub struct Tracked(Option<Arc<Budget>>);

/// An extra call that was allowed; counts until dropped (in the active model).
#[derive(Debug)]
pub struct Withdrawal(Option<Arc<Budget>>);

impl Budget {
    /// A budget no request was counted toward yet.
    pub fn new(settings: Settings) -> Self {
        let model = match settings {
            Settings::Ratio { ratio, min_per_second, ttl } => {
                Model::Ratio(Mutex::new(RatioLedger::new(ratio, min_per_second, ttl, Instant::now())))
            }
            Settings::Active { ratio, min_concurrent } => Model::Active {
                ratio,
                min_concurrent: u64::from(min_concurrent),
                requests: AtomicU64::new(0),
                extra: AtomicU64::new(0),
            },
        };
        Self { settings, model, granted: Counter::default(), exhausted: Counter::default() }
    }

    /// Counts a request of a caller (not a retry of it).
    pub fn track(self: &Arc<Self>, now: Instant) -> Tracked {
        match &self.model {
            Model::Ratio(ledger) => {
                lock(ledger).deposit(now);
                Tracked(None)
            }
            Model::Active { requests, .. } => {
                requests.fetch_add(1, Ordering::Relaxed);
                Tracked(Some(Arc::clone(self)))
            }
        }
    }

    /// Asks for one extra call.
    pub fn withdraw(self: &Arc<Self>, now: Instant) -> Option<Withdrawal> {
        let granted = match &self.model {
            Model::Ratio(ledger) => lock(ledger).withdraw(now).then_some(Withdrawal(None)),
            Model::Active { ratio, min_concurrent, requests, extra } => {
                let share = (ratio * requests.load(Ordering::Relaxed) as f64) as u64;
                let allowed = share.max(*min_concurrent);
                extra
                    .try_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                        (now < allowed).then_some(now + 1)
                    })
                    .is_ok()
                    .then(|| Withdrawal(Some(Arc::clone(self))))
            }
        };
        let counter = if granted.is_some() { &self.granted } else { &self.exhausted };
        counter.add();
        granted
    }

    /// How many extra calls would be allowed at `now`.
    pub fn balance(&self, now: Instant) -> u64 {
        match &self.model {
            Model::Ratio(ledger) => lock(ledger).balance(now),
            Model::Active { ratio, min_concurrent, requests, extra } => {
                let share = (ratio * requests.load(Ordering::Relaxed) as f64) as u64;
                share.max(*min_concurrent).saturating_sub(extra.load(Ordering::Relaxed))
            }
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Some(budget) = &self.0
            && let Model::Active { requests, .. } = &budget.model
        {
            requests.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if let Some(budget) = &self.0
            && let Model::Active { extra, .. } = &budget.model
        {
            extra.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl PolicyStatus for Budget {
    fn kind(&self) -> &'static str {
        "retry_budget"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        json!({ "balance": self.balance(Instant::now()) })
    }
    fn effects(&self) -> Vec<Effect> {
        vec![self.granted.effect("granted"), self.exhausted.effect("exhausted")]
    }
}
