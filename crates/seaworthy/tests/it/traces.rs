//! Traces through the gateway, as an OpenTelemetry agent that was not written here receives them.

use rustix::process::Signal;

use crate::harness::program::Agent;
use crate::harness::{Folder, Gateway, Upstream, answer, eventually, exchange};

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// A span as the agent shows it.
#[derive(Debug, Default, PartialEq)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: String,
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for line in text.lines() {
        let Some((field, value)) = line.split_once(':').map(|(f, v)| (f.trim(), v.trim().to_owned())) else {
            if line.starts_with("Span #") {
                spans.push(Span::default());
            }
            continue;
        };
        let Some(span) = spans.last_mut() else { continue };
        match field {
            "Trace ID" => span.trace = value,
            "Parent ID" => span.parent = value,
            "ID" => span.id = value,
            "Name" => span.name = value,
            "Kind" => span.kind = value,
            _ => {}
        }
    }
    spans
}

/// The trace, the span and the flags of a `traceparent`.
fn parts(traceparent: &str) -> [String; 3] {
    let parts: Vec<_> = traceparent.split('-').map(str::to_owned).collect();
    let [_, trace, span, flags] = parts.try_into().unwrap();
    [trace, span, flags]
}

/// A gateway that sends its spans to an agent, by these further settings.
async fn traced(listener: &str, upstream: &Upstream, settings: &str) -> (Agent, Gateway) {
    let folder = Folder::new();
    let agent = Agent::start(&folder).await;
    let traces = format!(
        "{}[telemetry.traces]\nendpoint = \"http://{}/v1/traces\"\n{settings}",
        upstream.service("retry = { base = \"1ms\" }"),
        agent.address
    );
    let gateway = Gateway::with(folder, "", listener, &traces).await;
    (agent, gateway)
}

/// Stops a gateway, which sends what waits, and returns what the agent has got once it has `count` spans.
async fn received(agent: &Agent, gateway: &mut Gateway, count: usize) -> Vec<Span> {
    gateway.signal(Signal::TERM);
    gateway.ended().await;
    let got = eventually("the spans arrive", || async {
        let got = spans(&agent.text());
        (got.len() >= count).then_some(got)
    });
    let got = got.await;
    assert_eq!(got.len(), count, "{got:#?}");
    got
}

#[tokio::test]
async fn a_trace_goes_on_through_the_gateway() {
    let upstream = Upstream::fixed("ahoy").await;
    let proxy = "trusted_proxies = [\"127.0.0.1\"]";
    let (agent, mut gateway) = traced(proxy, &upstream, "sample = 0.0").await;
    // what its sender does not record is not recorded here, but goes on
    let unsampled = [("traceparent", UNSAMPLED), ("tracestate", "a=1")];
    exchange(gateway.address, "GET", "/items", &unsampled, "").await;
    let [trace, _, flags] = parts(upstream.last().header("traceparent"));
    assert_eq!((UNSAMPLED.contains(&trace), flags.as_str()), (true, "00"));
    assert_eq!(upstream.last().header("tracestate"), "a=1");
    exchange(gateway.address, "GET", "/items", &[("traceparent", SAMPLED)], "").await;
    let [trace, attempt_id, flags] = parts(upstream.last().header("traceparent"));
    assert_eq!(flags, "01");

    let got = received(&agent, &mut gateway, 2).await;
    let [client, parent, _] = parts(SAMPLED);
    assert_eq!(trace, client);
    let server = got.iter().find(|span| span.kind == "SPAN_KIND_SERVER").unwrap();
    let attempt = got.iter().find(|span| span.kind == "SPAN_KIND_CLIENT").unwrap();
    assert_eq!((&server.trace, &server.parent, server.name.as_str()), (&client, &parent, "GET /{*path}"));
    assert_eq!((&attempt.trace, &attempt.parent), (&client, &server.id));
    assert_eq!(attempt.id, attempt_id, "the upstream's parent is another span than the attempt's");
    assert!(attempt.id != server.id && attempt.id != parent && server.id != parent);
}

