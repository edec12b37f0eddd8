use super::{FaultFuture, Faults, Select, Shape};
use crate::Rejection;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A service whose calls may be made to fail. `poll_ready` passes through.
#[derive(Debug, Clone)]
pub struct FaultService<S, K> {
    inner: S,
    faults: Option<Arc<Faults>>,
    scene: K,
}

impl<S, K> FaultService<S, K> {
    pub(super) const fn new(inner: S, faults: Option<Arc<Faults>>, scene: K) -> Self {
        Self { inner, faults, scene }
    }
}

impl<S, K, Req> Service<Req> for FaultService<S, K>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejection>,
    K: Select<Req> + Shape<S::Response> + Clone,
{
    type Response = K::Response;
    type Error = S::Error;
    type Future = FaultFuture<S, K, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let scene = self.scene.clone();
        let Some(plan) = self.faults.as_ref().and_then(|faults| faults.plan(&request, &self.scene)) else {
            return FaultFuture::calling(self.inner.call(request), scene, None);
        };
        if plan.delay.is_zero() && plan.instead.is_none() {
            return FaultFuture::calling(self.inner.call(request), scene, plan.bytes_per_second);
        }
        // the service that was polled ready goes with the call; a fresh clone stays
        let fresh = self.inner.clone();
        let ready = mem::replace(&mut self.inner, fresh);
        FaultFuture::suffering(plan, ready, request, scene)
    }
}
