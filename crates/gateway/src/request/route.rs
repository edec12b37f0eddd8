//! Finds the route, and answers what needs none.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;

use super::{Exchange, cors};
use crate::body::ResponseBody;
use crate::error::Error;
use crate::error_docs;
use crate::router::Found;

/// Sets the exchange's route, or answers without one.
pub(super) fn find(
    exchange: &mut Exchange,
    request: &mut http::Request<Incoming>,
) -> Result<Option<Response<ResponseBody>>, Error> {
    let path = request.uri().path();
    if request.method() == Method::CONNECT {
        return Err(Error::Upgrade);
    }
    if path == "*" || path.is_empty() {
        return if request.method() == Method::OPTIONS {
            Ok(Some(server_options()))
        } else {
            Err(Error::NoRoute)
        };
    }
    if has_dot_segments(path) {
        return Err(Error::AmbiguousPath);
    }
    if let Some(page) = path.strip_prefix(error_docs::PATH) {
        return error_docs::page(page).map(|text| Some(document(text))).ok_or(Error::NoRoute);
    }
    if let Some(login) = exchange.plan.shared.logins.iter().position(|login| path.starts_with(login.prefix()))
    {
        exchange.login = Some(login);
        return Ok(None);
    }
    let method = cors::requested_method(request).unwrap_or_else(|| request.method().clone());
    let host = host_name(exchange.host.as_ref());
    let plan = &exchange.plan.shared;
    match plan.router.find(host, path, &method, request.headers()) {
        Found::Route(index) => {
            exchange.route = plan.routes.get(index).cloned();
            Ok(None)
        }
        Found::OtherMethods(methods) => Err(Error::MethodNotAllowed(allow(&methods))),
        Found::Nothing => Err(Error::NoRoute),
    }
}

/// `OPTIONS *` asks about the server, not about a resource (RFC 9110 §9.3.7).
fn server_options() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    response
}

fn document(text: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(Bytes::from_static(text.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(error_docs::CONTENT_TYPE));
    response
}

/// The host without its port; empty where there is none (HTTP/1.0).
fn host_name(host: Option<&HeaderValue>) -> &str {
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or(host);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name).trim_end_matches('.')
}

fn allow(methods: &[Method]) -> HeaderValue {
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.dedup();
    HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether a segment is `.` or `..` in any spelling, including `..;x` and an encoded slash behind dots: programs
/// disagree on what such a path names, and access rules must not depend on who is right.
fn has_dot_segments(path: &str) -> bool {
    let bytes = path.as_bytes();
    if memchr::memchr3(b'.', b'%', b'\\', bytes).is_none() {
        return false;
    }
    let lower = path.to_ascii_lowercase();
    let spelled = lower.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
    spelled.split('/').any(|segment| {
        let name = segment.split(';').next().unwrap_or(segment);
        name == "." || name == ".."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_seen_in_every_spelling() {
        for bad in [
            "/..",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/a/%2E./b",
            "/..;/a",
            "/a/..%2fb",
            "/..\\a",
            "/a%5c..%5cb",
        ] {
            assert!(has_dot_segments(bad), "{bad}");
        }
        for good in ["/", "/a.b/c", "/...", "/.well-known/x", "/a%20b", "/v1.2/..a", "/a/%2f"] {
            assert!(!has_dot_segments(good), "{good}");
        }
    }

    #[test]
    fn host_names_lose_port_and_root_dot() {
        let name = |host: &'static str| host_name(Some(&HeaderValue::from_static(host))).to_owned();
        assert_eq!(name("shop.example:8080"), "shop.example");
        assert_eq!(name("shop.example."), "shop.example");
        assert_eq!(name("[::1]:80"), "[::1]");
        assert_eq!(name("[::1]"), "[::1]");
        assert_eq!(host_name(None), "");
    }
}
