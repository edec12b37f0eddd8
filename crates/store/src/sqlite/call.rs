//! One write, from the caller to the writer and its answer back.

use crate::Error;
use crate::transaction::Tx;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use tokio::sync::oneshot;

/// A write whose types are forgotten.
pub(super) trait Call: Send {
    /// Does it; tells whether it is to be kept.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool>;
    /// Answers: with what it did, or with why that is lost.
    fn finish(self: Box<Self>, committed: Result<(), Error>);
}

pub(super) struct Typed<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Typed<F, T, E> {
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work: Some(work), result: None, reply }, answer)
    }
}

impl<F, T, E> Call for Typed<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool> {
        let Some(work) = self.work.take() else { return Box::pin(std::future::ready(false)) };
        Box::pin(async move {
            // a caller's defect must not take the writer with it
            let done = AssertUnwindSafe(async move { work(tx).await }).catch_unwind().await;
            let result =
                done.unwrap_or_else(|_| Err(Error::Internal("the write panicked".to_owned()).into()));
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let answer = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(lost)) => Err(lost.into()),
            (Some(done), Ok(())) => done,
            (None, Ok(())) => Err(Error::Internal("the write was not made".to_owned()).into()),
        };
        // whoever asked may have gone
        let _ = self.reply.send(answer);
    }
}
