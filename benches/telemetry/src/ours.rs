//! What the gateway records of a request, piece by piece.

use crate::peers::seconds;
use crate::rounds::Candidate;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use seaworthy_core::RequestId;
use seaworthy_telemetry::metrics::{Counter, Histogram, Registry};
use seaworthy_telemetry::story::{self, Ending, Recorder};
use seaworthy_telemetry::traces::{self, Tracer};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request in so many is sampled.
const SAMPLED: u64 = 10;

#[derive(Clone)]
struct Meters {
    requests: Counter,
    duration: Histogram,
}

impl Meters {
    fn new() -> Self {
        let registry = Registry::new();
        Self {
            requests: registry.counter("bench.requests", "", &[]),
            duration: registry.histogram("bench.duration", "", &[]),
        }
    }

    fn plain(&self, request: u64) {
        self.requests.inc();
        self.duration.observe(seconds(request));
    }

    fn with_exemplar(&self, request: u64) {
        self.requests.inc();
        if request.is_multiple_of(SAMPLED) {
            self.duration.observe_with(seconds(request), u128::from(request + 1).to_be_bytes());
        } else {
            self.duration.observe(seconds(request));
        }
    }
}

/// Spans go nowhere, but through the queue and the thread that sends them.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

fn tracer() -> Tracer {
    let settings = traces::Settings { sample: 1.0 / SAMPLED as f64, ..traces::Settings::default() };
    Tracer::with_exporter(Nowhere, &settings, &Registry::new())
}

fn span(tracer: &Tracer) {
    let mut request = tracer.start_server(None, "GET items");
    let attempt = request.child("attempt");
    attempt.end(Some(200), None);
    request.attribute("http.route", "items");
    request.end(Some(200), None);
}

fn tell(stories: &Recorder, endpoint: &Arc<str>, request: u64, now: Instant) {
    let mut draft = stories.begin(now);
    let attempt = draft.begin("attempt", None, now);
    draft.attribute(attempt, "server.address", Arc::clone(endpoint));
    draft.attribute(attempt, "attempt", 1u64);
    let end = now + Duration::from_secs_f64(seconds(request));
    draft.end(attempt, end, None);
    let trace_id = u128::from(request + 1).to_be_bytes();
    let ending = Ending {
        route: "items",
        service: "shop",
        method: "GET",
        path: "/items/7",
        status: 200,
        ..Ending::new(RequestId::generate(), trace_id)
    };
    stories.finish(draft, &ending, end);
}

pub(crate) fn all() -> Vec<Candidate> {
    let meters = Meters::new();
    let plain = meters.clone();
    let exemplars = Meters::new();
    let (traced, spans) = (Meters::new(), tracer());
    let (told, told_spans) = (Meters::new(), tracer());
    let stories = Recorder::new(&Registry::new(), story::Settings::default());
    let endpoint: Arc<str> = Arc::from("10.0.0.7:8080");
    vec![
        Candidate::new("counter and histogram", "seaworthy", move |requests| {
            requests.for_each(|request| meters.plain(request));
            meters.requests.value()
        }),
        Candidate::new("a request", "counter and histogram", move |requests| {
            requests.for_each(|request| plain.plain(request));
            plain.requests.value()
        }),
        Candidate::new("a request", "… and an exemplar of every tenth", move |requests| {
            requests.for_each(|request| exemplars.with_exemplar(request));
            exemplars.requests.value()
        }),
        Candidate::new("a request", "… and spans of every tenth", move |requests| {
            for request in requests {
                traced.with_exemplar(request);
                span(&spans);
            }
            traced.requests.value()
        }),
        Candidate::new("a request", "… and its story", move |requests| {
            for request in requests {
                told.with_exemplar(request);
                span(&told_spans);
                tell(&stories, &endpoint, request, Instant::now());
            }
            told.requests.value()
        }),
    ]
}
