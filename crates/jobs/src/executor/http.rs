//! Makes an HTTP call, through the same policies as everything that calls out.
//!
//! Every attempt of a job carries the same `Idempotency-Key`. A 2xx completes the job; 408, 425, 429 and 5xx fail it
//! until its attempts are used up, not before `Retry-After`; anything else is final at once. Where a policy of ours
//! refuses the call, the job is put off and no attempt is counted: nobody was called.

mod direct;
mod transport;

pub use direct::{Addresses, Direct};
use transport::Broken;
pub use transport::Transport;

use crate::worker::{Context, Done, Failed, Worker};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use seaworthy_resilience::http::{ReplayBody, retry_after};
use seaworthy_resilience::stack::{HttpRules, Settings, Stack};
use seaworthy_resilience::{Rejection, breaker};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tower::{Layer, ServiceExt, service_fn};

/// Hosts whose breakers and limits are remembered.
const MOST_HOSTS: u64 = 256;
/// How much of an answer is kept unless said otherwise.
const DEFAULT_ANSWER: usize = 64 << 10;
/// How long a refused call is put off where the policy does not say.
const PUT_OFF: Duration = Duration::from_secs(5);

/// A call that is put off at once would only turn in a circle.
const SHORTEST: Duration = Duration::from_millis(100);

type HostStack = Stack<
    seaworthy_resilience::http::HttpClassify,
    seaworthy_resilience::http::HttpRetry,
    seaworthy_resilience::http::LiftLast,
    seaworthy_resilience::http::HttpScene,
>;

/// The arguments of an `http` job.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpArgs {
    /// `POST` unless said.
    #[serde(default)]
    pub method: Option<String>,
    /// `http://…` or `https://…`.
    pub url: String,
    /// Headers. Those of the connection, and the idempotency key, are ours.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Sent as JSON.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// Sent as it is.
    #[serde(default)]
    pub body: Option<String>,
}

/// The worker of kind `http`.
pub struct HttpWorker {
    transport: Arc<dyn Transport>,
    settings: Settings,
    stacks: moka::sync::Cache<String, Arc<HostStack>>,
    most: usize,
}

impl std::fmt::Debug for HttpWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpWorker").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl HttpWorker {
    /// With a time limit of 30 s per call and a breaker per host, open for 5 s at first and 30 s at the most: jobs wait
    /// anyway, and others of the same host should not wait for long. Jobs do the retrying.
    pub fn new(transport: impl Transport) -> Self {
        let breaker = breaker::Settings {
            open_for: Duration::from_secs(5),
            open_max: Duration::from_secs(30),
            ..breaker::Settings::default()
        };
        let settings = Settings {
            attempt_timeout: Some(Duration::from_secs(30)),
            breaker: Some(breaker),
            ..Settings::none()
        };
        Self::with_settings(transport, settings)
    }

    /// With policies of the caller's, for each host its own.
    pub fn with_settings(transport: impl Transport, settings: Settings) -> Self {
        let stacks = moka::sync::Cache::new(MOST_HOSTS);
        Self { transport: Arc::new(transport), settings, stacks, most: DEFAULT_ANSWER }
    }

    /// Keeps so many bytes of an answer.
    #[must_use]
    pub const fn answer(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    async fn call(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Broken> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let stack = self.stacks.get_with_by_ref(&host, || {
            let stack: HostStack = Stack::new(self.settings.clone(), HttpRules::http());
            tell_of_breaker(&host, &stack);
            Arc::new(stack)
        });
        let (transport, most) = (Arc::clone(&self.transport), self.most);
        let send = service_fn(move |request: Request<ReplayBody<ReplayBody<Full<Bytes>>>>| {
            let transport = Arc::clone(&transport);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.map_err(Broken::other)?.to_bytes();
                // the answer is read within the policies: its time limit and its faults are part of the call
                let answer = transport.send(Request::from_parts(parts, body), most).await;
                let answer = answer.map_err(Broken::of)?;
                Ok::<_, Broken>(answer.map(Full::new))
            }
        });
        let answer = stack.layer().layer(send).oneshot(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(Broken::other)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

impl Worker for HttpWorker {
    type Args = HttpArgs;

    fn kind(&self) -> &str {
        "http"
    }

    async fn work(&self, args: HttpArgs, context: Context) -> Result<Done, Failed> {
        let request = request(args, &context)?;
        let answer = tokio::select! {
            answer = self.call(request) => answer,
            () = context.cancelled() => return Err(Failed::new("cancelled", "called off while waiting for the answer")),
        };
        match answer {
            Ok(answer) => conclude(&answer),
            Err(error) => refused(error),
        }
    }
}

/// Says when calls to a host are put off, and when they are made again: a job that waits does not say why.
fn tell_of_breaker(host: &str, stack: &HostStack) {
    let Some(breaker) = stack.breaker() else { return };
    let host = host.to_owned();
    breaker.subscribe(Box::new(move |change| match change.to {
        breaker::Phase::Open => {
            let why = change.trip.map(|trip| trip.to_string()).unwrap_or_default();
            tracing::warn!(host, why, "calls of jobs to this host are put off: circuit breaker opened");
        }
        breaker::Phase::Closed => tracing::info!(host, "calls of jobs to this host are made again"),
        breaker::Phase::HalfOpen | breaker::Phase::Isolated => {}
    }));
}

fn request(args: HttpArgs, context: &Context) -> Result<Request<Full<Bytes>>, Failed> {
    let wrong = |what: &str| Failed::permanent("arguments", format!("{what} cannot be used"));
    let uri: Uri = args.url.parse().map_err(|_| wrong("url"))?;
    if uri.authority().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("url"));
    }
    let method = args.method.as_deref().unwrap_or("POST").parse::<Method>().map_err(|_| wrong("method"))?;
    let mut headers = HeaderMap::new();
    let body = match (args.json, args.body) {
        (Some(_), Some(_)) => return Err(wrong("json together with body")),
        (Some(json), None) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            json.to_string()
        }
        (None, body) => body.unwrap_or_default(),
    };
    for (name, value) in &args.headers {
        let name = name.parse::<HeaderName>().map_err(|_| wrong("a header"))?;
        if is_ours(&name) {
            return Err(wrong(&format!("header {name}")));
        }
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong("a header"))?);
    }
    let ascii = |text: String| HeaderValue::from_str(&text).map_err(|_| wrong("a header"));
    headers.insert("idempotency-key", ascii(context.idempotency_key().to_string())?);
    headers.insert("traceparent", ascii(context.trace().to_string())?);
    let mut request = Request::new(Full::new(Bytes::from(body)));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
    Ok(request)
}

