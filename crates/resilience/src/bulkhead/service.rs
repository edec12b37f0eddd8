use super::shared::Entrance;
use super::{Bulkhead, BulkheadFuture};
use crate::Rejection;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A service with a bounded number of calls under way. `poll_ready` passes through; a call waits for its place in
/// its own future, where it can be abandoned.
#[derive(Debug, Clone)]
pub struct BulkheadService<S> {
    inner: S,
    policy: Option<Arc<Bulkhead>>,
}

impl<S> BulkheadService<S> {
    pub(super) const fn new(inner: S, policy: Option<Arc<Bulkhead>>) -> Self {
        Self { inner, policy }
    }
}

impl<S, Req> Service<Req> for BulkheadService<S>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejection>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BulkheadFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let Some(policy) = &self.policy else {
            return BulkheadFuture::calling(self.inner.call(request), None);
        };
        match policy.enter() {
            Ok(Entrance::Entered(place)) => BulkheadFuture::calling(self.inner.call(request), Some(place)),
            Ok(Entrance::Queued(turn)) => {
                // the service that was polled ready goes with the call; a fresh clone stays
                let fresh = self.inner.clone();
                let ready = mem::replace(&mut self.inner, fresh);
                BulkheadFuture::queued(turn, policy.settings().max_wait, ready, request)
            }
            Err(rejection) => BulkheadFuture::refused(rejection),
        }
    }
}
