use super::{Plan, Shape};
use crate::Rejection;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Sleep, sleep};
use tower::Service;

pin_project! {
    /// A call, and what it is made to suffer.
    pub struct FaultFuture<S, K, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S, Req, S::Future>,
        scene: K,
        bytes_per_second: Option<u64>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F> {
        Calling { #[pin] inner: F },
        // boxed because it is rare: see the bulkhead's queue
        Suffering { suffering: Box<Suffering<S, Req>> },
    }
}

/// A call that was hit.
struct Suffering<S, Req> {
    wait: Option<Pin<Box<Sleep>>>,
    plan: Plan,
    call: Option<(S, Req)>,
}

impl<S, K, Req> FaultFuture<S, K, Req>
where
    S: Service<Req>,
{
    pub(super) const fn calling(inner: S::Future, scene: K, bytes_per_second: Option<u64>) -> Self {
        Self { state: State::Calling { inner }, scene, bytes_per_second }
    }

    pub(super) fn suffering(plan: Plan, service: S, request: Req, scene: K) -> Self {
        let wait = (!plan.delay.is_zero()).then(|| Box::pin(sleep(plan.delay)));
        let suffering = Box::new(Suffering { wait, plan, call: Some((service, request)) });
        Self { state: State::Suffering { suffering }, scene, bytes_per_second: plan.bytes_per_second }
    }
}

impl<S, K, Req> Future for FaultFuture<S, K, Req>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    K: Shape<S::Response>,
{
    type Output = Result<K::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Calling { inner } => {
                    let response = ready!(inner.poll(cx))?;
                    return Poll::Ready(Ok(this.scene.shape(response, *this.bytes_per_second)));
                }
                StateProj::Suffering { suffering } => {
                    if let Some(wait) = &mut suffering.wait {
                        ready!(wait.as_mut().poll(cx));
                    }
                    if let Some(fault) = suffering.plan.instead {
                        return Poll::Ready(Err(Rejection::Injected { fault }.into()));
                    }
                    let Some((mut service, request)) = suffering.call.take() else { return Poll::Pending };
                    State::Calling { inner: service.call(request) }
                }
            };
            this.state.set(next);
        }
    }
}
