//! What is read out of a request, with our own errors.

use axum::extract::{FromRequestParts, Query};
use http::HeaderMap;
use http::request::Parts;
use seaworthy_core::trace::TraceContext;
use seaworthy_core::{ErrorCode, Secret};
use serde::de::DeserializeOwned;

use crate::Problem;

/// The largest page.
pub(crate) const LARGEST_PAGE: usize = 1_000;
/// A page where nothing is said.
pub(crate) const PAGE: usize = 50;

/// The query's parameters.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parsed = Query::try_from_uri(&parts.uri);
        parsed.map(|Query(params)| Self(params)).map_err(|error| invalid(&error.body_text()))
    }
}

/// A request that is wrong by itself.
pub(crate) fn invalid(detail: &str) -> Problem {
    Problem::new(ErrorCode::Invalid, "invalid_argument", detail)
}

/// A JSON body.
pub(crate) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |text: &str| Problem::new(ErrorCode::Invalid, "malformed_body", text);
    // a list would be taken for the fields in their order
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => serde_json::from_slice(bytes).map_err(|error| malformed(&error.to_string())),
        None => Err(malformed("there is no body; a JSON object is expected")),
        Some(_) => Err(malformed("the body is not a JSON object")),
    }
}

/// A JSON body that may be absent.
pub(crate) fn maybe<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() { Ok(T::default()) } else { body(bytes) }
}

/// A number in a path.
pub(crate) fn id(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::new(ErrorCode::NotFound, "no_such_object", "ids are whole numbers"))
}

/// How many are wanted.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(PAGE) {
        asked @ 1..=LARGEST_PAGE => Ok(asked),
        _ => Err(invalid("limit must be from 1 to 1000")),
    }
}

/// The trace that the caller is in.
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get("traceparent").and_then(|value| TraceContext::parse(value.as_bytes()))
}

/// A cookie's value, where exactly one of the name is sent: of two, nobody knows which the browser was given by whom.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret<String>> {
    let lines = headers.get_all(http::header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let crumbs = lines.flat_map(|line| line.split(';')).filter_map(|crumb| crumb.trim().split_once('='));
    let mut values = crumbs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(only), None) => Some(Secret::new(only.to_owned())),
        _ => None,
    }
}
