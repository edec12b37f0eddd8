//! Telling good results from bad ones.

use crate::rejection::AsRejection;

/// What a result says about the health of the service behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It works.
    Success,
    /// It failed.
    Failure,
    /// It asks for less traffic (429): counts toward a failure rate and fails a probe, but does not add to a run of
    /// failures, because a service that throttles is alive.
    Throttled,
    /// It says nothing: refused on our side before the service was asked, or abandoned by the caller.
    Neutral,
}

/// Judges results. Implemented by every `Fn(Result<&Res, &Err>) -> Outcome`.
pub trait Classify<Res, Err> {
    /// What this result says about the service.
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome;
}

impl<Res, Err, F> Classify<Res, Err> for F
where
    F: Fn(Result<&Res, &Err>) -> Outcome,
{
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome {
        self(result)
    }
}

/// Every `Ok` is a success and every error a failure, except refusals of our own, which say nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorsFail;

impl<Res, Err: AsRejection> Classify<Res, Err> for ErrorsFail {
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(error) => of_error(error),
        }
    }
}

/// What an error says: a refusal of ours is neutral, whatever else failed is a failure.
pub(crate) fn of_error<Err: AsRejection>(error: &Err) -> Outcome {
    match error.as_rejection() {
        Some(rejection) if !rejection.blames_service() => Outcome::Neutral,
        _ => Outcome::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::{Rejection, Scope};
    use std::time::Duration;

    #[test]
    fn refusals_of_ours_are_neutral_and_time_outs_are_not() {
        let judge = |rejection: Rejection| ErrorsFail.classify(Err::<&(), _>(&rejection));
        assert_eq!(judge(Rejection::Shed { retry_after: None }), Outcome::Neutral);
        let late = Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_secs(1) };
        assert_eq!(judge(late), Outcome::Failure);
        assert_eq!(ErrorsFail.classify(Ok::<_, &Rejection>(&())), Outcome::Success);
    }
}
