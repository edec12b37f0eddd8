use super::{HoldUp, Timeout};
use crate::Rejection;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep, sleep};

pin_project! {
    /// A call under a time limit. The clock starts when the call first has to wait, so that an answer that is there
    /// at once costs no timer.
    pub struct TimeoutFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        timer: Option<Unconstrained<Sleep>>,
        policy: Option<Arc<Timeout>>,
        hold_up: Option<Arc<dyn HoldUp>>,
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) const fn new(
        inner: F,
        policy: Option<Arc<Timeout>>,
        hold_up: Option<Arc<dyn HoldUp>>,
    ) -> Self {
        Self { inner, timer: None, policy, hold_up }
    }
}

/// What is left of a limit that seems to be over, where the call was held up meanwhile.
fn left(hold_up: &dyn HoldUp, limit: Duration, now: Instant) -> Option<Duration> {
    if hold_up.is_on() {
        return Some(limit);
    }
    let over = hold_up.ended()?.checked_add(limit)?;
    Some(over.saturating_duration_since(now)).filter(|left| !left.is_zero())
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
        while let Some(timer) = this.timer.as_mut().as_pin_mut() {
            if timer.poll(cx).is_pending() {
                break;
            }
            let hold_up = this.hold_up.as_deref();
            match hold_up.and_then(|hold_up| left(hold_up, policy.after(), Instant::now())) {
                None => return Poll::Ready(Err(policy.expire().into())),
                Some(left) => this.timer.set(Some(unconstrained(sleep(left)))),
            }
        }
        Poll::Pending
    }
}
