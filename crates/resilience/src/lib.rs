//! Resilience policies as tower layers: timeout, retry, breaker, bulkhead, rate limit, hedge, fallback, load shedding
//! and fault injection, each on its own or all in the one right order ([`stack`]).
//!
//! It must never know about the gateway, open a socket or read the environment; HTTP types occur in [`http`] alone.
//! Every policy has three parts: *settings* (plain data that knows its own contradictions), a *state machine* that is
//! told the time and decides, and a *layer* that asks it. All decisions fall in `call`, never in `poll_ready`:
//! services are cloned per request, and a decision made for a clone that is never called would be lost.
//!
//! A policy that refuses a call answers with a [`Rejection`]; a layer only asks that the service's error can be made
//! from one, which a boxed error can:
//!
//! ```
//! use seaworthy_resilience::classify::ErrorsFail;
//! use seaworthy_resilience::stack::{Rules, Settings, Stack};
//! use seaworthy_resilience::{breaker, retry};
//! use std::time::Duration;
//! use tower::{BoxError, Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let settings = Settings {
//!     total_timeout: Some(Duration::from_secs(10)),
//!     retry: Some(retry::Settings::default()),
//!     breaker: Some(breaker::Settings::default()),
//!     ..Settings::none()
//! };
//! assert!(settings.validate().is_empty());
//! let stack = Stack::new(settings, Rules::plain(ErrorsFail));
//! let service = stack.layer().layer(service_fn(|n: u32| async move { Ok::<_, BoxError>(n + 1) }));
//! assert_eq!(service.oneshot(41).await.unwrap(), 42);
//! for policy in stack.policies() {
//!     println!("{} {:?}", policy.kind(), policy.effects());
//! }
//! # }
//! ```

pub mod breaker;
pub mod budget;
pub mod bulkhead;
pub mod classify;
mod contradiction;
pub mod effects;
pub mod ewma;
pub mod fallback;
pub mod fault;
pub mod hedge;
pub mod http;
mod lock;
pub mod outlier;
pub mod preset;
pub mod rate_limit;
pub mod rejection;
pub mod retry;
pub mod shed;
pub mod stack;
mod text;
pub mod timeout;

pub use classify::{Classify, Outcome};
pub use contradiction::Contradiction;
pub use effects::{Effect, PolicyStatus};
pub use rejection::{AsRejection, Rejection};
