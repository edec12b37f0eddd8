use crate::classify::{Classify, Outcome, of_error};
use crate::rejection::AsRejection;
use http::{Response, StatusCode};

/// 5xx is a failure, 429 throttling, every other answer a success: a 4xx is the caller's fault and proves that the
/// service works. A refusal of our own says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpClassify;

impl<B, Err: AsRejection> Classify<Response<B>, Err> for HttpClassify {
    fn classify(&self, result: Result<&Response<B>, &Err>) -> Outcome {
        match result {
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => Outcome::Throttled,
            Ok(response) if response.status().is_server_error() => Outcome::Failure,
            Ok(_) => Outcome::Success,
            Err(error) => of_error(error),
        }
    }
}
