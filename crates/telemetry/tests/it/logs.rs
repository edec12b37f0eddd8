use crate::agent::{Agent, PATIENCE};
use crate::receiver;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use seaworthy_telemetry::logs::otlp::{Exporter, Settings};
use seaworthy_telemetry::metrics::Registry;
use std::borrow::Cow;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn redact(line: &str) -> Cow<'_, str> {
    if line.contains("hunter2") { Cow::Owned(line.replace("hunter2", "***")) } else { Cow::Borrowed(line) }
}

fn exporter(endpoint: String, metrics: &Registry) -> Exporter {
    // never by itself
    let delay = Duration::from_secs(86_400);
    let settings =
        Settings { endpoint, service: "shop-front".to_owned(), queue: 100, delay, timeout: PATIENCE };
    Exporter::start(&settings, metrics, redact).unwrap()
}

fn during(exporter: &Exporter, log: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(Some(exporter.clone()));
    tracing::subscriber::with_default(subscriber, log);
}

fn said() {
    tracing::info!(orders = 7u64, ratio = 0.5, open = true, user = "mallory:hunter2", "shop is open");
    let request = tracing::info_span!("request", trace_id = TRACE, span_id = SPAN);
    request.in_scope(|| {
        let attempt = tracing::info_span!("attempt", number = 2);
        attempt.in_scope(|| tracing::warn!("upstream is slow"));
        tracing::error!(trace_id = "0af7651916cd43dd8448eb211c80319c", "another request's");
    });
    let later = tracing::info_span!("request", trace_id = tracing::field::Empty);
    later.record("trace_id", TRACE);
    later.in_scope(|| tracing::debug!(trace_id = "no id", "told later"));
}

fn texts(record: &LogRecord) -> String {
    format!("{:?} {:?}", record.body, record.attributes)
}

#[test]
fn events_arrive_as_otlp_over_http() {
    let (endpoint, exports) = receiver::start::<ExportLogsServiceRequest>("/v1/logs", "200 OK");
    let metrics = Registry::new();
    let exporter = exporter(endpoint, &metrics);
    during(&exporter, said);
    exporter.shutdown(PATIENCE).unwrap();
    let export = exports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(export.request_line, "POST /v1/logs HTTP/1.1");
    assert_eq!(export.content_type, "application/x-protobuf");
    let resource = &export.body.resource_logs[0];
    assert!(format!("{:?}", resource.resource).contains("shop-front"));
    let records: Vec<&LogRecord> = resource.scope_logs.iter().flat_map(|scope| &scope.log_records).collect();
    let [open, slow, other, later] = records[..] else { panic!("{records:#?}") };

    let text = texts(open);
    for part in ["shop is open", "IntValue(7)", "DoubleValue(0.5)", "BoolValue(true)", "mallory:***"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert_eq!((open.severity_text.as_str(), open.severity_number, open.trace_id.len()), ("INFO", 9, 0));
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((hex(&slow.trace_id).as_str(), hex(&slow.span_id).as_str()), (TRACE, SPAN));
    assert_eq!((slow.severity_text.as_str(), slow.severity_number), ("WARN", 13));
    assert_eq!(hex(&other.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&later.trace_id), TRACE);
    assert!(texts(later).contains("no id"), "{}", texts(later));
    assert!(metrics.render().contains("seaworthy_logs_events_total{outcome=\"sent\"} 4"));
}

#[test]
fn events_after_the_end_are_dropped_and_counted() {
    let (endpoint, exports) = receiver::start::<ExportLogsServiceRequest>("/v1/logs", "200 OK");
    let metrics = Registry::new();
    let exporter = exporter(endpoint, &metrics);
    exporter.shutdown(PATIENCE).unwrap();
    during(&exporter, || (0..5).for_each(|number| tracing::info!(number, "after the end")));
    let text = metrics.render();
    assert!(text.contains("seaworthy_logs_events_total{outcome=\"dropped\"} 5"), "{text}");
    assert!(exports.try_recv().is_err());
}

#[test]
fn a_receiver_that_refuses_is_reported_and_counted() {
    let (endpoint, exports) = receiver::start::<ExportLogsServiceRequest>("/v1/logs", "400 Bad Request");
    let metrics = Registry::new();
    let exporter = exporter(endpoint, &metrics);
    during(&exporter, || {
        tracing::info!("shop is open");
        exporter.flush().unwrap_err();
    });
    exports.recv_timeout(PATIENCE).unwrap();
    exporter.shutdown(PATIENCE).unwrap();
    let text = metrics.render();
    assert!(text.contains("seaworthy_logs_events_total{outcome=\"failed\"} 1"), "{text}");
    assert!(exports.try_recv().is_err());
}

#[test]
#[ignore = "needs the rotel agent"]
fn rotel_understands_the_log() {
    let agent = Agent::start("logs");
    let exporter = exporter(agent.endpoint(), &Registry::new());
    during(&exporter, said);
    exporter.shutdown(PATIENCE).unwrap();
    agent.shows(&["shop-front", "shop is open", "upstream is slow", TRACE]);
}
