use super::future::Spare;
use super::{Hedge, HedgeFuture};
use crate::Rejection;
use crate::retry::{Replay, RetryPolicy};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// A service that is asked once more when it is late. `poll_ready` passes through; the second call waits for the
/// readiness of its own clone.
#[derive(Debug, Clone)]
pub struct HedgeService<S, P> {
    inner: S,
    shared: Option<Arc<Hedge>>,
    policy: P,
}

impl<S, P> HedgeService<S, P> {
    pub(super) const fn new(inner: S, shared: Option<Arc<Hedge>>, policy: P) -> Self {
        Self { inner, shared, policy }
    }
}

impl<S, P, Req> Service<Req> for HedgeService<S, P>
where
    S: Service<<P as Replay<Req>>::Request> + Clone,
    S::Error: From<Rejection>,
    P: RetryPolicy<Req, S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = HedgeFuture<S, P, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let Some(shared) = &self.shared else {
            return HedgeFuture::new(self.inner.call(self.policy.once(request)), None, None);
        };
        let tracked = shared.track();
        let (first, kept) = self.policy.prepare(request);
        let spare =
            kept.map(|kept| Spare::new(self.inner.clone(), self.policy.clone(), kept, Arc::clone(shared)));
        HedgeFuture::new(self.inner.call(first), spare, tracked)
    }
}
