//! Cross-origin requests, by the WHATWG Fetch standard.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;

use super::Exchange;
use crate::body::ResponseBody;
use crate::settings::Cors;

/// The method a preflight asks about.
pub(super) fn requested_method<B>(request: &http::Request<B>) -> Option<Method> {
    if request.method() != Method::OPTIONS || !request.headers().contains_key(ORIGIN) {
        return None;
    }
    Method::from_bytes(request.headers().get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()
}

/// Answers a preflight where the route has cross-origin rules; without them it is the service's business.
pub(super) fn preflight(
    exchange: &Exchange,
    request: &http::Request<Incoming>,
) -> Option<Response<ResponseBody>> {
    let cors = exchange.route()?.settings.cors.as_ref()?;
    requested_method(request)?;
    let mut response = Response::new(ResponseBody::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.append(
        VARY,
        HeaderValue::from_static("access-control-request-method, access-control-request-headers"),
    );
    if !allows(cors, request.headers().get(ORIGIN)?) {
        return Some(response);
    }
    let methods: Vec<&str> = cors.methods.iter().map(Method::as_str).collect();
    insert(headers, ACCESS_CONTROL_ALLOW_METHODS, &methods.join(", "));
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
    if !cors.headers.is_empty() {
        insert(headers, ACCESS_CONTROL_ALLOW_HEADERS, &join(&cors.headers));
    } else if let Some(asked) = asked {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    insert(headers, ACCESS_CONTROL_MAX_AGE, &cors.max_age.as_secs().to_string());
    Some(response)
}

/// Adds what lets the page read the answer.
pub(super) fn write(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    for name in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS]
    {
        headers.remove(name);
    }
    let any = cors.origins.iter().any(|origin| origin == "*");
    if !any {
        // the answer differs by origin even where this one is refused
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    let Some(origin) = origin.filter(|origin| allows(cors, origin)) else { return };
    let shown = if any { HeaderValue::from_static("*") } else { origin.clone() };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, shown);
    if cors.credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if !cors.expose.is_empty() {
        insert(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &join(&cors.expose));
    }
}

fn allows(cors: &Cors, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    cors.origins.iter().any(|allowed| allowed == "*" || allowed == origin)
}

fn join(names: &[HeaderName]) -> String {
    names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ")
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
