use super::Place;
use super::shared::Turn;
use crate::Rejection;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};
use tower::Service;

pin_project! {
    /// A call with a place, one that waits for it, or its refusal.
    pub struct BulkheadFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S, Req, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F> {
        Calling { #[pin] inner: F, place: Option<Place> },
        Queued { turn: Turn, #[pin] wait: Sleep, call: Option<(S, Req)> },
        Refused { rejection: Rejection },
    }
}

impl<S, Req> BulkheadFuture<S, Req>
where
    S: Service<Req>,
{
    pub(super) const fn calling(inner: S::Future, place: Option<Place>) -> Self {
        Self { state: State::Calling { inner, place } }
    }

    pub(super) fn queued(turn: Turn, max_wait: Duration, service: S, request: Req) -> Self {
        Self { state: State::Queued { turn, wait: sleep(max_wait), call: Some((service, request)) } }
    }

    pub(super) const fn refused(rejection: Rejection) -> Self {
        Self { state: State::Refused { rejection } }
    }
}

impl<S, Req> Future for BulkheadFuture<S, Req>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Calling { inner, place } => {
                    let result = ready!(inner.poll(cx));
                    // the place is free as soon as the answer is there, not when the caller drops this future
                    place.take();
                    return Poll::Ready(result);
                }
                StateProj::Queued { turn, wait, call } => match turn.poll_claim(cx.waker()) {
                    Some(place) => match call.take() {
                        Some((mut service, request)) => {
                            State::Calling { inner: service.call(request), place: Some(place) }
                        }
                        None => return Poll::Pending, // polled after completion
                    },
                    None => {
                        ready!(wait.poll(cx));
                        State::Refused { rejection: turn.give_up() }
                    }
                },
                StateProj::Refused { rejection } => return Poll::Ready(Err(rejection.clone().into())),
            };
            state.set(next);
        }
    }
}
