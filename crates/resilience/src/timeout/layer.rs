use super::{Never, Timeout, TimeoutService};
use std::sync::Arc;
use tower::Layer;

/// Puts a [`Timeout`] around a service.
#[derive(Debug, Clone)]
pub struct TimeoutLayer<L = Never> {
    policy: Option<Arc<Timeout>>,
    lift: L,
}

impl TimeoutLayer {
    /// The limit for every request.
    pub const fn new(policy: Arc<Timeout>) -> Self {
        Self::optional(Some(policy))
    }

    /// The limit, where there is one.
    pub const fn optional(policy: Option<Arc<Timeout>>) -> Self {
        Self { policy, lift: Never }
    }
}

impl<L> TimeoutLayer<L> {
    /// The limit, where there is one, except for requests that `lift` lets off.
    pub const fn with_lift(policy: Option<Arc<Timeout>>, lift: L) -> Self {
        Self { policy, lift }
    }
}

impl<S, L: Clone> Layer<S> for TimeoutLayer<L> {
    type Service = TimeoutService<S, L>;
    fn layer(&self, inner: S) -> Self::Service {
        TimeoutService::new(inner, self.policy.clone(), self.lift.clone())
    }
}
