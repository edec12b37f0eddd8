use super::{Attempt, Course, Replay, Retry, RetryPolicy, Verdict};
use crate::Rejection;
use crate::budget::{Tracked, Withdrawal};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};
use tower::Service;

pin_project! {
    /// A call that is made until it succeeds or there is no point in another attempt.
    pub struct RetryFuture<S, P, Req>
    where
        S: Service<<P as Replay<Req>>::Request>,
        P: Replay<Req>,
    {
        #[pin]
        state: State<S::Future, P::Request>,
        again: Option<Again<S, P, P::Kept>>,
        tracked: Option<Tracked>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R> {
        /// An attempt is under way.
        Calling { #[pin] inner: F },
        /// The next attempt waits for its time. Boxed because it is rare: inline, every first attempt would be
        /// moved around at this size.
        Waiting { wait: Pin<Box<Sleep>>, request: Option<Box<R>> },
        /// The next attempt waits for the service.
        Readying { request: Option<Box<R>> },
    }
}

/// What further attempts take.
pub(super) struct Again<S, P, K> {
    service: S,
    policy: P,
    kept: K,
    shared: Arc<Retry>,
    course: Course,
    withdrawal: Option<Withdrawal>,
    over: bool,
}

impl<S, P, K> Again<S, P, K> {
    pub(super) const fn new(service: S, policy: P, kept: K, shared: Arc<Retry>, course: Course) -> Self {
        Self { service, policy, kept, shared, course, withdrawal: None, over: false }
    }

    /// The next attempt and the wait before it, or `None` where this result is the caller's.
    fn next<Req, Res, Err>(&mut self, result: Result<&Res, &Err>) -> Option<(P::Request, Duration)>
    where
        P: RetryPolicy<Req, Res, Err> + Replay<Req, Kept = K>,
    {
        let counters = &self.shared.counters;
        let not_before = match self.policy.verdict(&self.kept, result) {
            Verdict::Retry { not_before } => not_before,
            Verdict::CannotRepeat => {
                counters.not_replayable.add();
                return None;
            }
            Verdict::Done => {
                if self.course.attempts() > 1 {
                    counters.recovered.add();
                }
                return None;
            }
        };
        let now = Instant::now();
        let wait = match self.course.next(&self.shared.settings, now, not_before, fastrand::f64()) {
            Ok(wait) => wait,
            Err(why) => {
                self.shared.gave_up(why);
                return None;
            }
        };
        let Some(mut request) = self.policy.again(&mut self.kept) else {
            counters.not_replayable.add();
            return None;
        };
        if let Some(budget) = &self.shared.budget {
            // the attempt before is over: what it drew from the budget goes back first
            self.withdrawal = None;
            self.withdrawal = budget.withdraw(now);
            if self.withdrawal.is_none() {
                counters.budget_spent.add();
                return None;
            }
        }
        counters.retries.add();
        if not_before.is_some_and(|floor| wait == floor) {
            counters.waited_as_asked.add();
        }
        let number = self.course.attempts();
        let last = number >= self.shared.settings.max_attempts;
        self.policy.mark(&mut request, Attempt { number, last });
        Some((request, wait))
    }
}

impl<S, P, K> Drop for Again<S, P, K> {
    fn drop(&mut self) {
        if !self.over {
            self.shared.counters.cancelled.add();
        }
    }
}

impl<S, P, Req> RetryFuture<S, P, Req>
where
    S: Service<<P as Replay<Req>>::Request>,
    P: Replay<Req>,
{
    pub(super) const fn new(
        first: S::Future,
        again: Option<Again<S, P, P::Kept>>,
        tracked: Option<Tracked>,
    ) -> Self {
        Self { state: State::Calling { inner: first }, again, tracked }
    }
}

impl<S, P, Req> Future for RetryFuture<S, P, Req>
where
    S: Service<<P as Replay<Req>>::Request>,
    S::Error: From<Rejection>,
    P: RetryPolicy<Req, S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Calling { inner } => {
                    let result = ready!(inner.poll(cx));
                    let Some(again) = this.again.as_mut() else { return Poll::Ready(result) };
                    let Some((request, wait)) = again.next(result.as_ref()) else {
                        again.over = true;
                        return Poll::Ready(result);
                    };
                    State::Waiting { wait: Box::pin(sleep(wait)), request: Some(Box::new(request)) }
                }
                StateProj::Waiting { wait, request } => {
                    ready!(wait.as_mut().poll(cx));
                    State::Readying { request: request.take() }
                }
                StateProj::Readying { request } => {
                    let Some(again) = this.again.as_mut() else { return Poll::Pending };
                    if let Err(error) = ready!(again.service.poll_ready(cx)) {
                        again.over = true;
                        return Poll::Ready(Err(error));
                    }
                    let Some(request) = request.take() else { return Poll::Pending };
                    State::Calling { inner: again.service.call(*request) }
                }
            };
            this.state.set(next);
        }
    }
}
