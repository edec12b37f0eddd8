use super::{Fallback, Fallbacks};
use pin_project_lite::pin_project;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A call, and where it goes wrong the fallback's answer.
    pub struct FallbackFuture<F, P, K, A, Req> {
        #[pin]
        state: State<F, A>,
        spare: Option<(K, P, Arc<Fallbacks>)>,
        answering: Option<Answering>,
        // the request's type decides which fallback this is; none is held
        request: PhantomData<fn(Req)>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, A> {
        Calling { #[pin] inner: F },
        Answering { #[pin] inner: A },
    }
}

/// Counts a fallback that was abandoned.
struct Answering {
    stats: Arc<Fallbacks>,
    over: bool,
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.over {
            self.stats.cancelled.add();
        }
    }
}

impl<F, P, K, A, Req> FallbackFuture<F, P, K, A, Req> {
    pub(super) const fn new(inner: F, spare: Option<(K, P, Arc<Fallbacks>)>) -> Self {
        Self { state: State::Calling { inner }, spare, answering: None, request: PhantomData }
    }
}

impl<F, P, Req, Res, Err> Future for FallbackFuture<F, P, P::Kept, P::Future, Req>
where
    F: Future<Output = Result<Res, Err>>,
    P: Fallback<Req, Res, Err>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Calling { inner } => {
                    let result = ready!(inner.poll(cx));
                    let Some((kept, policy, stats)) = this.spare.take() else { return Poll::Ready(result) };
                    if !policy.applies(result.as_ref()) {
                        return Poll::Ready(result);
                    }
                    stats.used.add();
                    *this.answering = Some(Answering { stats, over: false });
                    let inner = policy.answer(kept, result);
                    this.state.set(State::Answering { inner });
                }
                StateProj::Answering { inner } => {
                    let result = ready!(inner.poll(cx));
                    if let Some(mut answering) = this.answering.take() {
                        answering.over = true;
                        let stats = &answering.stats;
                        let counter = if result.is_ok() { &stats.answered } else { &stats.failed_too };
                        counter.add();
                    }
                    return Poll::Ready(result);
                }
            }
        }
    }
}
