use crate::classify::{Outcome, of_error};
use crate::rejection::AsRejection;
use std::time::Duration;

/// Making the same request again.
///
/// A request is consumed by the attempt that sends it, so whatever the next one needs is kept aside first.
pub trait Replay<Req> {
    /// What an attempt is made with; a request with a body is wrapped on the way.
    type Request;
    /// What is kept for the next attempt.
    type Kept;

    /// Prepares the first attempt. `None` where the request can or must not be made twice.
    fn prepare(&self, request: Req) -> (Self::Request, Option<Self::Kept>);

    /// The same for attempts that follow each other: also what must not be made twice may be made again while nothing of it
    /// was sent, if the [verdict](RetryPolicy::verdict) sees to it.
    fn prepare_in_turn(&self, request: Req) -> (Self::Request, Option<Self::Kept>) {
        self.prepare(request)
    }

    /// Prepares the only attempt: nothing is kept.
    fn once(&self, request: Req) -> Self::Request {
        self.prepare(request).0
    }

    /// The next attempt, or `None` where it has become impossible (a body too large to keep, …).
    fn again(&self, kept: &mut Self::Kept) -> Option<Self::Request>;

    /// Lets an attempt know which one it is. Called for every attempt but a first one that others may follow.
    fn mark(&self, _request: &mut Self::Request, _attempt: Attempt) {}
}

/// Judging whether another attempt is worth it.
pub trait RetryPolicy<Req, Res, Err>: Replay<Req> {
    /// What to do about this result.
    fn verdict(&self, kept: &Self::Kept, result: Result<&Res, &Err>) -> Verdict;
}

/// What to do about a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the caller.
    Done,
    /// It is worth another attempt, but the request must not be made again.
    CannotRepeat,
    /// Try again.
    Retry {
        /// The wait the service asked for.
        not_before: Option<Duration>,
    },
}

/// Which attempt a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// Whether no other can follow.
    pub last: bool,
}

/// Retries any request that can be cloned, after any failure but refusals of our own: for calls that are safe to
/// make twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attempts;

impl<Req: Clone> Replay<Req> for Attempts {
    type Request = Req;
    type Kept = Req;

    fn prepare(&self, request: Req) -> (Req, Option<Req>) {
        let kept = request.clone();
        (request, Some(kept))
    }

    fn once(&self, request: Req) -> Req {
        request
    }

    fn again(&self, kept: &mut Req) -> Option<Req> {
        Some(kept.clone())
    }
}

impl<Req: Clone, Res, Err: AsRejection> RetryPolicy<Req, Res, Err> for Attempts {
    fn verdict(&self, _: &Req, result: Result<&Res, &Err>) -> Verdict {
        match result {
            Err(error) if of_error(error) == Outcome::Failure => Verdict::Retry { not_before: None },
            _ => Verdict::Done,
        }
    }
}
