//! Counters, gauges and histograms, rendered as OpenMetrics text.
//!
//! Names are written as OpenTelemetry writes them, with the unit as the last part where there is one
//! (`process.resident_memory.bytes`), and rendered as its Prometheus mapping asks: dots become underscores, counters
//! end in `_total`, histograms are durations and end in `_seconds`.
//!
//! A handle is looked up once and kept: updating it takes no lock. Every family has a bound on its series; beyond it
//! all new label sets share one series, `overflow="true"`.

mod cells;
mod counter;
mod exemplar;
mod family;
mod gauge;
mod histogram;
mod name;
pub mod otlp;
mod process;
mod render;
mod samples;
pub(crate) mod slot;

#[cfg(test)]
mod tests;

pub use counter::Counter;
pub use exemplar::Exemplar;
pub use gauge::Gauge;
pub(crate) use histogram::interpolated;
pub use histogram::{DURATION_BUCKETS, Histogram, Snapshot};
pub(crate) use name::Labels as RenderedLabels;
pub(crate) use render::rendered_name;
pub use samples::Samples;
pub(crate) use samples::{Family as SampledFamily, Value};

use family::{Family, Kind, Series};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What `render` writes, for a `Content-Type` header.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What `render_text` writes, for a `Content-Type` header.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How many series a family may have unless said otherwise.
pub const DEFAULT_SERIES_LIMIT: usize = 2_000;

/// A label: its name in OpenTelemetry's spelling (`http.route`) and its value.
pub type Label = (&'static str, String);

type Collector = Arc<dyn Fn(&mut Samples) + Send + Sync>;

/// All metrics of a process. Cloning is cheap and shares them.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    /// When counting began.
    created: SystemTime,
    series_limit: usize,
    families: Mutex<BTreeMap<String, Family>>,
    collectors: Mutex<Vec<Collector>>,
}

impl Registry {
    /// An empty registry with the default bound on series.
    pub fn new() -> Self {
        Self::with_series_limit(DEFAULT_SERIES_LIMIT)
    }

    /// An empty registry whose families hold at most `limit` series each, the overflow series not counted.
    pub fn with_series_limit(limit: usize) -> Self {
        let (families, collectors) = (Mutex::default(), Mutex::default());
        let inner = Inner { created: SystemTime::now(), series_limit: limit, families, collectors };
        Self(Arc::new(inner))
    }

    /// The counter of this name and label set.
    pub fn counter(&self, name: &str, help: &str, labels: &[Label]) -> Counter {
        match self.series(name, help, Kind::Counter, labels) {
            Some(Series::Counter(counter)) => counter,
            _ => Counter::new(),
        }
    }

    /// The gauge of this name and label set.
    pub fn gauge(&self, name: &str, help: &str, labels: &[Label]) -> Gauge {
        match self.series(name, help, Kind::Gauge, labels) {
            Some(Series::Gauge(gauge)) => gauge,
            _ => Gauge::new(),
        }
    }

    /// The duration histogram of this name and label set, with [`DURATION_BUCKETS`].
    pub fn histogram(&self, name: &str, help: &str, labels: &[Label]) -> Histogram {
        self.histogram_with_bounds(name, help, &DURATION_BUCKETS, labels)
    }

    /// A duration histogram with bounds of its own, in seconds. The first registration of a family decides them.
    pub fn histogram_with_bounds(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
        labels: &[Label],
    ) -> Histogram {
        match self.series(name, help, Kind::Histogram(Arc::from(bounds)), labels) {
            Some(Series::Histogram(histogram)) => histogram,
            _ => Histogram::new(Arc::from(bounds)),
        }
    }

    /// Has `collect` called at every scrape, for values that live elsewhere.
    pub fn collect_with(&self, collect: Box<dyn Fn(&mut Samples) + Send + Sync>) {
        let mut collectors = self.0.collectors.lock().unwrap_or_else(PoisonError::into_inner);
        collectors.push(Arc::from(collect));
    }

    /// Adds processor time, memory, file descriptors, threads and start time of this process.
    pub fn collect_process(&self) {
        self.collect_with(Box::new(process::collect));
    }

    /// Everything as OpenMetrics text, families in the order of their names.
    pub fn render(&self) -> String {
        render::render(self.snapshot())
    }

    /// Everything in Prometheus' own text format, for what reads no OpenMetrics. Without exemplars.
    pub fn render_text(&self) -> String {
        render::render_text(self.snapshot())
    }

    /// When counting began.
    pub(crate) fn created(&self) -> SystemTime {
        self.0.created
    }

    fn series(&self, name: &str, help: &str, kind: Kind, labels: &[Label]) -> Option<Series> {
        let spelt = name;
        let name = name::metric(name);
        let mut families = self.0.families.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(name.clone()).or_insert_with(|| Family::new(spelt, help, kind.clone()));
        if !family.kind.same_shape(&kind) {
            // the caller's handle works, but nobody will see it: a defect of ours, not of the traffic
            tracing::error!(metric = name, "metric is registered twice with different kinds");
            return None;
        }
        name::note(&mut family.spellings, labels);
        Some(family.get_or_register(name::labels(labels), self.0.series_limit))
    }

    /// All values as they are now, by names as they are before the endings that [`rendered_name`] adds.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, samples::Family> {
        // collectors run without a lock held: they may register series themselves
        let collectors = self.0.collectors.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut pulled = Samples::new(self.0.series_limit);
        for collect in collectors {
            collect(&mut pulled);
        }
        let families = self.0.families.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, family) in families.iter() {
            pulled.registered(name, family);
        }
        drop(families);
        pulled.finish()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let families = self.0.families.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Registry").field("families", &families.len()).finish_non_exhaustive()
    }
}
