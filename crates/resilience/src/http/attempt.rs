use crate::retry::Attempt;
use crate::timeout::Lift;

/// Lifts the attempt's time limit from the last attempt: cutting it short would gain nothing, since no other follows.
/// Only sensible where the total time is limited.
#[derive(Debug, Clone, Copy, Default)]
pub struct LiftLast;

impl<B> Lift<http::Request<B>> for LiftLast {
    fn lifted(&self, request: &http::Request<B>) -> bool {
        request.extensions().get::<Attempt>().is_some_and(|attempt| attempt.last)
    }
}
