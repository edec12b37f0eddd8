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
        // boxed because it is rare: a future that carried it inline would be moved around at its full size each time
        Queued { queued: Box<Queued<S, Req>> },
        Refused { rejection: Rejection },
    }
}

/// A call that waits for its place.
struct Queued<S, Req> {
    turn: Turn,
    wait: Pin<Box<Sleep>>,
    call: Option<(S, Req)>,
}

impl<S, Req> BulkheadFuture<S, Req>
where
    S: Service<Req>,
{
    pub(super) const fn calling(inner: S::Future, place: Option<Place>) -> Self {
        Self { state: State::Calling { inner, place } }
    }

    pub(super) fn queued(turn: Turn, max_wait: Duration, service: S, request: Req) -> Self {
        let queued = Queued { turn, wait: Box::pin(sleep(max_wait)), call: Some((service, request)) };
        Self { state: State::Queued { queued: Box::new(queued) } }
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
                StateProj::Queued { queued } => match queued.turn.poll_claim(cx.waker()) {
                    Some(place) => match queued.call.take() {
                        Some((mut service, request)) => {
                            State::Calling { inner: service.call(request), place: Some(place) }
                        }
                        None => return Poll::Pending, // polled after completion
                    },
                    None => {
                        ready!(queued.wait.as_mut().poll(cx));
                        State::Refused { rejection: queued.turn.give_up() }
                    }
                },
                StateProj::Refused { rejection } => return Poll::Ready(Err(rejection.clone().into())),
            };
            state.set(next);
        }
    }
}
