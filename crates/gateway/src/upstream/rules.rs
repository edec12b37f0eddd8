//! What the policies must know of HTTP as it is spoken here.

use std::sync::Arc;

use http::Response;
use seaworthy_resilience::fault::{Condition, Select, Shape};
use seaworthy_resilience::http::{HttpClassify, HttpRetry, HttpScene, LiftLast, PacedBody};
use seaworthy_resilience::stack::{InnerLayer, Rules, Stack};
use seaworthy_resilience::timeout::{HoldUp, Lift};
use seaworthy_resilience::{AsRejection, Classify, Outcome, Rejection};

use crate::body::ResponseBody;
use crate::error::Error;
use crate::request::Trail;

/// Bodies that are kept for another attempt are at most this long. The first attempt waits for all of them.
pub(crate) const LONG_BODY: u64 = 64 << 10;

/// All policies of a service.
pub(crate) type Policies = Stack<Judge, HttpRetry, Lifted, Scene>;
/// Those that are one per endpoint.
pub(crate) type EndpointPolicies = InnerLayer<Judge, Lifted, Scene>;

/// The rules of the gateway.
pub(crate) fn rules() -> Rules<Judge, HttpRetry, Lifted, Scene> {
    Rules { classify: Judge, retry: HttpRetry::default(), lift: Lifted, scene: Scene }
}

impl AsRejection for Error {
    fn as_rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            // decided on this side, before the service was asked
            Self::NoEndpoint { .. } => Some(&Rejection::Shed { retry_after: None }),
            _ => None,
        }
    }

    fn nothing_sent(&self) -> bool {
        matches!(self, Self::Connect(_))
    }
}

/// HTTP's own rules, except that a client that breaks off says nothing about the service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge;

impl Classify<Response<ResponseBody>, Error> for Judge {
    fn classify(&self, result: Result<&Response<ResponseBody>, &Error>) -> Outcome {
        match result {
            Err(Error::Client | Error::Malformed(_) | Error::BodyTooLarge { .. }) => Outcome::Neutral,
            other => HttpClassify.classify(other),
        }
    }
}

/// Which attempts have no time limit of their own: the last of several, and those whose body is long. How long an upload
/// takes is up to the client, and a slow client must not count as a slow service; the total limit still holds. Where there
/// is none, an attempt's limit counts from when the client was last waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifted;

impl<B: http_body::Body> Lift<http::Request<B>> for Lifted {
    fn lifted(&self, request: &http::Request<B>) -> bool {
        let long = request.body().size_hint().exact().is_none_or(|bytes| bytes > LONG_BODY);
        long || LiftLast.lifted(request)
    }

    fn hold_up(&self, request: &http::Request<B>) -> Option<Arc<dyn HoldUp>> {
        if request.body().is_end_stream() {
            return None;
        }
        let trail = request.extensions().get::<Arc<Trail>>()?;
        Some(Arc::clone(trail) as Arc<dyn HoldUp>)
    }
}

/// Faults limited by headers; bandwidth slows the body down. An untouched response stays as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene;

impl<B> Select<http::Request<B>> for Scene {
    fn meets(&self, request: &http::Request<B>, condition: &Condition) -> bool {
        HttpScene.meets(request, condition)
    }
}

impl Shape<Response<ResponseBody>> for Scene {
    type Response = Response<ResponseBody>;
    fn shape(&self, response: Response<ResponseBody>, bytes_per_second: Option<u64>) -> Self::Response {
        match bytes_per_second {
            None => response,
            paced => response.map(|body| ResponseBody::boxed(Box::pin(PacedBody::new(body, paced)))),
        }
    }
}
