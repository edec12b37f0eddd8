//! How many lines may pass.

use crate::launch::OutputLimits;
use std::time::{Duration, Instant};

/// How long dropped lines are counted before the count is told, while nothing else may pass.
const TELL: Duration = Duration::from_secs(1);

/// A bucket of lines that fills with time.
#[derive(Debug)]
pub(super) struct Limiter {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
    dropped: u64,
    first_drop: Option<Instant>,
}

impl Limiter {
    pub(super) fn new(limits: OutputLimits, now: Instant) -> Self {
        let burst = f64::from(limits.burst);
        let per_second = f64::from(limits.lines_per_second);
        Self { per_second, burst, tokens: burst, filled: now, dropped: 0, first_drop: None }
    }

    /// Whether a line may pass now; if not, it is counted.
    pub(super) fn pass(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + since * self.per_second).min(self.burst);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return true;
        }
        self.dropped += 1;
        self.first_drop.get_or_insert(now);
        false
    }

    /// The lines that were dropped since this was last asked.
    pub(super) fn take_dropped(&mut self) -> u64 {
        self.first_drop = None;
        std::mem::take(&mut self.dropped)
    }

    /// When they should be told, even if nothing passes until then.
    pub(super) fn tell_at(&self) -> Option<Instant> {
        self.first_drop.map(|first| first + TELL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_rate() {
        let start = Instant::now();
        let mut limiter = Limiter::new(OutputLimits { lines_per_second: 10, burst: 5 }, start);
        let passed = (0..20).filter(|_| limiter.pass(start)).count();
        assert_eq!((passed, limiter.tell_at()), (5, Some(start + TELL)));
        assert_eq!((limiter.take_dropped(), limiter.take_dropped(), limiter.tell_at()), (15, 0, None));
        let later = start + Duration::from_millis(250);
        assert_eq!((0..20).filter(|_| limiter.pass(later)).count(), 2);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!((0..20).filter(|_| limiter.pass(much_later)).count(), 5);
        // a clock that stands still or goes back gives nothing
        assert!(!limiter.pass(start));
    }
}
