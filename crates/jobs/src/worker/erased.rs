use super::{Context, Done, Failed, Worker};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// A worker whose type is forgotten.
pub(crate) trait Erased: Send + Sync {
    fn run<'a>(&'a self, payload: &'a str, context: Context) -> BoxFuture<'a, Result<Done, Failed>>;
    fn timeout(&self) -> Duration;
}

pub(crate) struct Typed<W>(pub(crate) W);

impl<W: Worker> Typed<W> {
    pub(crate) fn erase(worker: W) -> (String, Arc<dyn Erased>) {
        (worker.kind().to_owned(), Arc::new(Self(worker)))
    }
}

impl<W: Worker> Erased for Typed<W> {
    fn run<'a>(&'a self, payload: &'a str, context: Context) -> BoxFuture<'a, Result<Done, Failed>> {
        Box::pin(async move {
            let args = serde_json::from_str(payload);
            // the text of the error quotes what is there, which may be nobody's to read; the place will do
            let args = args.map_err(|error| {
                let place = format!("do not fit: line {} column {}", error.line(), error.column());
                Failed::permanent("arguments", place)
            })?;
            self.0.work(args, context).await
        })
    }

    fn timeout(&self) -> Duration {
        self.0.timeout()
    }
}
