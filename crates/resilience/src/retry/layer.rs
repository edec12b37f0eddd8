use super::{Retry, RetryService};
use std::sync::Arc;
use tower::Layer;

/// Puts a [`Retry`] around a service; `P` says what may be retried and how a request is made again.
#[derive(Debug, Clone)]
pub struct RetryLayer<P> {
    shared: Option<Arc<Retry>>,
    policy: P,
}

impl<P> RetryLayer<P> {
    /// The rule for every call.
    pub const fn new(shared: Arc<Retry>, policy: P) -> Self {
        Self::optional(Some(shared), policy)
    }

    /// The rule, where there is one.
    pub const fn optional(shared: Option<Arc<Retry>>, policy: P) -> Self {
        Self { shared, policy }
    }
}

impl<S, P: Clone> Layer<S> for RetryLayer<P> {
    type Service = RetryService<S, P>;
    fn layer(&self, inner: S) -> Self::Service {
        RetryService::new(inner, self.shared.clone(), self.policy.clone())
    }
}
