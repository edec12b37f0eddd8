//! What answers when the service cannot: a stale copy, another service, a fixed answer.

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use seaworthy_core::ErrorCode;
use seaworthy_resilience::effects::{Counter, Effect};

use super::{Exchange, cache, finish, forward};
use crate::body::{RequestBody, ResponseBody};
use crate::error::Error;
use crate::settings::Fallback;

/// Says that an answer is not the service's own.
const X_FALLBACK: HeaderName = HeaderName::from_static("x-seaworthy-fallback");

/// The request once more, for another service. Only requests without a body can be kept.
pub(super) fn prepare(
    exchange: &Exchange,
    request: &http::Request<Incoming>,
) -> Option<http::Request<RequestBody>> {
    exchange.route()?.fallback?;
    if !request.body().is_end_stream() {
        return None;
    }
    let mut spare = http::Request::new(RequestBody::default());
    *spare.method_mut() = request.method().clone();
    *spare.uri_mut() = request.uri().clone();
    *spare.headers_mut() = request.headers().clone();
    Some(spare)
}

/// What a route's fallback did.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    service: Counter,
    fixed: Counter,
    failed_too: Counter,
    not_replayable: Counter,
}

impl Counts {
    /// Every count by its name. A stale copy counts with the cache.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        vec![
            self.service.effect("service"),
            self.fixed.effect("static"),
            self.failed_too.effect("failed_too"),
            self.not_replayable.effect("not_replayable"),
        ]
    }
}

/// Whether an answer is one that something else may stand in for.
pub(super) fn needed(exchange: &Exchange, outcome: &Result<Response<ResponseBody>, Error>) -> bool {
    let possible =
        exchange.route().is_some_and(|r| r.settings.fallback.is_some() || r.settings.cache.is_some());
    possible && exchange.sandbox.is_none() && is_outage(outcome)
}

/// Passes a good answer on and replaces a bad one, where the route says how.
pub(super) async fn apply(
    exchange: &mut Exchange,
    spare: Option<http::Request<RequestBody>>,
    outcome: Result<Response<ResponseBody>, Error>,
) -> Result<Response<ResponseBody>, Error> {
    let outcome = outcome.map_err(|error| exchange.explain(error));
    if !is_outage(&outcome) {
        return outcome;
    }
    if let Some(stale) = cache::stale_if_error(exchange) {
        return Ok(stale);
    }
    let Some(route) = exchange.route.clone() else { return outcome };
    let counts = &route.fallbacks;
    let answer = match (&route.settings.fallback, spare) {
        (None, _) => return outcome,
        (Some(Fallback::Service(_)), None) => {
            counts.not_replayable.add();
            return outcome;
        }
        (Some(Fallback::Static { status, content_type, body }), _) => {
            let mut response = Response::new(ResponseBody::full(body.clone()));
            *response.status_mut() = *status;
            response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
            response.headers_mut().insert(X_FALLBACK, HeaderValue::from_static("static"));
            counts.fixed.add();
            finish::without_body_for_head(exchange, response)
        }
        (Some(Fallback::Service(_)), Some(spare)) => {
            let Some(target) = route.fallback else { return outcome };
            counts.service.add();
            let answer = forward::send_to(exchange, target, spare).await;
            if is_outage(&answer) {
                counts.failed_too.add();
            }
            let mut response = answer?;
            response.headers_mut().insert(X_FALLBACK, HeaderValue::from_static("service"));
            response
        }
    };
    exchange.reason.set(Some(outcome.as_ref().err().map_or("upstream_error", Error::reason)));
    Ok(answer)
}

/// Whether the service could not answer: not that it answered something unwelcome.
fn is_outage(outcome: &Result<Response<ResponseBody>, Error>) -> bool {
    match outcome {
        Ok(response) => {
            matches!(
                response.status(),
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            ) || response.status() == StatusCode::INTERNAL_SERVER_ERROR
        }
        Err(Error::Rejected(rejection)) => {
            matches!(rejection.code(), ErrorCode::Unavailable | ErrorCode::Timeout)
        }
        Err(error) => matches!(error, Error::Connect(_) | Error::Upstream(_) | Error::NoEndpoint { .. }),
    }
}
