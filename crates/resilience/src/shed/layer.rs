use super::{Shed, ShedService};
use std::sync::Arc;
use tower::Layer;

/// Puts a [`Shed`] around a service; `C` judges its results.
#[derive(Debug, Clone)]
pub struct ShedLayer<C> {
    policy: Option<Arc<Shed>>,
    classify: C,
}

impl<C> ShedLayer<C> {
    /// The limit for every call.
    pub const fn new(policy: Arc<Shed>, classify: C) -> Self {
        Self::optional(Some(policy), classify)
    }

    /// The limit, where there is one.
    pub const fn optional(policy: Option<Arc<Shed>>, classify: C) -> Self {
        Self { policy, classify }
    }
}

impl<S, C: Clone> Layer<S> for ShedLayer<C> {
    type Service = ShedService<S, C>;
    fn layer(&self, inner: S) -> Self::Service {
        ShedService::new(inner, self.policy.clone(), self.classify.clone())
    }
}