/// What decides about the connection and the message's framing, or is made from the job.
fn is_ours(name: &HeaderName) -> bool {
    const OURS: [&str; 9] = [
        "connection",
        "content-length",
        "transfer-encoding",
        "upgrade",
        "te",
        "trailer",
        "keep-alive",
        "idempotency-key",
        "traceparent",
    ];
    *name == HOST || OURS.contains(&name.as_str())
}

fn conclude(answer: &Response<Bytes>) -> Result<Done, Failed> {
    let status = answer.status();
    let body = String::from_utf8_lossy(answer.body());
    if status.is_success() {
        return Ok(Done::with(&serde_json::json!({ "status": status.as_u16(), "body": body })));
    }
    let (code, text) = (format!("http_{}", status.as_u16()), format!("answered {status}: {body}"));
    let passes =
        matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
            || status.is_server_error();
    if !passes {
        return Err(Failed::permanent(code, text));
    }
    let failed = Failed::new(code, text);
    Err(match retry_after(answer.headers(), SystemTime::now()) {
        Some(pause) => failed.retry_after(pause),
        None => failed,
    })
}

fn refused(broken: Broken) -> Result<Done, Failed> {
    match broken {
        Broken::Other(text) => Err(Failed::new("unreachable", text)),
        // at the next attempt the configuration is the same
        Broken::NotAllowed(text) => Err(Failed::permanent("address", text)),
        Broken::Rejected(Rejection::BreakerOpen { retry_after, .. }) => {
            Ok(Done::Snooze(retry_after.unwrap_or(PUT_OFF).max(SHORTEST)))
        }
        Broken::Rejected(Rejection::RateLimited { retry_after }) => {
            Ok(Done::Snooze(retry_after.max(SHORTEST)))
        }
        Broken::Rejected(rejection @ Rejection::TimedOut { .. }) => {
            Err(Failed::new("timeout", rejection.to_string()))
        }
        Broken::Rejected(rejection @ Rejection::Injected { .. }) => {
            Err(Failed::new("injected", rejection.to_string()))
        }
        Broken::Rejected(_) => Ok(Done::Snooze(PUT_OFF)),
    }
}
