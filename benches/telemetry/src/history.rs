//! What the history of metrics takes: memory, time to take a sample, time to answer.

use crate::Error;
use crate::rounds::median;
use fastrand::Rng;
use seaworthy_telemetry::history::{Aggregate, Function, History, Query, Selector, Settings};
use seaworthy_telemetry::metrics::{Counter, Gauge, Histogram, Registry};
use std::time::{Duration, Instant, SystemTime};

/// Samples ten seconds apart: six hours and a bit.
const SAMPLES: u64 = 2_300;
const STEP: Duration = Duration::from_secs(10);

/// Six in ten series are counters, two gauges, two duration histograms.
struct Shop {
    counters: Vec<Counter>,
    gauges: Vec<Gauge>,
    waits: Vec<Histogram>,
    noise: Rng,
}

impl Shop {
    fn new(registry: &Registry, series: usize) -> Self {
        let labels =
            |i: usize| [("http.route", format!("/route/{i}")), ("service", format!("service-{}", i % 20))];
        Self {
            counters: (0..series * 6 / 10)
                .map(|i| registry.counter("bench.orders", "", &labels(i)))
                .collect(),
            gauges: (0..series * 2 / 10).map(|i| registry.gauge("bench.waiting", "", &labels(i))).collect(),
            waits: (0..series * 2 / 10).map(|i| registry.histogram("bench.wait", "", &labels(i))).collect(),
            noise: Rng::with_seed(1),
        }
    }

    /// Three in ten see something.
    fn trade(&mut self) {
        let noise = &mut self.noise;
        for counter in &self.counters {
            if noise.u8(..10) < 3 {
                counter.add(u64::from(noise.u8(1..)));
            }
        }
        for gauge in &self.gauges {
            if noise.u8(..10) < 3 {
                gauge.set(f64::from(noise.u16(..1_000)));
            }
        }
        for wait in &self.waits {
            if noise.u8(..10) < 3 {
                (0..20).for_each(|_| wait.observe(noise.f64() * noise.f64()));
            }
        }
    }
}

pub(crate) fn measure(series: usize) -> Result<String, Error> {
    let registry = Registry::with_series_limit(series);
    let mut shop = Shop::new(&registry, series);
    // room for everything: what is measured is what it takes
    let settings = Settings { bytes: usize::MAX, series: series + 100, ..Settings::default() };
    let history = History::new(&registry, settings);
    let mut at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let mut took = Vec::new();
    for _ in 0..SAMPLES {
        shop.trade();
        let started = Instant::now();
        history.sample(at);
        took.push(started.elapsed().as_secs_f64() * 1e3);
        at += STEP;
    }
    let ask = |name, function, minutes| ask(&history, at - STEP, name, function, minutes);
    Ok(format!(
        "| history of {series} series over 6 h | |\n|---|---|\n\
         | memory | {:.1} MiB, {:.2} bytes per sample |\n\
         | a sample of everything, median | {:.1} ms |\n\
         | increase of all counters, 5 min | {:.2} ms |\n\
         | increase of all counters, 6 h | {:.2} ms |\n\
         | p99 of all histograms together, 1 h | {:.2} ms |\n",
        history.bytes() as f64 / f64::from(1 << 20),
        history.bytes() as f64 / (series as f64 * SAMPLES as f64),
        median(took),
        ask("bench_orders_total", Function::Increase, 5)?,
        ask("bench_orders_total", Function::Increase, 350)?,
        ask("bench_wait_seconds", Function::Quantile(0.99), 60)?,
    ))
}

/// Milliseconds of an answer, the median of nine.
fn ask(
    history: &History,
    at: SystemTime,
    name: &str,
    function: Function,
    minutes: u64,
) -> Result<f64, Error> {
    let selector = Selector::new(name, Vec::new()).map_err(|error| Error::Setup(error.to_string()))?;
    let window = Duration::from_secs(60 * minutes);
    let query = Query { selector, function, window, by: Some(Vec::new()), aggregate: Aggregate::Sum };
    let mut took = Vec::new();
    for _ in 0..9 {
        let started = Instant::now();
        let samples = history.query(&query, at).map_err(|error| Error::Setup(error.to_string()))?;
        took.push(started.elapsed().as_secs_f64() * 1e3);
        if samples.len() != 1 || samples[0].value <= 0.0 {
            return Err(Error::Setup(format!("{name} has no answer: {samples:?}")));
        }
    }
    Ok(median(took))
}
