use crate::contradiction::{Contradiction, Findings};
use std::time::Duration;

/// When a breaker trips, how long it stays open, and what closes it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Settings {
    /// Trips after this many failures in a row; a throttled call neither adds to the run nor ends it.
    pub consecutive_failures: Option<u32>,
    /// Trips on a share of failed calls.
    pub failure_rate: Option<FailureRate>,
    /// Trips on a share of slow calls.
    pub slow_calls: Option<SlowCalls>,
    /// How long it stays open the first time.
    #[serde(serialize_with = "crate::text::duration")]
    pub open_for: Duration,
    /// How much longer each time it opens again without having closed.
    pub open_multiplier: f64,
    /// The longest it stays open.
    #[serde(serialize_with = "crate::text::duration")]
    pub open_max: Duration,
    /// Up to this share is added to the open time at random, so that many breakers do not probe at once.
    pub jitter: f64,
    /// How many probes may be under way at once.
    pub probes: u32,
    /// How many probes must succeed before it closes.
    pub successes_to_close: u32,
}

/// Trips when, within a window, at least `min_requests` were made and `ratio` of them failed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct FailureRate {
    /// The share of failed or throttled calls that trips, above 0, at most 1.
    pub ratio: f64,
    /// With fewer calls than this the share says nothing.
    pub min_requests: u64,
    /// How far back calls count.
    #[serde(serialize_with = "crate::text::duration")]
    pub window: Duration,
}

/// Trips when, within a window, at least `min_requests` were made and `ratio` of them were slow.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SlowCalls {
    /// A call is slow when it takes longer than this.
    #[serde(serialize_with = "crate::text::duration")]
    pub longer_than: Duration,
    /// The share of slow calls that trips, above 0, at most 1.
    pub ratio: f64,
    /// With fewer calls than this the share says nothing.
    pub min_requests: u64,
    /// How far back calls count.
    #[serde(serialize_with = "crate::text::duration")]
    pub window: Duration,
}

impl Default for Settings {
    /// 5 failures in a row; open 60 s, doubling up to 5 min with 10 % jitter; one probe at a time, two must succeed.
    fn default() -> Self {
        Self {
            consecutive_failures: Some(5),
            failure_rate: None,
            slow_calls: None,
            open_for: Duration::from_secs(60),
            open_multiplier: 2.0,
            open_max: Duration::from_secs(300),
            jitter: 0.1,
            probes: 1,
            successes_to_close: 2,
        }
    }
}

impl Settings {
    /// How long the breaker stays open the `opened`th time in a row (from 1), before jitter.
    pub fn open_time(&self, opened: u32) -> Duration {
        let power = i32::try_from(opened.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.open_for.as_secs_f64() * self.open_multiplier.max(1.0).powi(power);
        // beyond the longest time the product may be too large for a duration, or infinite
        if grown < self.open_max.as_secs_f64() { Duration::from_secs_f64(grown) } else { self.open_max }
    }

    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        let trips =
            self.consecutive_failures.is_some() || self.failure_rate.is_some() || self.slow_calls.is_some();
        found.expect(
            trips,
            "consecutive_failures",
            "nothing trips the breaker; set it, a rate or slow calls",
        );
        found.expect(self.consecutive_failures != Some(0), "consecutive_failures", "must be at least 1");
        if let Some(rate) = &self.failure_rate {
            check_share(&mut found, "failure_rate", rate.ratio, rate.min_requests, rate.window);
        }
        if let Some(slow) = &self.slow_calls {
            check_share(&mut found, "slow_calls", slow.ratio, slow.min_requests, slow.window);
            found.expect(!slow.longer_than.is_zero(), "slow_calls.longer_than", "every call would be slow");
        }
        found.expect(!self.open_for.is_zero(), "open_for", "must be longer than zero");
        found.expect(self.open_for <= self.open_max, "open_max", "is shorter than open_for");
        found.expect(
            self.open_multiplier >= 1.0 && self.open_multiplier.is_finite(),
            "open_multiplier",
            "must be 1 or more",
        );
        found.expect((0.0..=1.0).contains(&self.jitter), "jitter", "must lie between 0 and 1");
        found.expect(self.probes > 0, "probes", "without a probe it would never close");
        found.expect(self.successes_to_close > 0, "successes_to_close", "must be at least 1");
        found.done()
    }
}

fn check_share(found: &mut Findings, part: &str, ratio: f64, min_requests: u64, window: Duration) {
    found.expect(ratio > 0.0 && ratio <= 1.0, &format!("{part}.ratio"), "must be above 0 and at most 1");
    found.expect(min_requests > 0, &format!("{part}.min_requests"), "must be at least 1");
    found.expect(!window.is_zero(), &format!("{part}.window"), "must be longer than zero");
}
