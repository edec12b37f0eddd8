use super::backoff::{Backoff, Jitter};
use crate::contradiction::{Contradiction, Findings};
use std::time::Duration;

/// More attempts than this are a mistake: nobody waits for their end.
const MOST_ATTEMPTS: u32 = 100;

/// How often, and after what wait, a call is tried again.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Settings {
    /// Attempts in all, the first included; 1 never retries.
    pub max_attempts: u32,
    /// The wait before each retry.
    pub backoff: Backoff,
    /// Where the service asks for a longer wait than this (Retry-After), the call is given up at once.
    #[serde(serialize_with = "crate::text::duration")]
    pub longest_retry_after: Duration,
}

impl Default for Settings {
    /// 3 attempts; 0.2 s doubling up to 5 s with full jitter; up to a minute where the service asks for it.
    fn default() -> Self {
        Self { max_attempts: 3, backoff: Backoff::default(), longest_retry_after: Duration::from_secs(60) }
    }
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        let Backoff { base, multiplier, max, jitter } = self.backoff;
        found.expect(self.max_attempts > 0, "max_attempts", "must be at least 1, the first attempt");
        found.expect(self.max_attempts <= MOST_ATTEMPTS, "max_attempts", "must be at most 100");
        found.expect(!base.is_zero(), "backoff.base", "must be longer than zero");
        found.expect(base <= max, "backoff.max", "is shorter than backoff.base");
        let grows = multiplier >= 1.0 && multiplier.is_finite();
        found.expect(grows, "backoff.multiplier", "must be 1 or more");
        let ignored = jitter == Jitter::Decorrelated && multiplier != Backoff::default().multiplier;
        found.expect(!ignored, "backoff.multiplier", "has no effect with decorrelated jitter");
        found.done()
    }
}
