use crate::Rejection;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pin_project! {
    /// A call that fitted the rate, or its refusal.
    #[derive(Debug)]
    pub struct RateLimitFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Calling { #[pin] inner: F },
        Refused { retry_after: Duration },
    }
}

impl<F> RateLimitFuture<F> {
    pub(super) const fn calling(inner: F) -> Self {
        Self { state: State::Calling { inner } }
    }

    pub(super) const fn refused(retry_after: Duration) -> Self {
        Self { state: State::Refused { retry_after } }
    }
}

impl<F, Res, Err> Future for RateLimitFuture<F>
where
    F: Future<Output = Result<Res, Err>>,
    Err: From<Rejection>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { inner } => inner.poll(cx),
            StateProj::Refused { retry_after } => {
                Poll::Ready(Err(Rejection::RateLimited { retry_after: *retry_after }.into()))
            }
        }
    }
}
