use super::Settings;
use std::time::Duration;
use tokio::time::Instant;

/// One call's way through its attempts: decides whether and when another one starts, without waiting itself.
#[derive(Debug)]
pub struct Course {
    attempts: u32,
    previous: Duration,
    deadline: Option<Instant>,
}

/// Why no further attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// All were made.
    AttemptsSpent,
    /// The wait would not end before the deadline.
    DeadlineTooClose,
    /// The service asks for a longer wait than is sensible.
    AskedToWaitTooLong,
}

impl Course {
    /// A call whose first attempt starts now and which must be over by `deadline`.
    pub const fn new(deadline: Option<Instant>) -> Self {
        Self { attempts: 1, previous: Duration::ZERO, deadline }
    }

    /// How many attempts were begun.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long to wait before the next attempt. `not_before` is the wait the service asked for: a floor under the
    /// back-off, never cut down to fit. `random` lies in `0..1`.
    ///
    /// # Errors
    /// Where there is no next attempt.
    pub fn next(
        &mut self,
        settings: &Settings,
        now: Instant,
        not_before: Option<Duration>,
        random: f64,
    ) -> Result<Duration, GiveUp> {
        if self.attempts >= settings.max_attempts {
            return Err(GiveUp::AttemptsSpent);
        }
        let floor = not_before.unwrap_or_default();
        if floor > settings.longest_retry_after {
            return Err(GiveUp::AskedToWaitTooLong);
        }
        let backoff = settings.backoff.wait(self.attempts, self.previous, random);
        let wait = backoff.max(floor);
        if self.deadline.is_some_and(|deadline| now + wait >= deadline) {
            return Err(GiveUp::DeadlineTooClose);
        }
        self.attempts += 1;
        self.previous = backoff;
        Ok(wait)
    }
}
