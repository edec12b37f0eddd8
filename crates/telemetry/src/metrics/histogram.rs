use super::cells::Cells;
use super::slot::Slot;
use std::sync::Arc;

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
}

impl Histogram {
    /// A histogram outside any registry; bounds in seconds, rising.
    pub fn new(bounds: Arc<[f64]>) -> Self {
        let cells = Cells::new(bounds.len() + 2);
        Self(Arc::new(Inner { bounds, cells }))
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

    /// What was observed so far, over all threads.
    pub fn snapshot(&self) -> Snapshot {
        let counts: Vec<u64> = (0..=self.0.bounds.len()).map(|bucket| self.0.cells.sum(bucket)).collect();
        let sum = self.0.cells.sum(self.sum_column()) as f64 / NANOS;
        Snapshot { bounds: Arc::clone(&self.0.bounds), count: counts.iter().sum(), counts, sum }
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
}

impl Snapshot {
    /// The duration below which `share` (0–1) of the observations lie, interpolated within its bucket as Prometheus
    /// does it. `None` while there is none; the highest bound where it lies beyond.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = share.clamp(0.0, 1.0) * self.count as f64;
        let mut below = 0.0;
        for (i, count) in self.counts.iter().enumerate() {
            let within = *count as f64;
            if below + within >= rank && within > 0.0 {
                let Some(upper) = self.bounds.get(i) else { break };
                let lower = if i == 0 { 0.0 } else { self.bounds[i - 1] };
                return Some(lower + (upper - lower) * ((rank - below) / within));
            }
            below += within;
        }
        self.bounds.last().copied()
    }
}
