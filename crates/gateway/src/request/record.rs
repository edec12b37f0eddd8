//! What is kept of a request once its last byte has left.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;
use seaworthy_telemetry::access::{AccessLog, Record};
use tokio::time::Instant;

use super::Exchange;
use crate::body::{Outcome, ResponseBody, Watcher};
use crate::metrics::{self, Finished};

/// Follows the answer to its end.
pub(super) fn watch(exchange: Box<Exchange>, response: Response<ResponseBody>) -> Response<ResponseBody> {
    let info = &exchange.info;
    info.sending.set(info.sending.get() + 1);
    info.moved.set(Instant::now());
    response.map(|body| body.watched(Box::new(Recorder(Some(exchange)))))
}

struct Recorder(Option<Box<Exchange>>);

impl Recorder {
    fn close(&mut self, sent: u64, reason: Option<&'static str>) {
        let Some(exchange) = self.0.take() else { return };
        exchange.info.sending.set(exchange.info.sending.get().saturating_sub(1));
        exchange.sent.set(sent);
        if reason.is_some() {
            exchange.reason.set(reason);
        }
    }
}

impl Watcher for Recorder {
    fn data(&mut self, _data: &Bytes) {
        if let Some(exchange) = self.0.as_ref().filter(|exchange| exchange.info.guard.is_none()) {
            exchange.info.moved.set(Instant::now());
        }
    }

    fn end(&mut self, outcome: Outcome, sent: u64) {
        self.close(sent, (outcome == Outcome::Broken).then_some("response_broke_off"));
    }

    fn cut(&mut self, sent: u64) {
        self.close(sent, Some("client_left"));
    }
}

/// Whatever becomes of an exchange, it is counted once: also one whose client left before there was an answer.
impl Drop for Exchange {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        let (status, took) = (self.status.get(), self.started.elapsed());
        if status.as_u16() == 499 && self.reason.get().is_none() {
            self.reason.set(Some("client_left"));
        }
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
        if let Some(log) = &self.core.access
            && log.wants(status.as_u16(), took)
        {
            self.write(log, took);
        }
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

impl Exchange {
    fn write(&self, log: &AccessLog, duration: Duration) {
        let endpoint = self.trail.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        log.write(&Record {
            time: SystemTime::now(),
            request_id: Some(&self.id),
            trace_id: Some(self.trace_id),
            method: self.method.as_str(),
            host: self.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default(),
            target: self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str),
            route: self.route.as_ref().map_or("", |route| &*route.settings.name),
            service: self.service.as_deref().unwrap_or_default(),
            endpoint: endpoint.as_deref().unwrap_or_default(),
            status: self.status.get().as_u16(),
            duration,
            bytes_in: self.fate.bytes.get(),
            bytes_out: self.sent.get(),
            client: Some(self.origin.client),
            protocol: match self.version {
                http::Version::HTTP_2 => "HTTP/2.0",
                http::Version::HTTP_10 => "HTTP/1.0",
                _ => "HTTP/1.1",
            },
            attempts: self.trail.attempts.load(Ordering::Relaxed),
            reason: self.reason.get().unwrap_or_default(),
            user_agent: self.user_agent.as_ref().map_or(&[][..], |agent| agent.as_bytes()),
            headers: &[],
        });
    }
}
