//! When each request is due.

use super::{Error, Settings};
use std::time::Duration;
use tokio::time::Instant;

pub(super) struct Schedule {
    start: Instant,
    rate: f64,
    total: u64,
}

impl Schedule {
    pub(super) fn starting(start: Instant, settings: &Settings) -> Result<Self, Error> {
        let seconds = settings.duration.as_secs_f64();
        let total = (settings.rate * seconds).floor();
        if !(total >= 1.0 && total.is_finite()) {
            let (rate, seconds) = (settings.rate.to_string(), seconds.to_string());
            return Err(Error::NoRequests { rate, seconds });
        }
        Ok(Self { start, rate: settings.rate, total: total as u64 })
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn due(&self, n: u64) -> Instant {
        self.start + self.offset(n)
    }

    /// How long after the start request `n` is due. Computed afresh for each, so that no error adds up.
    pub(super) fn offset(&self, n: u64) -> Duration {
        Duration::from_secs_f64(n as f64 / self.rate)
    }

    pub(super) fn seconds(&self) -> usize {
        self.offset(self.total - 1).as_secs() as usize + 1
    }
}

/// Waits by the runtime's timer, or, spinning, only until it would be too coarse.
pub(super) async fn wait_until(due: Instant, spin: bool) {
    const COARSE: Duration = Duration::from_millis(2);
    if !spin {
        return tokio::time::sleep_until(due).await;
    }
    if due.saturating_duration_since(Instant::now()) > COARSE {
        tokio::time::sleep_until(due - COARSE).await;
    }
    while Instant::now() < due {
        // whoever shares the core goes first
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
}
