use super::cells::Cells;
use super::exemplar::{Exemplar, Exemplars};
use super::slot::Slot;
use std::sync::Arc;
use std::time::SystemTime;

/// The bounds that OpenTelemetry's HTTP conventions ask of a duration histogram, in seconds.
pub const DURATION_BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

const NANOS: f64 = 1e9;

/// How durations are spread. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct Histogram(Arc<Inner>);

struct Inner {
    bounds: Arc<[f64]>,
    /// A count per bound, one for what exceeds them all, and the sum in nanoseconds: whole numbers add up exactly.
    cells: Cells,
    exemplars: Exemplars,
}

impl Histogram {
    /// A histogram outside any registry; bounds in seconds, rising.
    pub fn new(bounds: Arc<[f64]>) -> Self {
        let cells = Cells::new(bounds.len() + 2);
        Self(Arc::new(Inner { bounds, cells, exemplars: Exemplars::default() }))
    }

    /// Adds one observation. What is not a duration (negative, not a number) is left out.
    #[inline]
    pub fn observe(&self, seconds: f64) {
        if seconds.is_nan() || seconds < 0.0 {
            return;
        }
        let bucket = self.0.bounds.partition_point(|bound| *bound < seconds);
        let slot = Slot::current();
        self.0.cells.add(slot, bucket, 1);
        self.0.cells.add(slot, self.sum_column(), (seconds * NANOS) as u64);
    }

    /// [`observe`](Self::observe) of a request whose trace is recorded: the last one of every bucket is shown beside it,
    /// so that a slow bucket leads to a trace. Costs a few times as much, and is meant for sampled requests.
    pub fn observe_with(&self, seconds: f64, trace_id: [u8; 16]) {
        self.observe(seconds);
        if seconds >= 0.0 && trace_id != [0; 16] {
            let bucket = self.0.bounds.partition_point(|bound| *bound < seconds);
            let exemplar = Exemplar { trace_id, seconds, time: SystemTime::now() };
            self.0.exemplars.keep(bucket, self.0.bounds.len() + 1, exemplar);
        }
    }

    /// What was observed so far, over all threads.
    pub fn snapshot(&self) -> Snapshot {
        let counts: Vec<u64> = (0..=self.0.bounds.len()).map(|bucket| self.0.cells.sum(bucket)).collect();
        let sum = self.0.cells.sum(self.sum_column()) as f64 / NANOS;
        let exemplars = self.0.exemplars.all();
        Snapshot { bounds: Arc::clone(&self.0.bounds), count: counts.iter().sum(), counts, sum, exemplars }
    }

    fn sum_column(&self) -> usize {
        self.0.bounds.len() + 1
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let snapshot = self.snapshot();
        write!(f, "Histogram(count {}, sum {})", snapshot.count, snapshot.sum)
    }
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Upper bounds in seconds, inclusive.
    pub bounds: Arc<[f64]>,
    /// Observations per bound, not cumulative; the last is what exceeded every bound.
    pub counts: Vec<u64>,
    /// All observations.
    pub count: u64,
    /// Their sum in seconds.
    pub sum: f64,
    /// An observation of each bucket whose trace is recorded; empty where there was never any.
    pub exemplars: Vec<Option<Exemplar>>,
}

impl Snapshot {
    /// The duration below which `share` (0–1) of the observations lie, interpolated within its bucket as Prometheus
    /// does it. `None` while there is none; the highest bound where it lies beyond.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let counts: Vec<f64> = self.counts.iter().map(|count| *count as f64).collect();
        interpolated(&self.bounds, &counts, share)
    }
}

/// [`Snapshot::quantile`] of counts that may come from several snapshots.
pub(crate) fn interpolated(bounds: &[f64], counts: &[f64], share: f64) -> Option<f64> {
    let total: f64 = counts.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let rank = share.clamp(0.0, 1.0) * total;
    let mut below = 0.0;
    for (i, within) in counts.iter().enumerate() {
        if below + within >= rank && *within > 0.0 {
            let Some(upper) = bounds.get(i) else { break };
            let lower = if i == 0 { 0.0 } else { bounds[i - 1] };
            return Some(lower + (upper - lower) * ((rank - below) / within));
        }
        below += within;
    }
    bounds.last().copied()
}
