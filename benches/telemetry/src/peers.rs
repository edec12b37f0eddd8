//! Other libraries, with handles that are looked up once, as ours are.

use crate::Error;
use crate::rounds::Candidate;
use metrics_exporter_prometheus::PrometheusBuilder;
use seaworthy_telemetry::metrics::DURATION_BUCKETS;

/// How long the request of this number took, in seconds: spread over all buckets.
pub(crate) fn seconds(request: u64) -> f64 {
    let spread = (request.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / (1u64 << 24) as f64;
    spread * spread * spread * 12.0
}

pub(crate) fn all() -> Result<Vec<Candidate>, Error> {
    Ok(vec![prometheus_client(), metrics_crate()?])
}

fn prometheus_client() -> Candidate {
    use prometheus_client::metrics::{counter::Counter, histogram::Histogram};
    let (counter, histogram) = (<Counter>::default(), Histogram::new(DURATION_BUCKETS));
    Candidate::new("counter and histogram", "prometheus-client", move |requests| {
        for request in requests {
            counter.inc();
            histogram.observe(seconds(request));
        }
        counter.get()
    })
}

fn metrics_crate() -> Result<Candidate, Error> {
    use metrics::{Key, Level, Metadata, Recorder};
    let builder = PrometheusBuilder::new().set_buckets(&DURATION_BUCKETS);
    let recorder = builder.map_err(|error| Error::Setup(error.to_string()))?.build_recorder();
    let metadata = Metadata::new("bench", Level::INFO, None);
    let counter = recorder.register_counter(&Key::from_static_name("requests"), &metadata);
    let histogram = recorder.register_histogram(&Key::from_static_name("duration"), &metadata);
    let handle = recorder.handle();
    Ok(Candidate::new("counter and histogram", "metrics-exporter-prometheus", move |requests| {
        for request in requests {
            counter.increment(1);
            histogram.record(seconds(request));
        }
        // what was recorded waits here until it is put into buckets: an application has a task for it
        handle.run_upkeep();
        1
    }))
}
