//! When a failed job is tried again.

use crate::Error;
use seaworthy_core::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);
const MOST_ATTEMPTS: u32 = 100;
const MOST_DELAYS: usize = 100;

/// How often, and after what pauses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// How often a job may be begun, the first time included. From 1 to 100; default 4.
    #[serde(default = "Retry::default_attempts")]
    pub max_attempts: u32,
    /// The pause after each failure.
    #[serde(flatten)]
    pub backoff: Backoff,
    /// By what share, from 0 to 1, a pause is made longer or shorter at random. Default 0.1.
    #[serde(default = "Retry::default_jitter")]
    pub jitter: f64,
}

/// How pauses grow from attempt to attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "backoff", rename_all = "snake_case")]
pub enum Backoff {
    /// Always the same.
    Fixed {
        /// The pause.
        #[serde(with = "text")]
        delay: Duration,
    },
    /// `step`, 2 `step`, 3 `step`, …
    Linear {
        /// The first pause, and by how much each is longer.
        #[serde(with = "text")]
        step: Duration,
        /// The longest.
        #[serde(with = "text")]
        max: Duration,
    },
    /// `base`, `base` × `factor`, `base` × `factor`², …
    Exponential {
        /// The first pause.
        #[serde(with = "text")]
        base: Duration,
        /// What each is multiplied by; at least 1.
        factor: f64,
        /// The longest.
        #[serde(with = "text")]
        max: Duration,
    },
    /// `step` × 1, 1, 2, 3, 5, 8, …
    Fibonacci {
        /// The unit.
        #[serde(with = "text")]
        step: Duration,
        /// The longest.
        #[serde(with = "text")]
        max: Duration,
    },
    /// One by one; the last is repeated.
    Custom {
        /// The pauses.
        #[serde(with = "texts")]
        delays: Vec<Duration>,
    },
}

impl Default for Retry {
    /// Four attempts, 5 s, 15 s and 45 s apart, 10 % more or less.
    fn default() -> Self {
        let backoff = Backoff::Exponential {
            base: Duration::from_secs(5),
            factor: 3.0,
            max: Duration::from_secs(3_600),
        };
        Self { max_attempts: Self::default_attempts(), backoff, jitter: Self::default_jitter() }
    }
}

impl Retry {
    const fn default_attempts() -> u32 {
        4
    }

    const fn default_jitter() -> f64 {
        0.1
    }

    /// One attempt and no other.
    pub fn never() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// What cannot be meant.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |reason: &str| Err(Error::invalid("retry", reason));
        if self.max_attempts == 0 || self.max_attempts > MOST_ATTEMPTS {
            return refuse("max_attempts must be from 1 to 100");
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return refuse("jitter must be from 0 to 1");
        }
        match &self.backoff {
            Backoff::Exponential { factor, .. } if !(1.0..=100.0).contains(factor) => {
                refuse("factor must be from 1 to 100")
            }
            Backoff::Custom { delays } if delays.is_empty() || delays.len() > MOST_DELAYS => {
                refuse("delays must be from 1 to 100")
            }
            _ => Ok(()),
        }
    }

    /// The pause after the `attempt`th attempt has failed, without jitter. At most 30 days.
    pub fn pause(&self, attempt: u32) -> Duration {
        let nth = attempt.max(1);
        let (pause, max) = match &self.backoff {
            Backoff::Fixed { delay } => (*delay, LONGEST),
            Backoff::Linear { step, max } => (step.saturating_mul(nth), *max),
            Backoff::Exponential { base, factor, max } => {
                let seconds = base.as_secs_f64() * factor.powi(i32::try_from(nth - 1).unwrap_or(i32::MAX));
                (Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST), *max)
            }
            Backoff::Fibonacci { step, max } => (step.saturating_mul(fibonacci(nth)), *max),
            Backoff::Custom { delays } => {
                let at = usize::try_from(nth - 1).unwrap_or(usize::MAX).min(delays.len().saturating_sub(1));
                (delays.get(at).copied().unwrap_or_default(), LONGEST)
            }
        };
        pause.min(max).min(LONGEST)
    }

    /// The pause with jitter; `random` is from 0 to 1.
    pub fn pause_with(&self, attempt: u32, random: f64) -> Duration {
        let share = 1.0 + self.jitter * (2.0 * random - 1.0);
        self.pause(attempt).mul_f64(share.clamp(0.0, 2.0))
    }

    pub(crate) fn from_text(text: Option<&str>) -> Self {
        // written by us; a policy of a later version that cannot be read must not hold the job up
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

fn fibonacci(nth: u32) -> u32 {
    let (mut now, mut next) = (0_u32, 1_u32);
    for _ in 0..nth {
        (now, next) = (next, now.saturating_add(next));
    }
    now
}

mod text {
    use super::{Duration, duration};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&duration::format(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        duration::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

mod texts {
    use super::{Duration, duration};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(values: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| duration::format(*value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| duration::parse(text).map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests;
