//! Load shedding with a concurrency limit that finds itself.
//!
//! Nobody knows the right number of concurrent calls in advance, and it changes with every deployment. The limit
//! grows while answers stay fast and shrinks when they slow down; calls beyond it are refused at once, while refusing
//! is still cheap.
//!
//! ```
//! use seaworthy_resilience::{Rejection, classify::ErrorsFail, shed::{Settings, Shed, ShedLayer}};
//! use std::{future::pending, sync::Arc};
//! use tower::{Layer, Service, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let settings = Settings { initial: 1, min: 1, ..Settings::default() };
//! let mut service = ShedLayer::new(Arc::new(Shed::new(settings)), ErrorsFail)
//!     .layer(service_fn(|()| pending::<Result<(), Rejection>>()));
//! let first = service.call(());
//! assert_eq!(service.clone().oneshot(()).await.unwrap_err().reason(), "shed");
//! # drop(first);
//! # }
//! ```

mod future;
mod layer;
mod limit;
mod service;
mod settings;
#[cfg(test)]
mod tests;

pub use future::ShedFuture;
pub use layer::ShedLayer;
pub use limit::{Limit, Sample};
pub use service::ShedService;
pub use settings::{Algorithm, Settings};

use crate::Rejection;
use crate::classify::Outcome;
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use crate::lock::lock;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// One adaptive limit, shared by every call it guards.
#[derive(Debug)]
pub struct Shed {
    settings: Settings,
    limit: Mutex<Limit>,
    /// The limit's whole part, readable without the lock.
    allowed: AtomicUsize,
    in_flight: AtomicUsize,
    shed: Counter,
    raised: Counter,
    lowered: Counter,
    cancelled: Counter,
}

/// The right to make one call, given back when dropped.
#[derive(Debug)]
pub struct Slot {
    shed: Arc<Shed>,
    started: Instant,
    in_flight: usize,
    over: bool,
}

impl Shed {
    /// A limit at its initial value.
    pub fn new(settings: Settings) -> Self {
        let limit = Limit::new(&settings, Instant::now());
        Self {
            allowed: AtomicUsize::new(limit.whole()),
            limit: Mutex::new(limit),
            settings,
            in_flight: AtomicUsize::new(0),
            shed: Counter::default(),
            raised: Counter::default(),
            lowered: Counter::default(),
            cancelled: Counter::default(),
        }
    }

    /// How many calls may be under way now.
    pub fn limit(&self) -> usize {
        self.allowed.load(Ordering::Relaxed)
    }

    /// Lets a call through or sheds it.
    ///
    /// # Errors
    /// [`Rejection::Shed`] where the limit is reached.
    pub fn admit(self: &Arc<Self>) -> Result<Slot, Rejection> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if before >= self.limit() {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.shed.add();
            return Err(Rejection::Shed { retry_after: self.settings.retry_after });
        }
        Ok(Slot { shed: Arc::clone(self), started: Instant::now(), in_flight: before + 1, over: false })
    }

    fn learn(&self, sample: Sample, now: Instant) {
        let mut limit = lock(&self.limit);
        let before = limit.whole();
        limit.learn(sample, now);
        let after = limit.whole();
        self.allowed.store(after, Ordering::Relaxed);
        if after > before {
            self.raised.add();
        } else if after < before {
            self.lowered.add();
        }
    }
}

impl Slot {
    /// Gives the slot back with what came of the call.
    pub fn record(mut self, outcome: Outcome) {
        self.over = true;
        let now = Instant::now();
        let sample = Sample { took: now - self.started, in_flight: self.in_flight, outcome };
        self.shed.learn(sample, now);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shed.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.over {
            self.shed.cancelled.add();
        }
    }
}

impl PolicyStatus for Shed {
    fn kind(&self) -> &'static str {
        "shed"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        json!({ "limit": self.limit(), "in_flight": self.in_flight.load(Ordering::Relaxed) })
    }
    fn effects(&self) -> Vec<Effect> {
        vec![
            self.shed.effect("shed"),
            self.raised.effect("limit_raised"),
            self.lowered.effect("limit_lowered"),
            self.cancelled.effect("cancelled_calls"),
        ]
    }
}
