use crate::agent::{Agent, PATIENCE};
use crate::receiver;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use seaworthy_core::trace::TraceContext;
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::traces::{Settings, Tracer};

fn tracer(endpoint: String, metrics: &Registry) -> Tracer {
    let settings =
        Settings { endpoint, service: "shop-front".to_owned(), sample: 1.0, ..Settings::default() };
    Tracer::otlp(&settings, metrics).unwrap()
}

fn one_request(tracer: &Tracer, parent: TraceContext) {
    let mut request = tracer.start_server(Some(parent), "GET /items/{id}");
    request.attribute("http.request.method", "GET");
    request.attribute("http.route", "/items/{id}");
    let mut attempt = request.child("GET");
    attempt.attribute("server.port", 8001u16);
    attempt.end(Some(500), None);
    request.end(Some(200), None);
}

#[test]
fn spans_arrive_as_otlp_over_http() {
    let (endpoint, exports) = receiver::start::<ExportTraceServiceRequest>("/v1/traces", "200 OK");
    let tracer = tracer(endpoint, &Registry::new());
    let parent = TraceContext::generate(true);
    one_request(&tracer, parent);
    tracer.shutdown(PATIENCE).unwrap();

    let export = exports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(export.request_line, "POST /v1/traces HTTP/1.1");
    assert_eq!(export.content_type, "application/x-protobuf");
    let resource = &export.body.resource_spans[0];
    let attributes = format!("{:?}", resource.resource.as_ref().unwrap().attributes);
    assert!(attributes.contains("service.name") && attributes.contains("shop-front"), "{attributes}");
    let [attempt, request] = &resource.scope_spans[0].spans[..] else { panic!("{:?}", resource.scope_spans) };
    assert_eq!(request.name, "GET /items/{id}");
    assert_eq!((request.kind(), attempt.kind()), (SpanKind::Server, SpanKind::Client));
    assert_eq!(
        (&request.trace_id[..], &request.parent_span_id[..]),
        (&parent.trace_id[..], &parent.span_id[..])
    );
    assert_eq!((&attempt.trace_id, &attempt.parent_span_id), (&request.trace_id, &request.span_id));
    assert!(request.end_time_unix_nano >= attempt.end_time_unix_nano);
    assert!(format!("{:?}", attempt.attributes).contains("IntValue(8001)"), "{:?}", attempt.attributes);
}

#[test]
fn a_receiver_that_refuses_is_reported_and_counted() {
    let (endpoint, exports) = receiver::start::<ExportTraceServiceRequest>("/v1/traces", "400 Bad Request");
    let metrics = Registry::new();
    let tracer = tracer(endpoint, &metrics);
    one_request(&tracer, TraceContext::generate(true));
    tracer.shutdown(PATIENCE).unwrap_err();
    assert_eq!(exports.recv_timeout(PATIENCE).unwrap().body.resource_spans.len(), 1);
    assert!(metrics.render().contains("seaworthy_traces_spans_total{outcome=\"failed\"} 2"));
}

#[test]
#[ignore = "needs the rotel agent"]
fn rotel_understands_the_spans() {
    let agent = Agent::start("traces");
    let tracer = tracer(agent.endpoint(), &Registry::new());
    let parent = TraceContext::generate(true);
    one_request(&tracer, parent);
    tracer.shutdown(PATIENCE).unwrap();
    agent.shows(&["shop-front", "GET /items/{id}", &parent.trace_id_hex()]);
}
