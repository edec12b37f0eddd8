//! Faults on purpose: latency, aborts, resets and narrow bandwidth, for as long as a lease says and no longer.
//!
//! With no fault set a call costs one atomic read. A fault ends by itself when its lease is over, even if whoever
//! set it died; the kill switch ends all at once and refuses new ones.
//!
//! ```
//! use seaworthy_resilience::{Rejection, fault::{Effect, Fault, FaultLayer, Faults, Settings}};
//! use std::{sync::Arc, time::Duration};
//! use tokio::time::Instant;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let faults = Arc::new(Faults::new(Settings::default()));
//! let service = FaultLayer::new(faults.clone()).layer(service_fn(|()| async { Ok::<_, Rejection>(()) }));
//! let fault = Fault::everywhere(Effect::Abort { status: 503 });
//! faults.inject(fault, Duration::from_secs(60), Instant::now()).unwrap();
//! assert_eq!(service.clone().oneshot(()).await.unwrap_err().reason(), "fault_injected");
//! tokio::time::advance(Duration::from_secs(60)).await;
//! assert!(service.oneshot(()).await.is_ok(), "the lease is over");
//! # }
//! ```

mod future;
mod layer;
mod leases;
mod scene;
mod service;
mod shared;
#[cfg(test)]
mod tests;

pub use future::FaultFuture;
pub use layer::FaultLayer;
pub use leases::{LeaseId, Leases, Plan};
pub use scene::{Anything, Select, Shape};
pub use service::FaultService;
pub use shared::Faults;

use crate::contradiction::{Contradiction, Findings};
use std::time::Duration;

/// What may be injected at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Settings {
    /// The longest lease.
    #[serde(serialize_with = "crate::text::duration")]
    pub longest_lease: Duration,
    /// How many faults may be set at once.
    pub max_faults: usize,
}

impl Default for Settings {
    /// Leases of up to an hour, up to 32 faults at once.
    fn default() -> Self {
        Self { longest_lease: Duration::from_secs(3_600), max_faults: 32 }
    }
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        found.expect(!self.longest_lease.is_zero(), "longest_lease", "must be longer than zero");
        found.expect(self.max_faults > 0, "max_faults", "must be at least 1");
        found.done()
    }
}

/// One fault: what it does, to which calls.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fault {
    /// What it does.
    pub effect: Effect,
    /// The percentage of matching calls it hits, above 0, at most 100.
    pub percentage: f64,
    /// Only calls that meet all of these.
    pub conditions: Vec<Condition>,
}

/// What a fault does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Effect {
    /// The call starts later.
    Latency {
        /// By this much …
        #[serde(serialize_with = "crate::text::duration")]
        delay: Duration,
        /// … give or take this much.
        #[serde(serialize_with = "crate::text::duration")]
        jitter: Duration,
    },
    /// The service is not asked; the caller gets this HTTP status.
    Abort {
        /// The status.
        status: u16,
    },
    /// The service is not asked; the connection breaks.
    Reset,
    /// The response's body trickles.
    Bandwidth {
        /// At most this many bytes a second.
        bytes_per_second: u64,
    },
}

/// A property a call must have. What it means is the protocol's: for HTTP, a header.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Condition {
    /// The property's name.
    pub name: String,
    /// Its value; `None`: any.
    pub value: Option<String>,
}

impl Fault {
    /// A fault that hits every call.
    pub const fn everywhere(effect: Effect) -> Self {
        Self { effect, percentage: 100.0, conditions: Vec::new() }
    }

    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        let share = self.percentage > 0.0 && self.percentage <= 100.0;
        found.expect(share, "percentage", "must be above 0 and at most 100");
        match self.effect {
            Effect::Latency { delay, jitter } => {
                found.expect(!delay.is_zero(), "effect.delay", "must be longer than zero");
                found.expect(jitter <= delay, "effect.jitter", "is longer than the delay");
            }
            Effect::Abort { status } => {
                found.expect(
                    (400..=599).contains(&status),
                    "effect.status",
                    "must be an error status, 400 to 599",
                );
            }
            Effect::Bandwidth { bytes_per_second } => {
                found.expect(bytes_per_second > 0, "effect.bytes_per_second", "must be at least 1");
            }
            Effect::Reset => {}
        }
        found.done()
    }
}

/// Why a fault was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The kill switch is on.
    #[error("the kill switch is on")]
    Killed,
    /// The lease is too long, or none at all.
    #[error("a lease must be longer than zero and at most {}", seaworthy_core::duration::format(*longest))]
    Lease {
        /// The longest allowed.
        longest: Duration,
    },
    /// As many faults as allowed are set.
    #[error("{max} faults are set already")]
    TooMany {
        /// How many are allowed.
        max: usize,
    },
    /// The fault contradicts itself.
    #[error("the fault cannot be meant: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Contradictory(Vec<Contradiction>),
}
