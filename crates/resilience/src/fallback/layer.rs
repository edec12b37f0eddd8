use super::{FallbackService, Fallbacks};
use std::sync::Arc;
use tower::Layer;

/// Puts a fallback around a service; `P` gives the answers.
#[derive(Debug, Clone)]
pub struct FallbackLayer<P> {
    stats: Arc<Fallbacks>,
    policy: P,
}

impl<P> FallbackLayer<P> {
    /// The fallback for every call.
    pub const fn new(stats: Arc<Fallbacks>, policy: P) -> Self {
        Self { stats, policy }
    }
}

impl<S, P: Clone> Layer<S> for FallbackLayer<P> {
    type Service = FallbackService<S, P>;
    fn layer(&self, inner: S) -> Self::Service {
        FallbackService::new(inner, Arc::clone(&self.stats), self.policy.clone())
    }
}
