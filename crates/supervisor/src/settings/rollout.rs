use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How replicas are replaced when what they run has changed, or when a restart is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// How many replicas there may be beyond the wanted number, those that are ending included; a share is rounded up.
    /// 25 %.
    pub max_surge: CountOrPercent,
    /// How many of the wanted number may not be ready because of the rollout; a share is rounded down. 25 %.
    pub max_unavailable: CountOrPercent,
    /// Without a step forward for so long the rollout has failed: what is still old stays, what had to go first comes back,
    /// and replacements that did not become ready are ended. 10 min.
    pub progress_deadline: Duration,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            max_surge: CountOrPercent::Percent(25),
            max_unavailable: CountOrPercent::Percent(25),
            progress_deadline: Duration::from_secs(600),
        }
    }
}

/// A number, or a share of the wanted replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOrPercent {
    /// So many.
    Count(u32),
    /// So many of a hundred.
    Percent(u32),
}

/// A text that is neither a number nor a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is neither a number nor a share; write something like 1 or \"25%\"")]
pub struct NotAnAmount(String);

impl CountOrPercent {
    /// How many of `replicas` that is, a share rounded up.
    pub fn up(self, replicas: u32) -> u32 {
        self.of(replicas, 99)
    }

    /// How many of `replicas` that is, a share rounded down.
    pub fn down(self, replicas: u32) -> u32 {
        self.of(replicas, 0)
    }

    fn of(self, replicas: u32, round: u64) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(share) => {
                let hundredths = u64::from(share) * u64::from(replicas) + round;
                u32::try_from(hundredths / 100).unwrap_or(u32::MAX)
            }
        }
    }

    pub(crate) const fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0))
    }
}

impl FromStr for CountOrPercent {
    type Err = NotAnAmount;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, share) = match text.strip_suffix('%') {
            Some(number) => (number, true),
            None => (text, false),
        };
        let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        match number.parse() {
            Ok(number) if plain && share => Ok(Self::Percent(number)),
            Ok(number) if plain => Ok(Self::Count(number)),
            _ => Err(NotAnAmount(text.to_owned())),
        }
    }
}

impl fmt::Display for CountOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}
