use super::Timeout;
use crate::Rejection;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep};

pin_project! {
    /// A call under a time limit. The clock starts when the call first has to wait, so that an answer that is there
    /// at once costs no timer.
    #[derive(Debug)]
    pub struct TimeoutFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        timer: Option<Sleep>,
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
            this.timer.set(Some(sleep(policy.after())));
        }
        let Some(mut timer) = this.timer.as_pin_mut() else { return Poll::Pending };
        // an inner call that spends the task's whole cooperative budget makes every poll of the timer say
        // "pending": look at the timer itself too
        if timer.as_mut().poll(cx).is_ready() || timer.is_elapsed() {
            return Poll::Ready(Err(policy.expire().into()));
        }
        Poll::Pending
    }
}
