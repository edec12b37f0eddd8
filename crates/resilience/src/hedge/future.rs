use super::{Hedge, Race, Step};
use crate::Rejection;
use crate::budget::{Tracked, Withdrawal};
use crate::retry::{Replay, RetryPolicy, Verdict};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep};
use tower::Service;

pin_project! {
    /// A call, and once it is late the same call again.
    pub struct HedgeFuture<S, P, Req>
    where
        S: Service<<P as Replay<Req>>::Request>,
        P: Replay<Req>,
    {
        #[pin]
        first: Option<S::Future>,
        // boxed because most calls never need them: inline, they would double the size of every call
        second: Option<Pin<Box<S::Future>>>,
        timer: Option<Pin<Box<Sleep>>>,
        // the second request, while its service is not ready
        request: Option<Box<P::Request>>,
        spare: Option<Spare<S, P, P::Kept>>,
        race: Race,
        tracked: Option<Tracked>,
    }
}

/// What a second call takes.
pub(super) struct Spare<S, P, K> {
    service: S,
    policy: P,
    kept: K,
    shared: Arc<Hedge>,
    withdrawal: Option<Withdrawal>,
}

impl<S, P, K> Spare<S, P, K> {
    pub(super) const fn new(service: S, policy: P, kept: K, shared: Arc<Hedge>) -> Self {
        Self { service, policy, kept, shared, withdrawal: None }
    }

    /// The request again, where it can be made and the budget allows it.
    fn again<Req>(&mut self) -> Option<P::Request>
    where
        P: Replay<Req, Kept = K>,
    {
        let Some(request) = self.policy.again(&mut self.kept) else {
            self.shared.not_replayable.add();
            return None;
        };
        if let Some(budget) = &self.shared.budget {
            self.withdrawal = budget.withdraw(Instant::now());
            if self.withdrawal.is_none() {
                self.shared.budget_spent.add();
                return None;
            }
        }
        Some(request)
    }

    fn good<Req, Res, Err>(&self, result: Result<&Res, &Err>) -> bool
    where
        P: RetryPolicy<Req, Res, Err> + Replay<Req, Kept = K>,
    {
        self.policy.verdict(&self.kept, result) == Verdict::Done
    }
}

impl<S, P, Req> HedgeFuture<S, P, Req>
where
    S: Service<<P as Replay<Req>>::Request>,
    P: Replay<Req>,
{
    pub(super) fn new(
        first: S::Future,
        spare: Option<Spare<S, P, P::Kept>>,
        tracked: Option<Tracked>,
    ) -> Self {
        Self {
            first: Some(first),
            second: None,
            timer: None,
            request: None,
            spare,
            race: Race::default(),
            tracked,
        }
    }
}

impl<S, P, Req> HedgeFuture<S, P, Req>
where
    S: Service<<P as Replay<Req>>::Request>,
    P: RetryPolicy<Req, S::Response, S::Error>,
{
    /// Starts the second call once the first is late. Pending while there is nothing to start.
    fn poll_start(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Some(spare) = this.spare.as_mut() else { return Poll::Pending };
        if this.request.is_none() {
            if !this.race.may_start() {
                return Poll::Pending;
            }
            let delay = spare.shared.settings.delay;
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(delay)));
            ready!(timer.as_mut().poll(cx));
            *this.request = spare.again().map(Box::new);
            if this.request.is_none() {
                this.race.close();
                return Poll::Pending;
            }
        }
        if ready!(spare.service.poll_ready(cx)).is_err() {
            // no second call can be made; the first still runs
            *this.request = None;
            spare.withdrawal = None;
            this.race.close();
            return Poll::Pending;
        }
        if let Some(request) = this.request.take() {
            spare.shared.hedged.add();
            this.race.start();
            *this.second = Some(Box::pin(spare.service.call(*request)));
        }
        Poll::Ready(())
    }

    /// Polls whichever calls run.
    fn poll_calls(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<S::Response, S::Error>> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut()
            && let Poll::Ready(result) = first.poll(cx)
        {
            this.first.set(None);
            let good = this.spare.as_ref().is_none_or(|spare| spare.good(result.as_ref()));
            if this.race.came_in(good) == Step::Finish {
                return Poll::Ready(result);
            }
        }
        if let Some(second) = this.second.as_mut()
            && let Poll::Ready(result) = second.as_mut().poll(cx)
        {
            *this.second = None;
            let good = this.spare.as_ref().is_none_or(|spare| spare.good(result.as_ref()));
            if this.race.came_in(good) == Step::Finish {
                if good && let Some(spare) = this.spare {
                    spare.shared.won.add();
                }
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }
}

impl<S, P, Req> Future for HedgeFuture<S, P, Req>
where
    S: Service<<P as Replay<Req>>::Request>,
    S::Error: From<Rejection>,
    P: RetryPolicy<Req, S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Poll::Ready(result) = self.as_mut().poll_calls(cx) {
                return Poll::Ready(result);
            }
            ready!(self.as_mut().poll_start(cx));
        }
    }
}
