use std::time::Duration;

/// How a wait is made random, so that callers that failed together do not come back together.
///
/// Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Not at all: for tests and for a single caller.
    None,
    /// Anything between zero and the exponential wait.
    Full,
    /// Anything between the base and three times the wait before.
    Decorrelated,
}

/// Waits that grow.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Backoff {
    /// The first wait (with decorrelated jitter: the shortest).
    #[serde(serialize_with = "crate::text::duration")]
    pub base: Duration,
    /// How much longer each further wait.
    pub multiplier: f64,
    /// The longest wait.
    #[serde(serialize_with = "crate::text::duration")]
    pub max: Duration,
    /// How it is made random.
    pub jitter: Jitter,
}

impl Default for Backoff {
    /// 0.2 s, doubling up to 5 s, full jitter.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(200),
            multiplier: 2.0,
            max: Duration::from_secs(5),
            jitter: Jitter::Full,
        }
    }
}

impl Backoff {
    /// The wait before retry number `retry` (from 1), given the wait before it and a random number in `0..1`.
    pub fn wait(&self, retry: u32, previous: Duration, random: f64) -> Duration {
        match self.jitter {
            Jitter::None => self.exponential(retry),
            Jitter::Full => self.exponential(retry).mul_f64(random),
            Jitter::Decorrelated => {
                let base = self.base.as_secs_f64();
                let upper = (previous.as_secs_f64() * 3.0).max(base);
                self.at_most_max(base + (upper - base) * random)
            }
        }
    }

    fn exponential(&self, retry: u32) -> Duration {
        let power = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        self.at_most_max(self.base.as_secs_f64() * self.multiplier.max(1.0).powi(power))
    }

    fn at_most_max(&self, seconds: f64) -> Duration {
        // beyond the longest wait the number may be too large for a duration, or infinite
        if seconds < self.max.as_secs_f64() { Duration::from_secs_f64(seconds) } else { self.max }
    }
}
