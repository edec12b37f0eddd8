use super::{Fallback, FallbackFuture, Fallbacks};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A service with a fallback. `poll_ready` passes through.
#[derive(Debug, Clone)]
pub struct FallbackService<S, P> {
    inner: S,
    stats: Arc<Fallbacks>,
    policy: P,
}

impl<S, P> FallbackService<S, P> {
    pub(super) const fn new(inner: S, stats: Arc<Fallbacks>, policy: P) -> Self {
        Self { inner, stats, policy }
    }
}

impl<S, P, Req> Service<Req> for FallbackService<S, P>
where
    S: Service<Req>,
    P: Fallback<Req, S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FallbackFuture<S::Future, P, P::Kept, P::Future, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let spare =
            self.policy.keep(&request).map(|kept| (kept, self.policy.clone(), Arc::clone(&self.stats)));
        FallbackFuture::new(self.inner.call(request), spare)
    }
}
