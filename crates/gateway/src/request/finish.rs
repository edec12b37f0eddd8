//! The last hand on an answer: hygiene, identification, security and cross-origin headers.

use http::header::{CONNECTION, SET_COOKIE, STRICT_TRANSPORT_SECURITY, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};

use super::{Exchange, cors, inspect};
use crate::body::ResponseBody;
use crate::error::Error;
use crate::headers::{self, Census, X_REQUEST_ID};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Makes an upstream's (or the gateway's own) answer fit to leave.
pub(super) fn finish(exchange: &Exchange, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let protocol = if switching { response.headers().get(UPGRADE).cloned() } else { None };
    *response.version_mut() = Version::HTTP_11;
    let map = response.headers_mut();
    headers::drop_hop_by_hop(map, Census::take(map));
    if switching {
        map.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        if let Some(protocol) = protocol {
            map.insert(UPGRADE, protocol);
        }
    }
    decorate(exchange, map);
    settle(exchange, &mut response, false);
    response
}

/// The gateway's own answer to a failure.
pub(super) fn problem(exchange: &Exchange, error: &Error) -> Response<ResponseBody> {
    exchange.reason.set(Some(error.reason()));
    tracing::debug!(request_id = %exchange.id, reason = error.reason(), %error, "request was not answered by an upstream");
    let mut response = error.respond(&exchange.id, &exchange.plan.shared.docs);
    decorate(exchange, response.headers_mut());
    settle(exchange, &mut response, error.closes());
    without_body_for_head(exchange, response)
}

/// The answer to a HEAD has the headers of the answer to a GET, and no body; HTTP/2 would send one.
pub(super) fn without_body_for_head(
    exchange: &Exchange,
    response: Response<ResponseBody>,
) -> Response<ResponseBody> {
    if exchange.method != http::Method::HEAD {
        return response;
    }
    let length = http_body::Body::size_hint(response.body()).exact();
    let mut response = response.map(|_| ResponseBody::default());
    if let Some(length) = length {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

fn decorate(exchange: &Exchange, map: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::from_bytes(exchange.id.as_bytes()) {
        map.insert(X_REQUEST_ID, id);
    }
    if let Some(status) = exchange.cache_status.borrow().as_deref()
        && let Ok(value) = HeaderValue::from_str(status)
    {
        map.append(CACHE_STATUS, value);
    }
    for cookie in &exchange.cookies {
        map.append(SET_COOKIE, cookie.clone());
    }
    let Some(route) = exchange.route() else { return };
    for (name, value) in &route.settings.response_headers {
        map.entry(name).or_insert_with(|| value.clone());
    }
    if let Some(hsts) = route.settings.hsts.as_ref().filter(|_| exchange.origin.secure) {
        map.entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| hsts.clone());
    }
    if let Some(rules) = &route.settings.cors {
        cors::write(rules, exchange.cors_origin.as_ref(), map);
    }
    if let Some((decision, limit)) = &exchange.limit
        && !map.contains_key("ratelimit")
    {
        let reset = decision.reset_after.as_secs() + 1;
        let window = limit.settings.per.as_secs().max(1);
        write(map, "ratelimit-policy", &format!("\"default\";q={};w={window}", limit.settings.requests));
        write(map, "ratelimit", &format!("\"default\";r={};t={reset}", decision.remaining));
    }
}

fn write(map: &mut HeaderMap, name: &'static str, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        map.insert(name, value);
    }
}

/// What the connection does next.
fn settle(exchange: &Exchange, response: &mut Response<ResponseBody>, closes: bool) {
    exchange.status.set(response.status());
    inspect::answered(exchange, response.status());
    let Some(guard) = &exchange.info.guard else { return };
    if exchange.upgrade {
        guard.switched(response.status() == StatusCode::SWITCHING_PROTOCOLS);
    }
    if closes {
        exchange.info.linger.set(true);
    }
    if closes || (exchange.core.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
