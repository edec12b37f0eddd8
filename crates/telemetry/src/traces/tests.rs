use super::*;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use std::sync::Mutex;
use std::sync::mpsc;

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

fn always() -> Settings {
    Settings { sample: 1.0, ..Settings::default() }
}

fn tracer(settings: &Settings) -> (Tracer, Kept, Registry) {
    let (kept, metrics) = (Kept::default(), Registry::new());
    (Tracer::with_exporter(kept.clone(), settings, &metrics), kept, metrics)
}

fn counted(metrics: &Registry, outcome: &str) -> u64 {
    metrics.counter("seaworthy.traces.spans", "", &[("outcome", outcome.to_owned())]).value()
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|kv| kv.key.as_str() == key).map(|kv| kv.value.to_string())
}

#[test]
fn a_request_and_its_attempt_become_two_linked_spans() {
    let (tracer, kept, metrics) = tracer(&always());
    let parent = TraceContext::generate(true);
    let mut request = tracer.start_server(Some(parent), "request");
    request.attribute("http.route", "/items/{id}");
    request.rename(|| "GET /items/{id}".to_owned());
    let mut attempt = request.child("GET");
    attempt.attribute("http.request.resend_count", 1u32);
    let (request_context, attempt_context) = (request.context(), attempt.context());
    attempt.end(Some(503), None);
    request.end(Some(200), None);
    tracer.flush().unwrap();

    let spans = kept.0.lock().unwrap();
    let [attempt, request] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((request.span_kind.clone(), attempt.span_kind.clone()), (SpanKind::Server, SpanKind::Client));
    assert_eq!(request.span_context.trace_id().to_bytes(), parent.trace_id);
    assert_eq!(request.parent_span_id.to_bytes(), parent.span_id);
    assert!(request.parent_span_is_remote && !attempt.parent_span_is_remote);
    assert_eq!(attempt.parent_span_id.to_bytes(), request_context.span_id);
    assert_eq!(attempt.span_context.span_id().to_bytes(), attempt_context.span_id);
    assert_eq!(request.name, "GET /items/{id}");
    assert_eq!(attribute(request, "http.route").as_deref(), Some("/items/{id}"));
    assert_eq!(attribute(request, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(request.status, Status::Unset);
    assert_eq!(attribute(attempt, "error.type").as_deref(), Some("503"));
    assert_eq!(attempt.status, Status::error(""));
    assert!(attempt.end_time >= attempt.start_time);
    assert_eq!(counted(&metrics, "sent"), 2);
}

#[test]
fn a_clients_mistake_is_no_error_of_the_server() {
    let (tracer, kept, _) = tracer(&always());
    tracer.start_server(None, "a").end(Some(404), None);
    tracer.start_server(None, "b").end(None, Some("timeout"));
    tracer.flush().unwrap();
    let spans = kept.0.lock().unwrap();
    assert_eq!(spans[0].status, Status::Unset);
    assert_eq!(attribute(&spans[0], "error.type"), None);
    assert_eq!(attribute(&spans[1], "error.type").as_deref(), Some("timeout"));
    assert_eq!(attribute(&spans[1], "http.response.status_code"), None);
}

#[test]
fn what_is_dropped_before_its_end_was_cancelled() {
    let (tracer, kept, _) = tracer(&always());
    drop(tracer.start_server(None, "abandoned"));
    tracer.flush().unwrap();
    assert_eq!(attribute(&kept.0.lock().unwrap()[0], "error.type").as_deref(), Some("cancelled"));
}

#[test]
fn an_incoming_decision_holds_unless_told_otherwise() {
    let decide = |settings: &Settings, sampled| {
        let (tracer, ..) = tracer(settings);
        let span = tracer.start_server(Some(TraceContext::generate(sampled)), "x");
        assert_eq!(span.is_recording(), span.context().sampled);
        span.is_recording()
    };
    let never = Settings { sample: 0.0, ..Settings::default() };
    assert!(decide(&never, true));
    assert!(!decide(&always(), false));
    let own = |settings: Settings| Settings { parent_based: false, ..settings };
    assert!(!decide(&own(never), true));
    assert!(decide(&own(always()), false));
}

#[test]
fn the_ratio_is_kept_and_decides_by_the_trace_alone() {
    let settings = Settings { sample: 0.2, parent_based: false, queue: 1, ..Settings::default() };
    let ((one, ..), (other, ..)) = (tracer(&settings), tracer(&settings));
    let mut sampled = 0;
    for _ in 0..20_000 {
        let parent = TraceContext::generate(false);
        let decision = one.start_server(Some(parent), "x").is_recording();
        assert_eq!(other.start_server(Some(parent), "x").is_recording(), decision);
        sampled += usize::from(decision);
    }
    // nine standard deviations around 4,000
    assert!((3_490..4_510).contains(&sampled), "{sampled}");
}

#[test]
fn without_a_tracer_a_trace_passes_untouched() {
    let parent = TraceContext::generate(true);
    let span = Tracer::off().start_server(Some(parent), "x");
    assert_eq!(span.context(), parent);
    assert_eq!(span.child("y").context(), parent);
    assert!(!span.is_recording());
    assert!(!Tracer::off().start_server(None, "x").context().sampled);
}

/// An exporter that stands still until the sender is gone.
#[derive(Debug)]
struct Stuck(Mutex<mpsc::Receiver<()>>);

impl SpanExporter for Stuck {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        let _over = self.0.lock().unwrap().recv();
        Err(OTelSdkError::InternalFailure("refused".into()))
    }
}

#[test]
fn a_receiver_that_stands_still_makes_nobody_wait_and_every_span_is_counted() {
    let (go, stuck) = mpsc::channel();
    let metrics = Registry::new();
    let settings = Settings { queue: 8, ..always() };
    let tracer = Tracer::with_exporter(Stuck(Mutex::new(stuck)), &settings, &metrics);
    for _ in 0..1_000 {
        tracer.start_server(None, "x").end(Some(200), None);
    }
    assert!(counted(&metrics, "dropped") >= 900);
    drop(go);
    // whether the receiver's refusal comes before the shutdown or in it is a race; that every span is counted is not
    let _ = tracer.shutdown(Duration::from_secs(10));
    tracer.start_server(None, "late").end(Some(200), None);
    assert_eq!(counted(&metrics, "dropped") + counted(&metrics, "failed"), 1_001);
}
