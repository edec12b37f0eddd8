use super::Permit;
use crate::Rejection;
use crate::classify::Classify;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A call the breaker let through, or its refusal.
    #[derive(Debug)]
    pub struct BreakerFuture<F, C> {
        #[pin]
        state: State<F, C>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F, C> {
        Calling { #[pin] inner: F, permit: Option<Permit>, classify: C },
        Refused { rejection: Rejection },
    }
}

impl<F, C> BreakerFuture<F, C> {
    pub(super) const fn calling(inner: F, permit: Option<Permit>, classify: C) -> Self {
        Self { state: State::Calling { inner, permit, classify } }
    }

    pub(super) const fn refused(rejection: Rejection) -> Self {
        Self { state: State::Refused { rejection } }
    }
}

impl<F, C, Res, Err> Future for BreakerFuture<F, C>
where
    F: Future<Output = Result<Res, Err>>,
    Err: From<Rejection>,
    C: Classify<Res, Err>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { inner, permit, classify } => {
                let result = ready!(inner.poll(cx));
                if let Some(permit) = permit.take() {
                    permit.record(classify.classify(result.as_ref()));
                }
                Poll::Ready(result)
            }
            StateProj::Refused { rejection } => Poll::Ready(Err(rejection.clone().into())),
        }
    }
}
