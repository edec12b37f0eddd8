//! Settings for the kinds of dependency every service has, and how the environment changes them.
//!
//! ```
//! use seaworthy_resilience::preset::{Preset, apply_overrides};
//!
//! let mut settings = "database".parse::<Preset>().unwrap().settings();
//! let applied = apply_overrides(
//!     &mut settings,
//!     [("SEAWORTHY_RETRY_MAX_ATTEMPTS".to_owned(), "5".to_owned())],
//! ).unwrap();
//! assert_eq!(settings.retry.unwrap().max_attempts, 5);
//! assert_eq!(applied.names().collect::<Vec<_>>(), ["SEAWORTHY_RETRY_MAX_ATTEMPTS"]);
//! ```

mod overrides;
#[cfg(test)]
mod tests;

pub use overrides::{Applied, OverrideError, apply_overrides};

use crate::retry::{Backoff, Jitter};
use crate::stack::Settings;
use crate::{breaker, budget, bulkhead, fault, retry};
use std::str::FromStr;
use std::time::Duration;

/// A kind of dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Nothing is known about it.
    Default,
    /// A database.
    Database,
    /// An API on the network, perhaps a stranger's.
    Api,
    /// A cache: quick, or not worth waiting for.
    Cache,
    /// A file store.
    File,
    /// A model that thinks for minutes.
    Ml,
}

/// A name that is no preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a preset; use default, database, api, cache, file or ml")]
pub struct UnknownPreset(String);

/// One line of the table: all times in milliseconds.
struct Line {
    timeout: u64,
    attempts: u32,
    base: u64,
    max: u64,
    failures: u32,
    recovery: u64,
}

impl Preset {
    /// Every preset, in a fixed order.
    pub const ALL: [Self; 6] = [Self::Default, Self::Database, Self::Api, Self::Cache, Self::File, Self::Ml];

    /// The name it is written with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Database => "database",
            Self::Api => "api",
            Self::Cache => "cache",
            Self::File => "file",
            Self::Ml => "ml",
        }
    }

    const fn line(self) -> Line {
        let (timeout, attempts, (base, max), failures, recovery) = match self {
            Self::Default => (5_000, 3, (1_000, 60_000), 5, 60_000),
            Self::Database => (30_000, 3, (500, 10_000), 3, 30_000),
            Self::Api => (60_000, 5, (1_000, 30_000), 5, 60_000),
            Self::Cache => (5_000, 2, (100, 1_000), 3, 15_000),
            Self::File => (10_000, 3, (200, 5_000), 3, 30_000),
            Self::Ml => (300_000, 2, (5_000, 30_000), 2, 120_000),
        };
        Line { timeout, attempts, base, max, failures, recovery }
    }

    /// The settings. Each attempt has the preset's time; the total leaves room for every attempt and the longest
    /// waits between them, so that none of the others is without effect.
    pub fn settings(self) -> Settings {
        let line = self.line();
        let recovery = Duration::from_millis(line.recovery);
        let backoff = Backoff {
            base: Duration::from_millis(line.base),
            multiplier: 2.0,
            max: Duration::from_millis(line.max),
            jitter: Jitter::Full,
        };
        let attempt = Duration::from_millis(line.timeout);
        Settings {
            total_timeout: Some(longest(attempt, line.attempts, backoff)),
            attempt_timeout: Some(attempt),
            retry: Some(retry::Settings { max_attempts: line.attempts, backoff, ..Default::default() }),
            budget: Some(budget::Settings::default()),
            breaker: Some(breaker::Settings {
                consecutive_failures: Some(line.failures),
                open_for: recovery,
                open_max: recovery * 5,
                ..Default::default()
            }),
            bulkhead: Some(bulkhead::Settings::default()),
            fault: Some(fault::Settings::default()),
            ..Settings::none()
        }
    }
}

/// The longest a call can take: every attempt to its limit, every wait at its longest.
fn longest(attempt: Duration, attempts: u32, backoff: Backoff) -> Duration {
    let upper = Backoff { jitter: Jitter::None, ..backoff };
    let waits: Duration = (1..attempts).map(|retry| upper.wait(retry, Duration::ZERO, 1.0)).sum();
    attempt * attempts + waits
}

impl FromStr for Preset {
    type Err = UnknownPreset;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.as_str() == text)
            .ok_or_else(|| UnknownPreset(text.to_owned()))
    }
}
