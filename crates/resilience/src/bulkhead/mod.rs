//! A bulkhead: a bounded number of calls under way, a bounded queue in front of it, first come first served.
//!
//! A call holds its place until its response is there (for HTTP: the response's head).
//!
//! ```
//! use seaworthy_resilience::{Rejection, bulkhead::{Bulkhead, BulkheadLayer, Settings}};
//! use std::{future::pending, sync::Arc, time::Duration};
//! use tower::{Layer, Service, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let settings = Settings { max_concurrent: 1, max_queued: 0, max_wait: Duration::ZERO };
//! let mut service = BulkheadLayer::new(Arc::new(Bulkhead::new(settings)))
//!     .layer(service_fn(|()| pending::<Result<(), Rejection>>()));
//! let first = service.call(());
//! let refused = service.clone().oneshot(()).await.unwrap_err();
//! assert_eq!(refused.reason(), "bulkhead_full");
//! # drop(first);
//! # }
//! ```

mod future;
mod layer;
mod machine;
mod service;
mod shared;
#[cfg(test)]
mod tests;

pub use future::BulkheadFuture;
pub use layer::BulkheadLayer;
pub use machine::{Arrival, Machine, WaiterId};
pub use service::BulkheadService;
pub use shared::{Bulkhead, Place};

use crate::contradiction::{Contradiction, Findings};
use std::time::Duration;

/// How many calls may be under way and how many may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Settings {
    /// How many calls may be under way at once; at least 1.
    pub max_concurrent: usize,
    /// How many more may wait for a place.
    pub max_queued: usize,
    /// How long one may wait.
    #[serde(serialize_with = "crate::text::duration")]
    pub max_wait: Duration,
}

impl Default for Settings {
    /// 10 at once, as many again may wait up to a second.
    fn default() -> Self {
        Self { max_concurrent: 10, max_queued: 10, max_wait: Duration::from_secs(1) }
    }
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        found.expect(self.max_concurrent > 0, "max_concurrent", "must be at least 1");
        found.expect(
            self.max_queued == 0 || !self.max_wait.is_zero(),
            "max_wait",
            "is zero, so that the queue of max_queued would never be used",
        );
        found.expect(
            self.max_queued > 0 || self.max_wait.is_zero(),
            "max_queued",
            "is 0, so that nothing would ever wait for max_wait",
        );
        found.done()
    }
}
