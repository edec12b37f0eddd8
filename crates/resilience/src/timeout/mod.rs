//! A limit on how long an answer may take: on everything, or on a single attempt.
//!
//! ```
//! use seaworthy_resilience::{Rejection, timeout::{Timeout, TimeoutLayer}, rejection::Scope};
//! use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let policy = Arc::new(Timeout::new(Scope::Total, Duration::from_millis(50)));
//! let service = TimeoutLayer::new(policy.clone())
//!     .layer(service_fn(|()| pending::<Result<(), Rejection>>()));
//! let error = service.oneshot(()).await.unwrap_err();
//! assert_eq!(error.reason(), "timed_out");
//! assert_eq!(policy.timed_out(), 1);
//! # }
//! ```

mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use future::TimeoutFuture;
pub use layer::TimeoutLayer;
pub use service::TimeoutService;

use crate::effects::{Counter, Effect, PolicyStatus};
use crate::rejection::{Rejection, Scope};
use seaworthy_core::duration;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Which requests a time limit leaves alone.
pub trait Lift<Req> {
    /// Whether this request may take as long as it likes.
    fn lifted(&self, request: &Req) -> bool;

    /// What may hold this request up that is not the service's doing.
    fn hold_up(&self, _request: &Req) -> Option<Arc<dyn HoldUp>> {
        None
    }
}

/// Something that a call waits for and its service has no part in, such as the rest of a caller's upload. A limit
/// counts from the end of the last such wait.
pub trait HoldUp: Send + Sync {
    /// Whether it is waited for now.
    fn is_on(&self) -> bool;
    /// When it was last waited for.
    fn ended(&self) -> Option<Instant>;
}

/// The limit holds for every request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Never;

impl<Req> Lift<Req> for Never {
    fn lifted(&self, _: &Req) -> bool {
        false
    }
}

/// One time limit, shared by every call it guards.
#[derive(Debug)]
pub struct Timeout {
    scope: Scope,
    after: Duration,
    timed_out: Counter,
    lifted: Counter,
}

impl Timeout {
    /// A limit of `after` on `scope`.
    pub fn new(scope: Scope, after: Duration) -> Self {
        Self { scope, after, timed_out: Counter::default(), lifted: Counter::default() }
    }

    /// How long an answer may take.
    pub const fn after(&self) -> Duration {
        self.after
    }

    /// How many calls ran out of time.
    pub fn timed_out(&self) -> u64 {
        self.timed_out.get()
    }

    pub(crate) fn expire(&self) -> Rejection {
        self.timed_out.add();
        Rejection::TimedOut { scope: self.scope, after: self.after }
    }

    pub(crate) fn lift(&self) {
        self.lifted.add();
    }
}

impl PolicyStatus for Timeout {
    fn kind(&self) -> &'static str {
        match self.scope {
            Scope::Total => "total_timeout",
            Scope::Attempt => "attempt_timeout",
        }
    }
    fn settings(&self) -> Value {
        json!({ "after": duration::format(self.after) })
    }
    fn state(&self) -> Value {
        json!({})
    }
    fn effects(&self) -> Vec<Effect> {
        vec![self.timed_out.effect("timed_out"), self.lifted.effect("lifted_on_last_attempt")]
    }
}