#[tokio::test]
async fn every_attempt_has_its_own_span() {
    let upstream = Upstream::start(|_| async { answer(503, &[], "") }).await;
    let (agent, mut gateway) = traced("", &upstream, "sample = 1.0").await;
    assert_eq!(gateway.get("/").await.status, 503);
    let got = received(&agent, &mut gateway, 4).await;
    let server = got.iter().find(|span| span.kind == "SPAN_KIND_SERVER").unwrap();
    let attempts: Vec<_> = got.iter().filter(|span| span.kind == "SPAN_KIND_CLIENT").collect();
    assert!(attempts.iter().all(|span| span.parent == server.id && span.trace == server.trace), "{got:#?}");
    let seen: Vec<_> =
        upstream.seen().iter().map(|seen| parts(seen.header("traceparent"))[1].clone()).collect();
    let sent: Vec<_> = attempts.iter().map(|span| span.id.clone()).collect();
    assert_eq!((seen.len(), seen), (3, sent));
}

#[tokio::test]
async fn a_stranger_does_not_decide_what_is_recorded() {
    let upstream = Upstream::fixed("ahoy").await;
    let (agent, mut gateway) = traced("", &upstream, "sample = 0.0").await;
    exchange(gateway.address, "GET", "/", &[("traceparent", SAMPLED), ("tracestate", "a=1")], "").await;
    let seen = upstream.last();
    let [trace, _, flags] = parts(seen.header("traceparent"));
    assert!(!SAMPLED.contains(&trace), "a stranger's trace was continued");
    assert_eq!((flags.as_str(), seen.header("tracestate")), ("00", ""));
    gateway.signal(Signal::TERM);
    gateway.ended().await;
    assert_eq!(spans(&agent.text()), []);
    // one that believes everybody records it, so that the silence above says something
    let (agent, mut gateway) = traced("", &upstream, "sample = 0.0\ntrust_parent = \"always\"").await;
    exchange(gateway.address, "GET", "/", &[("traceparent", SAMPLED)], "").await;
    received(&agent, &mut gateway, 2).await;
}

/// What the agent shows under headings of this kind.
fn shown(text: &str, heading: &str) -> String {
    let kinds = ["ResourceSpans #", "ResourceMetrics #", "ResourceLog #"];
    let mut under = "";
    let lines = text.lines().filter(|line| {
        under = kinds.into_iter().find(|kind| line.starts_with(kind)).unwrap_or(under);
        under == heading
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn one_id_leads_from_the_client_to_spans_logs_and_metrics() {
    let upstream = Upstream::start(|_| async { answer(500, &[], "") }).await;
    let folder = Folder::new();
    let agent = Agent::start(&folder).await;
    let told = format!(
        "{}[telemetry.traces]\nendpoint = \"http://{to}/v1/traces\"\nsample = 0.0\n\
         [telemetry.metrics_otlp]\nendpoint = \"http://{to}/v1/metrics\"\n\
         [telemetry.logs_otlp]\nendpoint = \"http://{to}/v1/logs\"\nservice_name = \"shop-front\"\n",
        upstream.service(""),
        to = agent.address
    );
    let proxy = "trusted_proxies = [\"127.0.0.1\"]";
    let mut gateway = Gateway::with(folder, "", proxy, &told).await;
    let secret = "/items?token=hunter2";
    exchange(gateway.address, "GET", secret, &[("traceparent", SAMPLED)], "").await;
    let [trace, _, _] = parts(SAMPLED);
    assert!(upstream.last().header("traceparent").contains(&trace));
    gateway.signal(Signal::TERM);
    gateway.ended().await;
    let text = eventually("spans, values and lines arrive", || async {
        let text = agent.text();
        let arrived = ["ResourceSpans", "ResourceLog", "ResourceMetrics"].map(|part| text.contains(part));
        (arrived == [true; 3]).then_some(text)
    })
    .await;
    let id = format!("Trace ID       : {trace}");
    assert!(shown(&text, "ResourceSpans #").contains(&id), "{text}");
    let lines = shown(&text, "ResourceLog #");
    assert!(lines.contains(&id) && lines.contains("Str(shop-front)"), "{text}");
    assert!(lines.contains("http.response.status_code: Int(500)"), "{text}");
    assert!(lines.contains("Body: Str(draining)"), "{text}");
    let values = shown(&text, "ResourceMetrics #");
    assert!(values.contains("Exemplar #0") && values.contains(&trace), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
