//! The service itself: answers, and what the plan makes of them.

#[cfg(test)]
mod tests;

use crate::plan::{Kind, Plan};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Bodies up to here are echoed.
const BODY_LIMIT: usize = 64 * 1_024;
const SLOW: Duration = Duration::from_millis(250);
/// How long to wait after a failed accept: the process is out of descriptors, and trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the plan has it crash; `elapsed` of the timeline lies behind it.
pub async fn serve(listener: TcpListener, plan: Plan, elapsed: Duration) {
    let crash = plan.next_crash(elapsed).map(|moment| Instant::now() + (moment - elapsed));
    let service = Arc::new(Service { plan, elapsed, started: Instant::now(), requests: AtomicU64::new(0) });
    let crashed = async {
        match crash {
            Some(moment) => tokio::time::sleep_until(moment).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = crashed => {}
        () = accept(&listener, service) => {}
    }
}

async fn accept(listener: &TcpListener, service: Arc<Service>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connection(stream, Arc::clone(&service)),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn connection(stream: TcpStream, service: Arc<Service>) {
    // an error means slower answers, no more
    let _nagle_stays = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    // how a connection ends is the client's business
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
}

struct Service {
    plan: Plan,
    elapsed: Duration,
    started: Instant,
    requests: AtomicU64,
}

impl Service {
    async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Error: Into<BoxError>>,
    {
        if request.uri().path() == "/health" {
            return self.health();
        }
        let n = self.requests.fetch_add(1, Ordering::Relaxed);
        let incident = self.plan.at(self.moment()).filter(|incident| self.plan.strikes(incident, n));
        tokio::time::sleep(self.plan.latency(n)).await;
        match incident.map(|incident| incident.kind) {
            Some(Kind::Slow(extra)) => tokio::time::sleep(extra).await,
            Some(Kind::Errors) => {
                return json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "on purpose"}));
            }
            Some(Kind::Hang) => std::future::pending().await,
            Some(Kind::Crash) | None => {}
        }
        route(request).await
    }

    /// What the plan says, without delay: a health check that lies helps nobody.
    fn health(&self) -> Response<Full<Bytes>> {
        match self.plan.at(self.moment()).map(|incident| incident.kind) {
            Some(kind @ (Kind::Errors | Kind::Hang)) => {
                json(StatusCode::SERVICE_UNAVAILABLE, &json!({"healthy": false, "because": kind.label()}))
            }
            _ => json(StatusCode::OK, &json!({"healthy": true})),
        }
    }

    fn moment(&self) -> Duration {
        self.elapsed + self.started.elapsed()
    }
}

async fn route<B: Body<Error: Into<BoxError>>>(request: Request<B>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    match (&parts.method, path.strip_prefix("/items/")) {
        (&Method::GET, Some(id)) if !id.is_empty() && !id.contains('/') => {
            json(StatusCode::OK, &json!({"id": id, "name": format!("item {id}"), "in_stock": true}))
        }
        (&Method::GET, None) if path == "/slow" => {
            tokio::time::sleep(SLOW).await;
            json(StatusCode::OK, &json!({"slow": true}))
        }
        (&Method::POST, None) if path == "/orders" => {
            let key = parts.headers.get("idempotency-key").map(HeaderValue::as_bytes).unwrap_or_default();
            order(&String::from_utf8_lossy(key), body).await
        }
        (_, Some(_)) | (_, None) if matches!(path, "/slow" | "/orders") => {
            json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "method not allowed"}))
        }
        _ => json(StatusCode::NOT_FOUND, &json!({"error": "not found"})),
    }
}

async fn order<B: Body<Error: Into<BoxError>>>(key: &str, body: B) -> Response<Full<Bytes>> {
    match Limited::new(body, BODY_LIMIT).collect().await.map(|body| body.to_bytes()) {
        Ok(body) => {
            let body = String::from_utf8_lossy(&body);
            json(StatusCode::CREATED, &json!({"idempotency_key": key, "order": body}))
        }
        Err(_) => json(StatusCode::PAYLOAD_TOO_LARGE, &json!({"error": "too large or cut off"})),
    }
}

fn json(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
