//! What an endpoint is busy with, counted where somebody has to know: who stops a replica waits for its last answer, who
//! adds replicas looks at how long answers take. Other endpoints do not pay for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::body::{Outcome, Watcher};

/// Bounds of the buckets: from 1 ms, each a quarter more than the one before; the last is for all that took longer.
const BUCKETS: usize = 64;
const FIRST: f64 = 0.001;
const GROWTH: f64 = 1.25;

/// The answers of an endpoint.
#[derive(Debug)]
pub(crate) struct Work {
    under_way: AtomicUsize,
    /// How many answers took how long since they were last looked at.
    took: [AtomicU32; BUCKETS],
}

impl Default for Work {
    fn default() -> Self {
        Self { under_way: AtomicUsize::new(0), took: std::array::from_fn(|_| AtomicU32::new(0)) }
    }
}

impl Work {
    /// Requests sent there whose answer is not finished, and tunnels.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// Notes a request; what comes back is dropped when it is over.
    pub(crate) fn begin(self: &Arc<Self>) -> Share {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        Share { work: Arc::clone(self), since: Instant::now(), answered: false }
    }

    fn note(&self, took: Duration) {
        let bucket = (took.as_secs_f64() / FIRST).max(1.0).log(GROWTH).ceil() as usize;
        self.took[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the counts of answers by how long they took.
    pub(crate) fn take_took(&self, into: &mut Took) {
        for (bucket, count) in self.took.iter().enumerate() {
            into.0[bucket] += u64::from(count.swap(0, Ordering::Relaxed));
        }
    }
}

/// How many answers took how long.
pub(crate) struct Took([u64; BUCKETS]);

impl Default for Took {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Took {
    /// The time within which this share of answers came, at most a quarter too long; `None` where none came.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.0.iter().sum();
        let rank = ((all as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_secs_f64(FIRST * GROWTH.powi(i32::try_from(bucket).unwrap_or(i32::MAX))))
    }
}

/// A request under way. Lives until its answer is finished.
#[derive(Debug)]
pub(crate) struct Share {
    work: Arc<Work>,
    since: Instant,
    answered: bool,
}

impl Share {
    /// The head of the answer came: that is how long it took.
    pub(crate) fn answered(&mut self) {
        self.answered = true;
        self.work.note(self.since.elapsed());
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.work.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The body it is with keeps it.
impl Watcher for Share {
    fn end(&mut self, _outcome: Outcome, _sent: u64) {}
    fn cut(&mut self, _sent: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_hardly_too_long() {
        let work = Arc::new(Work::default());
        for ms in 1..=100 {
            work.note(Duration::from_millis(ms));
        }
        let mut took = Took::default();
        work.take_took(&mut took);
        for (share, exact) in [(0.01, 1.0), (0.5, 50.0), (0.95, 95.0), (1.0, 100.0)] {
            let told = took.quantile(share).expect("answers").as_secs_f64() * 1_000.0;
            assert!((exact..=exact * 1.26).contains(&told), "{share}: {told}");
        }
        let mut again = Took::default();
        work.take_took(&mut again);
        assert_eq!(again.quantile(0.95), None, "counted once");
        work.note(Duration::MAX);
        work.note(Duration::ZERO);
        work.take_took(&mut again);
        assert_eq!(again.quantile(0.5), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_request_counts_until_its_answer_is_dropped() {
        let work = Arc::new(Work::default());
        let share = work.begin();
        let body = crate::body::ResponseBody::full("x".into()).watched(Box::new(share));
        assert_eq!(work.under_way(), 1);
        drop(body);
        assert_eq!(work.under_way(), 0);
    }
}
