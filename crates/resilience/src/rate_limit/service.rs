use super::{RateLimit, RateLimitFuture};
use crate::Rejection;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tower::Service;

/// A service that is asked no faster than the rate. `poll_ready` passes through; the decision falls in `call`.
#[derive(Debug, Clone)]
pub struct RateLimitService<S> {
    inner: S,
    policy: Option<Arc<RateLimit>>,
}

impl<S> RateLimitService<S> {
    pub(super) const fn new(inner: S, policy: Option<Arc<RateLimit>>) -> Self {
        Self { inner, policy }
    }
}

impl<S, Req> Service<Req> for RateLimitService<S>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RateLimitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.policy.as_ref().map(|policy| policy.decide(Instant::now())) {
            Some(decision) if !decision.allowed => RateLimitFuture::refused(decision.retry_after),
            _ => RateLimitFuture::calling(self.inner.call(request)),
        }
    }
}
