use super::{Shed, ShedFuture};
use crate::Rejection;
use crate::classify::Classify;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A service that sheds load. `poll_ready` passes through; the decision falls in `call`.
#[derive(Debug, Clone)]
pub struct ShedService<S, C> {
    inner: S,
    policy: Option<Arc<Shed>>,
    classify: C,
}

impl<S, C> ShedService<S, C> {
    pub(super) const fn new(inner: S, policy: Option<Arc<Shed>>, classify: C) -> Self {
        Self { inner, policy, classify }
    }
}

impl<S, C, Req> Service<Req> for ShedService<S, C>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ShedFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.policy.as_ref().map(Shed::admit).transpose() {
            Ok(slot) => ShedFuture::calling(self.inner.call(request), slot, self.classify.clone()),
            Err(rejection) => ShedFuture::refused(rejection),
        }
    }
}
