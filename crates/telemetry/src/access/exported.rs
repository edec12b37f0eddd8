//! A record as a log record of OpenTelemetry, with the names of its semantic conventions where they have one.

use super::redact::Redaction;
use super::{Record, Settings};
use crate::logs::otlp::Exporter;
use opentelemetry::logs::{AnyValue, LogRecord};
use opentelemetry::{SpanId, TraceFlags, TraceId};
use tracing::Level;

/// `target` of what is sent: by it access log and program log are told apart.
const TARGET: &str = "seaworthy::access";

pub(super) fn send(record: &Record<'_>, settings: &Settings, redaction: &Redaction, to: &Exporter) {
    let level = if record.status >= 500 { Level::ERROR } else { Level::INFO };
    to.record(level, |out| {
        out.set_timestamp(record.time);
        out.set_target(TARGET);
        if let Some(trace) = record.trace_id {
            out.set_trace_context(TraceId::from_bytes(trace), SpanId::INVALID, Some(TraceFlags::default()));
        }
        let target = redaction.target(record.target);
        out.set_body(format!("{} {target} {}", record.method, record.status).into());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let version = record.protocol.strip_prefix("HTTP/").unwrap_or(record.protocol);
        let client = record.client.map(|client| client.to_string()).unwrap_or_default();
        let agent = redaction.header("user-agent", record.user_agent);
        for (name, value) in [
            ("http.request.method", record.method),
            ("server.address", record.host),
            ("url.path", path),
            ("url.query", query),
            ("http.route", record.route),
            ("network.protocol.version", version),
            ("client.address", &client),
            ("user_agent.original", &agent),
            ("seaworthy.request_id", record.request_id.map_or("", |id| id.as_str())),
            ("seaworthy.service", record.service),
            ("seaworthy.endpoint", record.endpoint),
            ("seaworthy.reason", record.reason),
        ] {
            if !value.is_empty() {
                out.add_attribute(name, AnyValue::from(value.to_owned()));
            }
        }
        for (name, value) in [
            ("http.response.status_code", u64::from(record.status)),
            ("http.request.body.size", record.bytes_in),
            ("http.response.body.size", record.bytes_out),
            ("seaworthy.attempts", u64::from(record.attempts)),
        ] {
            out.add_attribute(name, i64::try_from(value).unwrap_or(i64::MAX));
        }
        out.add_attribute("seaworthy.duration_s", record.duration.as_secs_f64());
        let wanted =
            record.headers.iter().filter(|(name, _)| settings.headers.iter().any(|kept| kept == name));
        for (name, value) in wanted {
            let value = redaction.header(name, value).into_owned();
            out.add_attribute(format!("http.request.header.{name}"), AnyValue::from(value));
        }
    });
}
