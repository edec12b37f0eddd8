use super::Timeout;
use crate::Rejection;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Sleep, sleep};

pin_project! {
    /// A call under a time limit. The clock starts when the call first has to wait, so that an answer that is there
    /// at once costs no timer.
    pub struct TimeoutFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        timer: Option<Unconstrained<Sleep>>,
        policy: Option<Arc<Timeout>>,
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) const fn new(inner: F, policy: Option<Arc<Timeout>>) -> Self {
        Self { inner, timer: None, policy }
    }
}

impl<F, Res, Err> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<Res, Err>>,
    Err: From<Rejection>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(result) = this.inner.poll(cx) {
            return Poll::Ready(result);
        }
        let Some(policy) = this.policy else { return Poll::Pending };
        if this.timer.is_none() {
            // unconstrained: an inner call that spends the task's whole cooperative budget in every poll must not keep
            // the timer from being looked at
            this.timer.set(Some(unconstrained(sleep(policy.after()))));
        }
        let Some(timer) = this.timer.as_pin_mut() else { return Poll::Pending };
        if timer.poll(cx).is_ready() {
            return Poll::Ready(Err(policy.expire().into()));
        }
        Poll::Pending
    }
}
