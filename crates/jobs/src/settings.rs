use crate::payload;
use std::time::Duration;

/// What may be set for all jobs of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The largest payload, in bytes; 1 MiB.
    pub max_payload: usize,
    /// The largest result, in bytes; 1 MiB. A larger one is replaced by a note of its size.
    pub max_result: usize,
    /// The most jobs accepted by one call; 10,000.
    pub max_batch: usize,
    /// How long completed and cancelled jobs are kept; 1 day.
    pub keep_finished: Duration,
    /// How long discarded jobs are kept after their end, or after somebody edited or unparked them; 7 days.
    pub keep_discarded: Duration,
    /// How long parked dead letters are kept; 30 days.
    pub keep_parked: Duration,
    /// How often a dead letter may be brought back: one that dies after its last replay is parked; 3.
    pub max_replays: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_payload: payload::DEFAULT_MAX_BYTES,
            max_result: payload::DEFAULT_MAX_BYTES,
            max_batch: 10_000,
            keep_finished: Duration::from_secs(86_400),
            keep_discarded: Duration::from_secs(7 * 86_400),
            keep_parked: Duration::from_secs(30 * 86_400),
            max_replays: 3,
        }
    }
}
