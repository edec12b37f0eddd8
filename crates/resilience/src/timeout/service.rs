use super::{Lift, Never, Timeout, TimeoutFuture};
use crate::Rejection;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A service whose answers must come in time. `poll_ready` passes through: waiting for readiness is not limited.
#[derive(Debug, Clone)]
pub struct TimeoutService<S, L = Never> {
    inner: S,
    policy: Option<Arc<Timeout>>,
    lift: L,
}

impl<S, L> TimeoutService<S, L> {
    pub(super) const fn new(inner: S, policy: Option<Arc<Timeout>>, lift: L) -> Self {
        Self { inner, policy, lift }
    }
}

impl<S, L, Req> Service<Req> for TimeoutService<S, L>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    L: Lift<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let mut policy = self.policy.clone();
        if policy.is_some() && self.lift.lifted(&request) {
            policy.take().inspect(|policy| policy.lift());
        }
        let hold_up = policy.as_ref().and_then(|_| self.lift.hold_up(&request));
        TimeoutFuture::new(self.inner.call(request), policy, hold_up)
    }
}
