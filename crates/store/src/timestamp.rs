use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, in whole microseconds since 1970-01-01 UTC: how both databases keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// So much later. Saturates.
    pub fn plus(self, step: Duration) -> Self {
        Self(self.0.saturating_add(micros(step)))
    }

    /// So much earlier. Saturates.
    pub fn minus(self, step: Duration) -> Self {
        Self(self.0.saturating_sub(micros(step)))
    }

    /// How long after `earlier` this is; zero where it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(micros(before.duration()).saturating_neg()),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let step = Duration::from_micros(time.0.unsigned_abs());
        let moved = if time.0 < 0 { UNIX_EPOCH.checked_sub(step) } else { UNIX_EPOCH.checked_add(step) };
        moved.unwrap_or(UNIX_EPOCH)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_there_and_back() {
        for micros in [0, 1, -1, 1_763_731_200_000_000, -86_400_000_000] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        }
        let far = Timestamp::from_micros(i64::MAX);
        assert_eq!(far.plus(Duration::from_secs(1)), far);
        assert_eq!(Timestamp::from_micros(0).since(far), Duration::ZERO);
    }
}
