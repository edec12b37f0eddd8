use super::{Breaker, BreakerFuture};
use crate::Rejection;
use crate::classify::Classify;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A service that is left alone while it fails. `poll_ready` passes through; the decision falls in `call`, because a
/// service is cloned per request and readiness would be asked of a clone that may never be called.
#[derive(Debug, Clone)]
pub struct BreakerService<S, C> {
    inner: S,
    policy: Option<Arc<Breaker>>,
    classify: C,
}

impl<S, C> BreakerService<S, C> {
    pub(super) const fn new(inner: S, policy: Option<Arc<Breaker>>, classify: C) -> Self {
        Self { inner, policy, classify }
    }
}

impl<S, C, Req> Service<Req> for BreakerService<S, C>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BreakerFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.policy.as_ref().map(Breaker::admit).transpose() {
            Ok(permit) => BreakerFuture::calling(self.inner.call(request), permit, self.classify.clone()),
            Err(rejection) => BreakerFuture::refused(rejection),
        }
    }
}
