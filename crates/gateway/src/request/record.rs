//! What is kept of a request once its last byte has left.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;
use seaworthy_telemetry::access::{AccessLog, Record};
use seaworthy_telemetry::story::Ending;
use seaworthy_telemetry::traces::RequestSpan;
use tokio::time::Instant;

use super::Exchange;
use crate::body::{Outcome, ResponseBody, Watcher};
use crate::metrics::{self, BROKE_OFF, Finished};

/// Follows the answer to its end.
pub(super) fn watch(exchange: Box<Exchange>, response: Response<ResponseBody>) -> Response<ResponseBody> {
    let info = &exchange.info;
    info.unread.set(info.unread.get() + 1);
    if info.guard.is_none() {
        info.moved.set(Instant::now()); // the guard of HTTP/1 has a clock of its own
    }
    response.map(|body| body.watched(exchange))
}

impl Exchange {
    /// The answer is over: what is known of it now is kept by the drop that follows.
    fn close(&mut self, sent: u64, reason: Option<&'static str>) {
        if !std::mem::take(&mut self.starved) {
            self.info.unread.set(self.info.unread.get().saturating_sub(1));
        }
        self.sent.set(sent);
        if reason.is_some() {
            self.reason.set(reason);
        }
    }
}

impl Watcher for Exchange {
    fn data(&mut self, _data: &Bytes) {
        if self.info.guard.is_none() {
            self.info.moved.set(Instant::now());
        }
        if std::mem::take(&mut self.starved) {
            self.info.unread.set(self.info.unread.get() + 1);
        }
    }

    fn starved(&mut self) {
        if !std::mem::replace(&mut self.starved, true) {
            self.info.unread.set(self.info.unread.get().saturating_sub(1));
        }
    }

    fn end(&mut self, outcome: Outcome, sent: u64) {
        self.close(sent, (outcome == Outcome::Broken).then_some(BROKE_OFF));
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
        let now = Instant::now();
        let (status, took) = (self.status.get(), now.saturating_duration_since(self.started));
        if status.as_u16() == 499 && self.reason.get().is_none() {
            self.reason.set(Some("client_left"));
        }
        self.info.answered(now);
        let asked = self.asked_for();
        self.core.meters.request_finished(&Finished {
            route: self.route.as_ref().map(|route| (route.index, &*route.settings.name)),
            service: self.service.as_deref().unwrap_or_default(),
            method: asked.method,
            status,
            version: self.version,
            tls: self.info.tls,
            reason: self.reason.get(),
            took,
            trace: self.is_recorded().then_some(self.trace_id),
        });
        if let Some(log) = &self.core.access
            // an answer that broke off is a failure, whatever status it began with
            && (self.reason.get() == Some(BROKE_OFF) || log.wants(status.as_u16(), took))
        {
            self.write(log, &asked, took);
        }
        self.end_story(&asked, now);
        self.end_span(&asked);
    }
}

/// What a client asked for, as far as that is known.
struct Asked<'a> {
    method: &'static str,
    /// As the client wrote it.
    verb: &'a str,
    host: &'a str,
    target: &'a str,
    path: &'a str,
    known: bool,
}

/// Of a request that was refused for its framing nothing is known for sure: what stands in for it is ours, and must
/// not be shown as the client's.
const REFUSED: Asked<'_> =
    Asked { method: metrics::OTHER_METHOD, verb: "-", host: "-", target: "-", path: "", known: false };

impl Exchange {
    fn asked_for(&self) -> Asked<'_> {
        if self.info.guard.as_ref().is_some_and(|guard| guard.is_substitute(self.host.as_ref())) {
            return REFUSED;
        }
        Asked {
            method: metrics::method_name(&self.method),
            verb: self.method.as_str(),
            host: self.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default(),
            target: self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str),
            path: self.uri.path(),
            known: true,
        }
    }

    fn end_span(&self, asked: &Asked<'_>) {
        let span = self.trail.span.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut span) = span else { return };
        if span.is_recording() {
            let route = self.route.as_ref().map_or("", |route| &*route.settings.name);
            span.rename(|| format!("{} {route}", asked.method).trim_end().to_owned());
            span.attribute("http.request.method", asked.method);
            span.attribute("http.route", route);
            span.attribute("url.path", asked.path);
            span.attribute("url.scheme", if self.origin.secure { "https" } else { "http" });
            span.attribute("network.protocol.version", metrics::version_name(self.version));
            span.attribute("client.address", self.origin.client.to_string().as_str());
            span.attribute("seaworthy.request_id", self.id.as_str());
        }
        span.end(Some(self.status.get().as_u16()), self.reason.get());
    }
}

impl Exchange {
    /// Whether others can look its trace up.
    fn is_recorded(&self) -> bool {
        let span = self.trail.span.lock().unwrap_or_else(PoisonError::into_inner);
        span.as_ref().is_some_and(RequestSpan::is_recording)
    }

    fn end_story(&self, asked: &Asked<'_>, now: Instant) {
        let Some(stories) = &self.core.stories else { return };
        let story = self.trail.story.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut story) = story else { return };
        if let Some(how) = &*self.cache_status.borrow() {
            let part = story.begin("cache", None, self.started.into_std());
            story.attribute(part, "cache.status", how.clone());
        }
        if let Some(caller) = &self.caller {
            let part = story.begin("access", None, self.started.into_std());
            story.attribute(part, "method", caller.method);
            story.attribute(part, "enduser.id", Arc::clone(&caller.subject));
        }
        let ending = Ending {
            route: self.route.as_ref().map_or("", |route| &*route.settings.name),
            service: self.service.as_deref().unwrap_or_default(),
            method: asked.method,
            path: asked.path,
            status: self.status.get().as_u16(),
            reason: self.reason.get(),
            ..Ending::new(self.id, self.trace_id)
        };
        stories.finish(story, &ending, now.into_std());
    }

    /// The headers that the log wants, several lines of one joined.
    fn logged_headers(&self) -> Vec<(&str, Vec<u8>)> {
        let mut joined: Vec<(&str, Vec<u8>)> = Vec::new();
        for (at, value) in &self.logged {
            let Some(name) = self.core.logged.get(*at).map(http::HeaderName::as_str) else { continue };
            match joined.last_mut().filter(|(last, _)| *last == name) {
                Some((_, line)) => line.extend([b", ", value.as_bytes()].concat()),
                None => joined.push((name, value.as_bytes().to_vec())),
            }
        }
        joined
    }

    fn write(&self, log: &AccessLog, asked: &Asked<'_>, duration: Duration) {
        let joined = if asked.known { self.logged_headers() } else { Vec::new() };
        let headers: Vec<_> = joined.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let endpoint = self.trail.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        log.write(&Record {
            time: SystemTime::now(),
            request_id: Some(&self.id),
            trace_id: Some(self.trace_id),
            method: asked.verb,
            host: asked.host,
            target: asked.target,
            route: self.route.as_ref().map_or("", |route| &*route.settings.name),
            service: self.service.as_deref().unwrap_or_default(),
            endpoint: endpoint.as_deref().unwrap_or_default(),
            status: self.status.get().as_u16(),
            duration,
            bytes_in: self.fate.as_ref().map_or(0, |fate| fate.bytes.get()),
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
            headers: &headers,
        });
    }
}
