//! Everything the gateway itself may answer, and the one place that turns it into HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use seaworthy_core::{ErrorCode, RequestId};
use seaworthy_resilience::Rejection;

use crate::access::{Objection, Refusal, RefusalKind};
use crate::body::ResponseBody;
use crate::guard::Violation;

/// Why a request was not answered by an upstream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes of the request broke the rules of HTTP.
    #[error("{0}")]
    Malformed(Violation),
    /// The path holds dot segments, which two programs may resolve differently.
    #[error("the path holds dot segments")]
    AmbiguousPath,
    /// No route matches host, path and headers.
    #[error("no route matches this request")]
    NoRoute,
    /// A route matches but for the method.
    #[error("this method is not allowed here")]
    MethodNotAllowed(HeaderValue),
    /// The body is longer than the route admits.
    #[error("the request body is longer than {limit} bytes")]
    BodyTooLarge {
        /// The limit that was passed.
        limit: u64,
    },
    /// A rate limit said no.
    #[error("too many requests")]
    RateLimited(Box<Limited>),
    /// A resilience policy answered in place of the upstream.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// No endpoint of the service can be tried now.
    #[error("no endpoint of the service is available")]
    NoEndpoint {
        /// When it makes sense to come back, if that is known.
        retry_after: Option<Duration>,
    },
    /// A connection to the upstream could not be made.
    #[error("the upstream cannot be reached")]
    Connect(#[source] std::io::Error),
    /// The upstream broke off, or answered what is not HTTP.
    #[error("the upstream broke off")]
    Upstream(#[source] hyper::Error),
    /// The client went away or broke off its own body.
    #[error("the client broke off")]
    Client,
    /// A pass to a sandbox that leads to none.
    #[error("this pass does not lead to a sandbox of this route")]
    SandboxPass,
    /// The protocol asked for is not one the gateway can pass through.
    #[error("this upgrade is not supported")]
    Upgrade,
    /// The caller may not use the route.
    #[error("{}", refusal.detail)]
    Access {
        /// Why.
        refusal: Refusal,
        /// How a credential is to be presented.
        challenges: Vec<HeaderValue>,
    },
    /// The gateway's own credential for the service is not there.
    #[error("the service cannot be asked now")]
    OwnCredential,
    /// The client's address may not use the route.
    #[error("this address may not use this")]
    Address,
    /// An inspector refused the request.
    #[error("{}", .0.detail)]
    Objection(Box<Objection>),
    /// A defect of ours.
    #[error("{0}")]
    Internal(&'static str),
}

/// How long to stay away from what is full right now: the shortest time that `Retry-After` can say …
const SOON: Duration = Duration::from_secs(1);
/// … and at most this many seconds more, drawn at random.
const SPREAD: u64 = 2;

/// The figures of a rate limit, for its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    /// Requests admitted in a window.
    pub limit: u64,
    /// The window.
    pub window: Duration,
    /// When the next request will be admitted.
    pub retry_after: Duration,
}

/// An error with everything behind it, for the log: a client never gets to see it.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The stable name of a finer cause, beside its [`ErrorCode`].
pub type Reason = &'static str;

impl Error {
    /// Which of the nine kinds this is.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed(violation) if violation.status() == 408 => ErrorCode::Timeout,
            Self::Malformed(_) | Self::AmbiguousPath | Self::BodyTooLarge { .. } => ErrorCode::Invalid,
            Self::Client | Self::Upgrade | Self::MethodNotAllowed(_) => ErrorCode::Invalid,
            Self::NoRoute => ErrorCode::NotFound,
            Self::SandboxPass | Self::Address => ErrorCode::Forbidden,
            Self::Access { refusal, .. } => match refusal.kind {
                RefusalKind::Unauthenticated => ErrorCode::Unauthenticated,
                RefusalKind::Forbidden => ErrorCode::Forbidden,
                RefusalKind::Unavailable => ErrorCode::Unavailable,
            },
            Self::Objection(objection) => match objection.status.as_u16() {
                403 => ErrorCode::Forbidden,
                429 => ErrorCode::Limited,
                _ => ErrorCode::Invalid,
            },
            Self::RateLimited(_) => ErrorCode::Limited,
            Self::Rejected(rejection) => rejection.code(),
            Self::NoEndpoint { .. } | Self::Connect(_) | Self::Upstream(_) | Self::OwnCredential => {
                ErrorCode::Unavailable
            }
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// The finer cause.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Malformed(Violation::HeadTooLarge | Violation::TooManyHeaders) => "head_too_large",
            Self::Malformed(Violation::HeadTimeout) => "head_timed_out",
            Self::Malformed(Violation::BodyTimeout) => "body_timed_out",
            Self::Malformed(_) => "malformed_request",
            Self::AmbiguousPath => "ambiguous_path",
            Self::NoRoute => "no_route",
            Self::SandboxPass => "sandbox_pass",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::RateLimited(_) => "rate_limited",
            Self::Rejected(rejection) => rejection.reason(),
            Self::NoEndpoint { .. } => "no_endpoint",
            Self::Connect(_) => "upstream_unreachable",
            Self::Upstream(_) => "upstream_broke_off",
            Self::Client => "client_broke_off",
            Self::Upgrade => "upgrade_unsupported",
            Self::Access { refusal, .. } => refusal.reason,
            Self::Address => "address_denied",
            Self::OwnCredential => "upstream_credential",
            Self::Objection(objection) => objection.reason,
            Self::Internal(_) => "internal",
        }
    }

    /// The HTTP status it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(violation) => {
                StatusCode::from_u16(violation.status()).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Connect(_) | Self::Upstream(_) => StatusCode::BAD_GATEWAY,
            Self::Upgrade => StatusCode::NOT_IMPLEMENTED,
            Self::Objection(objection) => objection.status,
            other => {
                StatusCode::from_u16(other.code().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// When it makes sense to come back. Where something is full that empties with every finished request, that is soon.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(rejection) => rejection.retry_after().or(self.is_full().then_some(SOON)),
            Self::NoEndpoint { retry_after } => retry_after.or(Some(SOON)),
            Self::RateLimited(limited) => Some(limited.retry_after),
            Self::Objection(objection) => objection.retry_after.map(Duration::from_secs),
            Self::OwnCredential => Some(SOON),
            Self::Access { refusal, .. } if refusal.kind == RefusalKind::Unavailable => Some(SOON),
            _ => None,
        }
    }

    /// Whether many callers may be refused at the same moment, who must not all come back at the same moment.
    fn is_full(&self) -> bool {
        matches!(
            self,
            Self::NoEndpoint { .. } | Self::Rejected(Rejection::BulkheadFull { .. } | Rejection::Shed { .. })
        )
    }

    /// Whether the connection must close after this answer: what follows on it cannot be trusted to be a request.
    pub(crate) fn closes(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::BodyTooLarge { .. })
    }

    /// What the client reads. It names what happened, never what is behind the gateway.
    pub(crate) fn respond(&self, id: &RequestId, docs: &str) -> Response<ResponseBody> {
        let (code, reason, status) = (self.code(), self.reason(), self.status());
        let problem = serde_json::json!({
            "type": format!("{docs}{code}#{reason}"),
            "title": status.canonical_reason().unwrap_or("error"),
            "status": status.as_u16(),
            "detail": self.to_string(),
            "code": code,
            "reason": reason,
            "request_id": id.as_str(),
        });
        let mut response = Response::new(ResponseBody::full(Bytes::from(problem.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after() {
            let spread = if self.is_full() { fastrand::u64(..=SPREAD) } else { 0 };
            headers.insert(RETRY_AFTER, HeaderValue::from(ceil_seconds(wait) + spread));
        }
        match self {
            Self::MethodNotAllowed(allow) => {
                headers.insert(ALLOW, allow.clone());
            }
            Self::RateLimited(limited) => limited.write(headers),
            Self::Access { challenges, .. } => {
                for challenge in challenges {
                    headers.append(WWW_AUTHENTICATE, challenge.clone());
                }
            }
            _ => {}
        }
        response
    }
}

impl Limited {
    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
    fn write(&self, headers: &mut http::HeaderMap) {
        let reset = ceil_seconds(self.retry_after);
        let policy = format!("\"default\";q={};w={}", self.limit, ceil_seconds(self.window));
        if let Ok(value) = HeaderValue::from_str(&policy) {
            headers.insert("ratelimit-policy", value);
        }
        if let Ok(value) = HeaderValue::from_str(&format!("\"default\";r=0;t={reset}")) {
            headers.insert("ratelimit", value);
        }
    }
}

/// Whole seconds, never too early: a client that comes back after them is admitted.
fn ceil_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use seaworthy_resilience::rejection::Full;

    use super::*;

    fn told(error: &Error) -> Option<u64> {
        let response = error.respond(&RequestId::generate(), "");
        response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().parse().unwrap())
    }

    #[test]
    fn those_who_found_no_room_come_back_soon_but_not_together() {
        let shed = |retry_after| Rejection::Shed { retry_after }.into();
        let full = Rejection::BulkheadFull { limit: 1, full: Full::Queue }.into();
        for (error, least) in [
            (full, 1),
            (shed(None), 1),
            (shed(Some(Duration::from_millis(4_500))), 5),
            (Error::NoEndpoint { retry_after: None }, 1),
        ] {
            let waits: Vec<_> = (0..200).filter_map(|_| told(&error)).collect();
            assert_eq!(waits.len(), 200, "{error}");
            for wait in least..=least + SPREAD {
                // missing one of three by chance: less than once in 10^34
                assert!(waits.contains(&wait), "{error}: {wait}");
            }
            assert!(waits.iter().all(|wait| (least..=least + SPREAD).contains(wait)), "{error}");
        }
    }

    #[test]
    fn where_nothing_is_known_nothing_is_promised() {
        let gone = std::io::ErrorKind::ConnectionRefused.into();
        assert_eq!(told(&Error::Connect(gone)), None);
        assert_eq!(told(&Error::NoRoute), None);
    }
}
