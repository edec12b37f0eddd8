//! Where time comes from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A source of time: monotonic for intervals, civil for what a person or a protocol reads.
///
/// Code that waits takes its time from the runtime (which tests pause); code that merely *reads* time takes a
/// `Clock`, so that a test can set it.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for intervals.
    fn now(&self) -> Instant;
    /// Civil time, for dates that leave the process.
    fn wall(&self) -> SystemTime;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is told to move. Clones share one time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    start: Instant,
    wall: SystemTime,
    elapsed: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// A clock that reads `wall` and does not move.
    pub fn at(wall: SystemTime) -> Self {
        Self { start: Instant::now(), wall, elapsed: Arc::default() }
    }

    /// Moves both readings on by `step`.
    pub fn advance(&self, step: Duration) {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner) += step;
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }
    fn wall(&self) -> SystemTime {
        self.wall + self.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_both_readings_and_shares_them() {
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH);
        let other = clock.clone();
        let before = other.now();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.now() - before, Duration::from_secs(5));
        assert_eq!(other.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    }
}
