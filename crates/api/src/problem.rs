//! The one place that turns an error of the control plane into HTTP (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use seaworthy_core::{ErrorCode, RequestId};
use serde::Serialize;
use utoipa::ToSchema;

/// An error answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where the error is explained.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened.
    detail: String,
    /// Which of the nine kinds of error this is.
    #[schema(example = "not_found")]
    code: String,
    /// The finer cause.
    #[schema(example = "no_service")]
    reason: String,
    /// The id under which the log tells more.
    request_id: String,
}

impl Problem {
    /// An error with its code's own status.
    pub(crate) fn new(code: ErrorCode, reason: &str, detail: &str) -> Self {
        Self::with_status(code.http_status(), code, reason, detail)
    }

    fn with_status(status: u16, code: ErrorCode, reason: &str, detail: &str) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("error");
        Self {
            kind: format!("/.well-known/seaworthy/errors/{code}#{reason}"),
            title: title.to_owned(),
            status,
            detail: detail.to_owned(),
            code: code.to_string(),
            reason: reason.to_owned(),
            request_id: RequestId::generate().to_string(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// No such route.
pub(crate) async fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "no_route", "there is nothing at this path")
}

/// A route, but not for this method.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::with_status(405, ErrorCode::Invalid, "method_not_allowed", "this method is not allowed here")
}
