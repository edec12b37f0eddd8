//! What one recording costs the data plane.

use criterion::{Criterion, criterion_group, criterion_main};
use seaworthy_core::trace::TraceContext;
use seaworthy_telemetry::access::{AccessLog, Record, Settings};
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::traces::{self, Tracer};
use std::hint::black_box;
use std::time::Duration;

fn metrics(c: &mut Criterion) {
    let registry = Registry::new();
    let counter = registry.counter("bench.counter", "", &[]);
    let gauge = registry.gauge("bench.gauge", "", &[]);
    let histogram = registry.histogram("bench.duration", "", &[]);
    c.bench_function("counter/inc", |b| b.iter(|| counter.inc()));
    c.bench_function("gauge/inc", |b| b.iter(|| gauge.inc()));
    c.bench_function("histogram/observe", |b| b.iter(|| histogram.observe(black_box(0.0123))));
    c.bench_function("registry/look up", |b| {
        b.iter(|| registry.counter("bench.counter", "", black_box(&[("a", String::new())])));
    });
}

fn traces(c: &mut Criterion) {
    let settings = traces::Settings { sample: 0.0, ..traces::Settings::default() };
    let tracer =
        Tracer::otlp(&settings, &Registry::new()).expect("the exporter needs no receiver to be built");
    c.bench_function("trace/unsampled request with one attempt", |b| {
        b.iter(|| {
            let request = tracer.start_server(black_box(None), "request");
            request.child("attempt").end(Some(200), None);
            request.end(Some(200), None);
        });
    });
    c.bench_function("trace/parse and continue", |b| {
        let header = TraceContext::generate(false).header();
        b.iter(|| tracer.start_server(TraceContext::parse(black_box(&header)), "request").context().header());
    });
}

fn access(c: &mut Criterion) {
    let log = AccessLog::start(Settings::default(), std::io::sink(), &Registry::new());
    let record = Record { method: "GET", target: "/items/7?x=1", status: 200, ..Record::default() };
    c.bench_function("access/observe a success, 1 % sampled", |b| b.iter(|| log.observe(black_box(&record))));
    let failed = Record { status: 502, duration: Duration::from_millis(3), ..record };
    c.bench_function("access/observe a failure", |b| b.iter(|| log.observe(black_box(&failed))));
}

criterion_group!(benches, metrics, traces, access);
criterion_main!(benches);
