use std::time::Duration;
use tokio::time::Instant;

const BUCKETS: usize = 10;

/// Exact counts over a sliding window of ten buckets. Old buckets expire by the clock alone, so that an idle window
/// empties itself and a busy one forgets no faster than a quiet one.
#[derive(Debug)]
pub(super) struct Window {
    start: Instant,
    width: u64,
    /// The bucket that is being filled, counted since `start`.
    current: u64,
    buckets: [Counts; BUCKETS],
    sum: Counts,
}

/// How many calls, and how many of them had what is looked for (failed, or were slow).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) hits: u64,
}

impl Window {
    pub(super) fn new(start: Instant, length: Duration) -> Self {
        let width = u64::try_from(length.as_nanos() / BUCKETS as u128).unwrap_or(u64::MAX).max(1);
        Self { start, width, current: 0, buckets: [Counts::default(); BUCKETS], sum: Counts::default() }
    }

    pub(super) fn add(&mut self, now: Instant, hit: bool) {
        self.advance(now);
        let bucket = &mut self.buckets[(self.current % BUCKETS as u64) as usize];
        for counts in [bucket, &mut self.sum] {
            counts.calls += 1;
            counts.hits += u64::from(hit);
        }
    }

    pub(super) fn counts(&mut self, now: Instant) -> Counts {
        self.advance(now);
        self.sum
    }

    pub(super) fn clear(&mut self) {
        self.buckets = [Counts::default(); BUCKETS];
        self.sum = Counts::default();
    }

    fn advance(&mut self, now: Instant) {
        let elapsed = u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        let target = elapsed / self.width;
        if target <= self.current {
            return; // a reading taken before another thread's: it counts into the newest bucket
        }
        if target - self.current >= BUCKETS as u64 {
            self.clear();
        } else {
            for passed in self.current + 1..=target {
                let old = std::mem::take(&mut self.buckets[(passed % BUCKETS as u64) as usize]);
                self.sum.calls -= old.calls;
                self.sum.hits -= old.hits;
            }
        }
        self.current = target;
    }
}
