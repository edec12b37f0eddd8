use super::Settings;
use std::time::Duration;

/// The generic cell rate algorithm (ITU-T I.371, annex A): a leaky bucket kept in one number, the *theoretical
/// arrival time* of the next call if calls came exactly at the rate. All times are nanoseconds since a common start.
#[derive(Debug, Clone, Copy)]
pub struct Gcra {
    /// Time that one call uses up.
    interval: u64,
    /// How far the theoretical arrival may run ahead of now.
    capacity: u64,
    burst: u32,
}

/// What a limiter decided, with what the `RateLimit` response headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the call may start.
    pub allowed: bool,
    /// How many calls may start at once.
    pub limit: u32,
    /// How many more may start right now.
    pub remaining: u32,
    /// How long until the whole limit is there again.
    pub reset_after: Duration,
    /// How long until the next call may start; zero where one may now.
    pub retry_after: Duration,
}

impl Gcra {
    /// The algorithm for these settings. Zeros, which [`Settings::validate`] reports, are read as ones.
    pub fn new(settings: &Settings) -> Self {
        let per = u64::try_from(settings.per.as_nanos()).unwrap_or(u64::MAX);
        let interval = (per / u64::from(settings.requests.max(1))).max(1);
        let burst = settings.burst.max(1);
        Self { interval, capacity: interval.saturating_mul(u64::from(burst)), burst }
    }

    /// Decides on a call at `now`, and gives the arrival time to remember.
    pub fn decide(&self, arrival: u64, now: u64) -> (Decision, u64) {
        let from = arrival.max(now);
        let next = from.saturating_add(self.interval);
        let allowed = next - now <= self.capacity;
        let kept = if allowed { next } else { arrival };
        let ahead = kept.saturating_sub(now);
        let decision = Decision {
            allowed,
            limit: self.burst,
            remaining: self.remaining(kept, now),
            reset_after: Duration::from_nanos(ahead),
            retry_after: Duration::from_nanos((ahead + self.interval).saturating_sub(self.capacity)),
        };
        (decision, kept)
    }

    /// How many calls fit at `now`.
    pub fn remaining(&self, arrival: u64, now: u64) -> u32 {
        let left = self.capacity.saturating_sub(arrival.saturating_sub(now)) / self.interval;
        u32::try_from(left).unwrap_or(u32::MAX)
    }
}
