//! The one place that turns an error of the control plane into HTTP (RFC 9457).

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use seaworthy_core::{ErrorCode, RequestId};
use seaworthy_gateway::error_docs;
use serde::Serialize;
use utoipa::ToSchema;

tokio::task_local! {
    /// The call that is being answered.
    static CURRENT: RequestId;
}

/// Answers a call under its id.
pub(crate) async fn with_id<T>(id: RequestId, answer: impl Future<Output = T>) -> T {
    CURRENT.scope(id, answer).await
}

/// An error answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where the error is explained.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Box<str>,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// Which of the nine kinds of error this is.
    #[schema(example = "not_found")]
    code: &'static str,
    /// The finer cause.
    #[schema(value_type = String, example = "no_service")]
    reason: Box<str>,
    /// The id under which the log tells more.
    #[schema(value_type = String)]
    request_id: Box<str>,
    /// Seconds after which to come back.
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    /// An error with its code's own status.
    pub(crate) fn new(code: ErrorCode, reason: &str, detail: &str) -> Self {
        Self::with_status(code.http_status(), code, reason, detail)
    }

    pub(crate) fn with_status(status: u16, code: ErrorCode, reason: &str, detail: &str) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("error");
        Self {
            kind: format!("{}{code}#{reason}", error_docs::PATH).into(),
            title,
            status,
            detail: detail.into(),
            code: code.as_str(),
            reason: reason.into(),
            request_id: CURRENT
                .try_with(|id| *id)
                .unwrap_or_else(|_| RequestId::generate())
                .to_string()
                .into(),
            retry_after: None,
        }
    }

    /// With a `Retry-After` of so many seconds.
    pub(crate) const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The finer cause.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What happened.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The id under which the log tells more.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whether it says that something cannot be found out now.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.status == 503
    }

    #[cfg(test)]
    pub(crate) fn is(&self, reason: &str) -> bool {
        &*self.reason == reason
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// The page that explains an error code: where the `type` of a problem leads.
pub(crate) async fn page(Path(code): Path<String>) -> Result<impl IntoResponse, Problem> {
    let page = error_docs::page(&code).map(|page| ([(CONTENT_TYPE, error_docs::CONTENT_TYPE)], page));
    page.ok_or_else(|| Problem::new(ErrorCode::NotFound, "no_route", "there is no such error code"))
}

/// No such route.
pub(crate) async fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "no_route", "there is nothing at this path")
}

/// A body beyond the limit, in our own words.
pub(crate) async fn too_large(response: Response) -> Response {
    if response.status() != StatusCode::PAYLOAD_TOO_LARGE {
        return response;
    }
    let detail = "the body is longer than 16 MiB";
    Problem::with_status(413, ErrorCode::Invalid, "body_too_large", detail).into_response()
}

/// A route, but not for this method.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::with_status(405, ErrorCode::Invalid, "method_not_allowed", "this method is not allowed here")
}
