use super::{RateLimit, RateLimitService};
use std::sync::Arc;
use tower::Layer;

/// Puts a [`RateLimit`] around a service.
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    policy: Option<Arc<RateLimit>>,
}

impl RateLimitLayer {
    /// The limit for every call.
    pub const fn new(policy: Arc<RateLimit>) -> Self {
        Self::optional(Some(policy))
    }

    /// The limit, where there is one.
    pub const fn optional(policy: Option<Arc<RateLimit>>) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimitService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService::new(inner, self.policy.clone())
    }
}
