//! A circuit breaker: stops asking a service that fails, and finds out carefully when it works again.
//!
//! It trips on a run of consecutive failures *or* a failure rate over a window *or* a share of slow calls. Open, it
//! refuses everything for a time that grows with every failed try; half-open, it lets a bounded number of probes
//! through and closes after enough of them succeed.
//!
//! ```
//! use seaworthy_resilience::{Rejection, breaker::{Breaker, BreakerLayer, Settings}, classify::Outcome};
//! use std::sync::Arc;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let settings = Settings { consecutive_failures: Some(2), ..Settings::default() };
//! let breaker = Arc::new(Breaker::new(settings));
//! let judge = |result: Result<&(), &tower::BoxError>| match result {
//!     Ok(()) => Outcome::Success,
//!     Err(_) => Outcome::Failure,
//! };
//! let service = BreakerLayer::new(breaker.clone(), judge)
//!     .layer(service_fn(|()| async { Err::<(), tower::BoxError>("connection refused".into()) }));
//! for _ in 0..2 {
//!     service.clone().oneshot(()).await.unwrap_err();
//! }
//! let refused = service.oneshot(()).await.unwrap_err();
//! assert_eq!(refused.downcast_ref::<Rejection>().unwrap().reason(), "breaker_open");
//! # }
//! ```

mod future;
mod layer;
mod machine;
pub mod quorum;
mod service;
mod settings;
mod shared;
#[cfg(test)]
mod tests;
mod window;

pub use future::BreakerFuture;
pub use layer::BreakerLayer;
pub use machine::{Machine, Refusal, Ticket};
pub use service::BreakerService;
pub use settings::{FailureRate, Settings, SlowCalls};
pub use shared::{Breaker, Permit};

use std::fmt;
use tokio::time::Instant;

/// What a breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Lets every call through and counts results.
    Closed,
    /// Refuses every call until its time is over.
    Open,
    /// Lets a few probes through.
    HalfOpen,
    /// Refuses every call until a person says otherwise.
    Isolated,
}

/// What opened a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Trip {
    /// So many calls failed in a row.
    ConsecutiveFailures {
        /// How many.
        count: u32,
    },
    /// Too large a share of the window's calls failed.
    FailureRate {
        /// How many failed or were throttled.
        failures: u64,
        /// Out of how many.
        requests: u64,
    },
    /// Too large a share of the window's calls was slow.
    SlowCalls {
        /// How many were slow.
        slow: u64,
        /// Out of how many.
        requests: u64,
    },
    /// A probe failed: the service is not well yet.
    ProbeFailed,
    /// A person isolated the service.
    Isolated,
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures { count } => write!(f, "{count} failures in a row"),
            Self::FailureRate { failures, requests } => write!(f, "{failures} of {requests} calls failed"),
            Self::SlowCalls { slow, requests } => write!(f, "{slow} of {requests} calls were slow"),
            Self::ProbeFailed => f.write_str("a probe failed"),
            Self::Isolated => f.write_str("isolated by hand"),
        }
    }
}

/// A change of phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The phase before.
    pub from: Phase,
    /// The phase after.
    pub to: Phase,
    /// What opened it, where `to` is open or isolated.
    pub trip: Option<Trip>,
    /// Counts the changes of this breaker, so that a listener can put them in order.
    pub generation: u64,
    /// When it happened.
    pub at: Instant,
}
