//! Answering from elsewhere when the service cannot: another service, a stale value, a fixed reply.
//!
//! ```
//! use seaworthy_resilience::fallback::{FallbackLayer, Fallbacks, OnError};
//! use std::sync::Arc;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let stats = Arc::new(Fallbacks::default());
//! let service = FallbackLayer::new(stats.clone(), OnError(|_: tower::BoxError| Ok("yesterday's price")))
//!     .layer(service_fn(|()| async { Err::<&str, tower::BoxError>("connection refused".into()) }));
//! assert_eq!(service.oneshot(()).await.unwrap(), "yesterday's price");
//! assert_eq!(stats.answered(), 1);
//! # }
//! ```

mod future;
mod layer;
mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use future::FallbackFuture;
pub use layer::FallbackLayer;
pub use policy::{Fallback, OnError};
pub use service::FallbackService;

use crate::effects::{Counter, Effect, PolicyStatus};
use serde_json::{Value, json};

/// What the fallbacks of one layer have done.
#[derive(Debug, Default)]
pub struct Fallbacks {
    used: Counter,
    answered: Counter,
    failed_too: Counter,
    cancelled: Counter,
}

impl Fallbacks {
    /// How many calls were answered from the fallback.
    pub fn answered(&self) -> u64 {
        self.answered.get()
    }
}

impl PolicyStatus for Fallbacks {
    fn kind(&self) -> &'static str {
        "fallback"
    }
    fn settings(&self) -> Value {
        json!({})
    }
    fn state(&self) -> Value {
        json!({})
    }
    fn effects(&self) -> Vec<Effect> {
        vec![
            self.used.effect("used"),
            self.answered.effect("answered"),
            self.failed_too.effect("failed_too"),
            self.cancelled.effect("cancelled_calls"),
        ]
    }
}
