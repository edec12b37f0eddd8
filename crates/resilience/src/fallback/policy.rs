use std::future::{Future, Ready, ready};

/// Where an answer comes from when the service has none.
pub trait Fallback<Req, Res, Err> {
    /// What the fallback needs of the request, kept before the service consumes it.
    type Kept;
    /// The answer to come.
    type Future: Future<Output = Result<Res, Err>>;

    /// Keeps what is needed. `None`: this request has no fallback.
    fn keep(&self, request: &Req) -> Option<Self::Kept>;

    /// Whether this result is bad enough.
    fn applies(&self, result: Result<&Res, &Err>) -> bool;

    /// Answers in place of `result`.
    fn answer(&self, kept: Self::Kept, result: Result<Res, Err>) -> Self::Future;
}

/// Turns any error into what the function makes of it.
#[derive(Debug, Clone, Copy)]
pub struct OnError<F>(pub F);

impl<Req, Res, Err, F> Fallback<Req, Res, Err> for OnError<F>
where
    F: Fn(Err) -> Result<Res, Err>,
{
    type Kept = ();
    type Future = Ready<Result<Res, Err>>;

    fn keep(&self, _: &Req) -> Option<()> {
        Some(())
    }

    fn applies(&self, result: Result<&Res, &Err>) -> bool {
        result.is_err()
    }

    fn answer(&self, (): (), result: Result<Res, Err>) -> Self::Future {
        ready(result.or_else(&self.0))
    }
}
