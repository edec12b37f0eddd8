use super::{Breaker, BreakerService};
use std::sync::Arc;
use tower::Layer;

/// Puts a [`Breaker`] around a service; `C` judges its results.
#[derive(Debug, Clone)]
pub struct BreakerLayer<C> {
    policy: Option<Arc<Breaker>>,
    classify: C,
}

impl<C> BreakerLayer<C> {
    /// The breaker for every call.
    pub const fn new(policy: Arc<Breaker>, classify: C) -> Self {
        Self::optional(Some(policy), classify)
    }

    /// The breaker, where there is one.
    pub const fn optional(policy: Option<Arc<Breaker>>, classify: C) -> Self {
        Self { policy, classify }
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = BreakerService<S, C>;
    fn layer(&self, inner: S) -> Self::Service {
        BreakerService::new(inner, self.policy.clone(), self.classify.clone())
    }
}
