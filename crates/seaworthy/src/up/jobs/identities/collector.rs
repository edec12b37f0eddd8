//! Audit entries to a collector of OpenTelemetry: log records over HTTP, in protobuf.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use seaworthy_identity::audit::{Exporter, Outcome, Recorded};

/// A receiver that takes nothing for so long is called anew.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends entries to a receiver.
#[derive(Debug)]
pub(super) struct Collector {
    url: String,
    client: reqwest::Client,
}

impl Collector {
    pub(super) fn new(url: String) -> Self {
        Self { url, client: reqwest::Client::new() }
    }

    async fn send(&self, entries: &[Recorded]) -> Result<(), String> {
        let request = self.client.post(&self.url).timeout(PATIENCE);
        let request = request.header(http::header::CONTENT_TYPE, "application/x-protobuf");
        let answer = request.body(request_of(entries).encode_to_vec()).send().await;
        let status = answer.map_err(|error| error.without_url().to_string())?.status();
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("the receiver answered {status}")),
        }
    }
}

impl Exporter for Collector {
    fn export<'a>(&'a self, entries: &'a [Recorded]) -> BoxFuture<'a, Result<(), String>> {
        self.send(entries).boxed()
    }
}

fn request_of(entries: &[Recorded]) -> ExportLogsServiceRequest {
    let resource = Resource { attributes: vec![text("service.name", "seaworthy")], ..Resource::default() };
    let scope =
        InstrumentationScope { name: "seaworthy.audit".to_owned(), ..InstrumentationScope::default() };
    let logs = ScopeLogs {
        scope: Some(scope),
        log_records: entries.iter().map(record).collect(),
        ..ScopeLogs::default()
    };
    let logs = ResourceLogs { resource: Some(resource), scope_logs: vec![logs], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![logs] }
}

fn record(entry: &Recorded) -> LogRecord {
    let severity = match entry.outcome() {
        Outcome::Success => SeverityNumber::Info,
        Outcome::Failure | Outcome::Denied => SeverityNumber::Warn,
    };
    let parts = [
        ("seaworthy.audit.actor", Some(entry.actor())),
        ("seaworthy.audit.actor_name", Some(entry.actor_name())),
        ("seaworthy.audit.action", Some(entry.action())),
        ("seaworthy.audit.resource", Some(entry.resource())),
        ("seaworthy.audit.outcome", Some(entry.outcome().as_str())),
        ("seaworthy.audit.reason", entry.reason()),
        ("seaworthy.audit.before", entry.before()),
        ("seaworthy.audit.after", entry.after()),
        ("client.address", entry.client()),
        ("seaworthy.request_id", entry.request_id()),
    ];
    let hash: String = entry.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut attributes: Vec<_> =
        parts.into_iter().filter_map(|(key, value)| Some(text(key, value?))).collect();
    attributes.push(text("seaworthy.audit.hash", &hash));
    for (key, number) in [("seaworthy.audit.seq", entry.seq), ("seaworthy.audit.count", entry.count())] {
        attributes.push(pair(key, Value::IntValue(i64::try_from(number).unwrap_or(i64::MAX))));
    }
    LogRecord {
        time_unix_nano: u64::try_from(entry.at.as_micros()).unwrap_or(0).saturating_mul(1_000),
        observed_time_unix_nano: now(),
        severity_number: severity.into(),
        severity_text: if severity == SeverityNumber::Info { "INFO" } else { "WARN" }.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(entry.action().to_owned())) }),
        attributes,
        trace_id: entry.trace_id().and_then(trace).unwrap_or_default(),
        ..LogRecord::default()
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The sixteen bytes of a trace's id.
fn trace(digits: &str) -> Option<Vec<u8>> {
    let id = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(id.to_be_bytes().to_vec())
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
