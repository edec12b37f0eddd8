use crate::contradiction::{Contradiction, Findings};
use std::time::Duration;

/// Between what bounds the limit moves, and how.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Settings {
    /// The limit at the start.
    pub initial: usize,
    /// It never falls below this.
    pub min: usize,
    /// It never grows beyond this.
    pub max: usize,
    /// How it moves.
    pub algorithm: Algorithm,
    /// What a caller that was shed is told, where anything.
    #[serde(serialize_with = "crate::text::optional_duration")]
    pub retry_after: Option<Duration>,
}

/// How the limit moves.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Algorithm {
    /// Compares each answer's time with the average of the last 600 and moves the limit by the ratio. Source: the
    /// Gradient2 limit of Netflix's concurrency-limits.
    Gradient {
        /// How much slower than the average is still fine: 1.5 is half as slow again.
        tolerance: f64,
        /// How much of each new estimate is taken over, above 0, at most 1.
        smoothing: f64,
        /// How many calls may queue inside the service: what the limit grows by.
        queue: u32,
    },
    /// One more per round of good answers, a share less after a bad one. Source: Chiu and Jain, "Analysis of the
    /// increase and decrease algorithms for congestion avoidance in computer networks", 1989.
    Aimd {
        /// An answer that takes longer is bad.
        #[serde(serialize_with = "crate::text::duration")]
        latency_limit: Duration,
        /// What the limit is multiplied by after a bad answer, at least 0.5, below 1.
        decrease: f64,
    },
}

impl Default for Settings {
    /// Gradient, from 20, between 5 and 1000; callers are told to come back in a second.
    fn default() -> Self {
        Self {
            initial: 20,
            min: 5,
            max: 1_000,
            algorithm: Algorithm::Gradient { tolerance: 1.5, smoothing: 0.2, queue: 4 },
            retry_after: Some(Duration::from_secs(1)),
        }
    }
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        found.expect(self.min > 0, "min", "must be at least 1");
        found.expect(self.min <= self.max, "max", "is below min");
        found.expect(
            (self.min..=self.max).contains(&self.initial),
            "initial",
            "must lie between min and max",
        );
        match self.algorithm {
            Algorithm::Gradient { tolerance, smoothing, queue } => {
                found.expect(tolerance >= 1.0, "algorithm.tolerance", "must be 1 or more");
                let share = smoothing > 0.0 && smoothing <= 1.0;
                found.expect(share, "algorithm.smoothing", "must be above 0 and at most 1");
                found.expect(queue > 0, "algorithm.queue", "is 0: the limit could never grow");
            }
            Algorithm::Aimd { latency_limit, decrease } => {
                found.expect(
                    !latency_limit.is_zero(),
                    "algorithm.latency_limit",
                    "every answer would be bad",
                );
                let share = (0.5..1.0).contains(&decrease);
                found.expect(share, "algorithm.decrease", "must be at least 0.5 and below 1");
            }
        }
        found.done()
    }
}
