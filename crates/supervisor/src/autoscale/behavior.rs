//! How fast it may go, and how long it hesitates to go down.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Up: at most so many percent more within [`UP_PERIOD`].
const UP_PERCENT: u64 = 100;
const UP_PERIOD: Duration = Duration::from_secs(15);
/// Down: at most so many percent fewer within [`DOWN_PERIOD`]; the number taken away is rounded up, as in Kubernetes.
const DOWN_PERCENT: u64 = 50;
const DOWN_PERIOD: Duration = Duration::from_secs(60);

/// What was recommended and what was done of late.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    recommended: VecDeque<(Instant, u32)>,
    /// Changes, as (when, by how many).
    changes: VecDeque<(Instant, i64)>,
}

impl Past {
    /// The highest recommendation within the window, this one included.
    pub(super) fn stabilized(&mut self, now: Instant, window: Duration, recommended: u32) -> u32 {
        while self.recommended.front().is_some_and(|(at, _)| now.duration_since(*at) >= window) {
            self.recommended.pop_front();
        }
        // only what no later one exceeds can ever be the highest: few, however long the window
        while self.recommended.back().is_some_and(|(_, earlier)| *earlier <= recommended) {
            self.recommended.pop_back();
        }
        self.recommended.push_back((now, recommended));
        self.recommended.front().map_or(recommended, |(_, highest)| *highest)
    }

    pub(super) fn changed(&mut self, now: Instant, from: u32, to: u32) {
        while self.changes.front().is_some_and(|(at, _)| now.duration_since(*at) >= DOWN_PERIOD) {
            self.changes.pop_front();
        }
        self.changes.push_back((now, i64::from(to) - i64::from(from)));
    }

    /// The most there may be now.
    pub(super) fn ceiling(&self, now: Instant, current: u32) -> u32 {
        let at_first = self.before(now, UP_PERIOD, current, |by| by > 0);
        clamp((at_first * (100 + UP_PERCENT)).div_ceil(100))
    }

    /// The fewest there may be now.
    pub(super) fn floor(&self, now: Instant, current: u32) -> u32 {
        let at_first = self.before(now, DOWN_PERIOD, current, |by| by < 0);
        clamp(at_first * (100 - DOWN_PERCENT) / 100)
    }

    /// How many there were before the changes of one direction within the period.
    fn before(&self, now: Instant, period: Duration, current: u32, counts: impl Fn(i64) -> bool) -> u64 {
        let recent = self.changes.iter().filter(|(at, by)| now.duration_since(*at) < period && counts(*by));
        let by: i64 = recent.map(|(_, by)| by).sum();
        u64::try_from(i64::from(current) - by).unwrap_or(0)
    }
}

fn clamp(replicas: u64) -> u32 {
    u32::try_from(replicas).unwrap_or(u32::MAX)
}
