//! What is kept of a request once its last byte has left.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use http::Response;
use seaworthy_telemetry::access::Record;

use super::Exchange;
use crate::body::{Outcome, ResponseBody, Watcher};
use crate::metrics::{self, Finished};

/// Follows the answer to its end.
pub(super) fn watch(exchange: Box<Exchange>, response: Response<ResponseBody>) -> Response<ResponseBody> {
    response.map(|body| body.watched(Box::new(Recorder(Some(exchange)))))
}

struct Recorder(Option<Box<Exchange>>);

impl Watcher for Recorder {
    fn end(&mut self, outcome: Outcome, sent: u64) {
        if let Some(exchange) = self.0.take() {
            if outcome == Outcome::Broken {
                exchange.reason.set(Some("response_broke_off"));
            }
            record(&exchange, sent);
        }
    }

    fn cut(&mut self, sent: u64) {
        if let Some(exchange) = self.0.take() {
            exchange.reason.set(Some("client_left"));
            record(&exchange, sent);
        }
    }
}

/// An exchange that never got an answer to watch (its connection went away, or was cut) is counted all the same.
impl Drop for Exchange {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        let status = self.status.get();
        let took = self.started.elapsed();
        self.info.answered();
        self.core.meters.request_finished(&Finished {
            route: self.route.as_ref().map(|route| (route.index, &*route.settings.name)),
            service: self.service.as_deref().unwrap_or_default(),
            method: &self.method,
            status,
            version: self.version,
            tls: self.info.tls,
            reason: self.reason.get(),
            took,
        });
        self.end_span();
    }
}

impl Exchange {
    fn end_span(&self) {
        let span = self.trail.span.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut span) = span else { return };
        if span.is_recording() {
            let route = self.route.as_ref().map_or("", |route| &*route.settings.name);
            span.rename(|| format!("{} {route}", metrics::method_name(&self.method)));
            span.attribute("http.request.method", metrics::method_name(&self.method));
            span.attribute("http.route", route);
            span.attribute("url.path", self.uri.path());
            span.attribute("url.scheme", if self.origin.secure { "https" } else { "http" });
            span.attribute("network.protocol.version", metrics::version_name(self.version));
            span.attribute("client.address", self.origin.client.to_string().as_str());
            span.attribute("seaworthy.request_id", self.id.as_str());
        }
        span.end(Some(self.status.get().as_u16()), self.reason.get());
    }
}

fn record(exchange: &Exchange, sent: u64) {
    let Some(log) = &exchange.core.access else { return };
    let (status, duration) = (exchange.status.get().as_u16(), exchange.started.elapsed());
    if !log.wants(status, duration) {
        return;
    }
    let endpoint = exchange.trail.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
    log.write(&Record {
        time: SystemTime::now(),
        request_id: Some(&exchange.id),
        trace_id: Some(exchange.trace_id),
        method: exchange.method.as_str(),
        host: exchange.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default(),
        target: exchange.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str),
        route: exchange.route.as_ref().map_or("", |route| &*route.settings.name),
        service: exchange.service.as_deref().unwrap_or_default(),
        endpoint: endpoint.as_deref().unwrap_or_default(),
        status,
        duration,
        bytes_in: exchange.fate.bytes.get(),
        bytes_out: sent,
        client: Some(exchange.origin.client),
        protocol: match exchange.version {
            http::Version::HTTP_2 => "HTTP/2.0",
            http::Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        },
        attempts: exchange.trail.attempts.load(Ordering::Relaxed),
        reason: exchange.reason.get().unwrap_or_default(),
        user_agent: exchange.user_agent.as_ref().map_or(&[][..], |agent| agent.as_bytes()),
        headers: &[],
    });
}
