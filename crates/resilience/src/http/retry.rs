use super::replay::{ReplayBody, Tape};
use super::retry_after;
use crate::classify::{Outcome, of_error};
use crate::rejection::AsRejection;
use crate::retry::{Attempt, Replay, RetryPolicy, Verdict};
use bytes::Bytes;
use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use std::time::SystemTime;

/// What may be tried again in HTTP: idempotent methods, or any with an `Idempotency-Key`; after a failure, a 408, a
/// 429 or a 5xx that may pass; as long as the body is small enough to keep. Other methods only after a failure that says
/// that nothing was sent ([`AsRejection::nothing_sent`]): nobody can have acted on it, as in nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpRetry {
    /// The largest body that is kept for another attempt, in bytes.
    pub max_body: usize,
}

impl Default for HttpRetry {
    /// 64 KiB.
    fn default() -> Self {
        Self { max_body: 64 << 10 }
    }
}

/// What is kept of a request.
#[derive(Debug)]
pub struct KeptRequest<B> {
    method: Method,
    uri: http::Uri,
    version: Version,
    headers: HeaderMap,
    extensions: http::Extensions,
    body: Tape<B>,
    /// Whether it may be made twice. If not, it may be made again as long as nothing of it was sent.
    idempotent: bool,
}

impl HttpRetry {
    fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
        method.is_idempotent() || headers.contains_key("idempotency-key")
    }

    fn may_repeat(parts: &Parts) -> bool {
        // after an upgrade the connection carries another protocol, of which nothing is known here
        !parts.headers.contains_key(UPGRADE) && parts.method != Method::CONNECT
    }

    /// Whether a status may be gone at the next attempt. 501 and 505 say "never".
    fn may_pass(status: StatusCode) -> bool {
        match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
            other => other.is_server_error(),
        }
    }
}

impl<B> Replay<Request<B>> for HttpRetry
where
    B: Body<Data = Bytes>,
{
    type Request = Request<ReplayBody<B>>;
    // boxed: it rides along with every call, through every layer, and is needed by few
    type Kept = Box<KeptRequest<B>>;

    fn prepare(&self, request: Request<B>) -> (Self::Request, Option<Self::Kept>) {
        match Self::is_idempotent(request.method(), request.headers()) {
            true => self.prepare_in_turn(request),
            false => (self.once(request), None),
        }
    }

    fn prepare_in_turn(&self, request: Request<B>) -> (Self::Request, Option<Self::Kept>) {
        let (parts, body) = request.into_parts();
        if !Self::may_repeat(&parts) {
            return (Request::from_parts(parts, ReplayBody::through(body)), None);
        }
        let (body, tape) = ReplayBody::keeping(body, self.max_body);
        let kept = tape.map(|body| {
            Box::new(KeptRequest {
                method: parts.method.clone(),
                uri: parts.uri.clone(),
                version: parts.version,
                headers: parts.headers.clone(),
                extensions: parts.extensions.clone(),
                body,
                idempotent: Self::is_idempotent(&parts.method, &parts.headers),
            })
        });
        (Request::from_parts(parts, body), kept)
    }

    fn once(&self, request: Request<B>) -> Self::Request {
        request.map(ReplayBody::through)
    }

    fn again(&self, kept: &mut Self::Kept) -> Option<Self::Request> {
        let mut request = Request::new(kept.body.play()?);
        *request.method_mut() = kept.method.clone();
        *request.uri_mut() = kept.uri.clone();
        *request.version_mut() = kept.version;
        *request.headers_mut() = kept.headers.clone();
        *request.extensions_mut() = kept.extensions.clone();
        Some(request)
    }

    fn mark(&self, request: &mut Self::Request, attempt: Attempt) {
        request.extensions_mut().insert(attempt);
    }
}

impl<B, ResBody, Err> RetryPolicy<Request<B>, Response<ResBody>, Err> for HttpRetry
where
    B: Body<Data = Bytes>,
    Err: AsRejection,
{
    fn verdict(&self, kept: &Self::Kept, result: Result<&Response<ResBody>, &Err>) -> Verdict {
        match result {
            Ok(response) if !kept.idempotent && Self::may_pass(response.status()) => Verdict::CannotRepeat,
            Err(error)
                if !kept.idempotent && !error.nothing_sent() && of_error(error) != Outcome::Neutral =>
            {
                Verdict::CannotRepeat
            }
            Ok(response) if !Self::may_pass(response.status()) => Verdict::Done,
            // an answer before the request's end: the service has made up its mind about what it has seen
            Ok(_) if !kept.body.is_complete() => Verdict::CannotRepeat,
            Ok(response) => Verdict::Retry { not_before: retry_after(response.headers(), SystemTime::now()) },
            Err(error) if of_error(error) == Outcome::Neutral => Verdict::Done,
            Err(_) => Verdict::Retry { not_before: None },
        }
    }
}
