use super::future::Again;
use super::{Course, Replay, Retry, RetryFuture, RetryPolicy};
use crate::Rejection;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tower::Service;

/// A service that is asked again. `poll_ready` passes through for the first attempt; later ones wait for the
/// readiness of their own clone.
#[derive(Debug, Clone)]
pub struct RetryService<S, P> {
    inner: S,
    shared: Option<Arc<Retry>>,
    policy: P,
}

impl<S, P> RetryService<S, P> {
    pub(super) const fn new(inner: S, shared: Option<Arc<Retry>>, policy: P) -> Self {
        Self { inner, shared, policy }
    }
}

impl<S, P, Req> Service<Req> for RetryService<S, P>
where
    S: Service<<P as Replay<Req>>::Request> + Clone,
    S::Error: From<Rejection>,
    P: RetryPolicy<Req, S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RetryFuture<S, P, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let Some(shared) = &self.shared else {
            return RetryFuture::new(self.inner.call(self.policy.once(request)), None, None);
        };
        let now = Instant::now();
        let tracked = shared.track(now);
        if shared.settings.max_attempts <= 1 {
            return RetryFuture::new(self.inner.call(self.policy.once(request)), None, tracked);
        }
        let (first, kept) = self.policy.prepare_in_turn(request);
        let again = kept.map(|kept| {
            let course = Course::new(shared.within.map(|within| now + within));
            Again::new(self.inner.clone(), self.policy.clone(), kept, Arc::clone(shared), course)
        });
        // the service that was polled ready makes the first attempt, the clone in `again` all others
        RetryFuture::new(self.inner.call(first), again, tracked)
    }
}
