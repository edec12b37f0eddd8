use super::Failure;
use serde::{Deserialize, Serialize};

/// What a run showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Requests per second as set.
    pub rate: f64,
    /// All requests of the schedule; each is either in `ok` or in `failures`.
    pub requests: u64,
    /// Those with a good answer.
    pub ok: u64,
    /// Their share, from 0 to 1.
    pub success_rate: f64,
    /// The others, by kind.
    pub failures: Failures,
    /// How long all requests that were sent took from the moment they were due, failed ones included.
    pub latency: Latency,
    /// The same of good answers only.
    pub latency_ok: Latency,
    /// The longest run of failed requests with no good one between them.
    pub longest_run: Spell,
    /// The longest time in which failures followed each other within half a second.
    pub longest_outage: Spell,
    /// The run second by second, by when requests were due.
    pub series: Vec<Second>,
}

/// Failed requests by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failures {
    /// Statuses of 400 and more.
    pub status: u64,
    /// No complete answer in time.
    pub timeout: u64,
    /// No connection.
    pub connect: u64,
    /// A connection that broke.
    pub broken: u64,
    /// Never sent: too many were under way.
    pub overflow: u64,
}

impl Failures {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.status + self.timeout + self.connect + self.broken + self.overflow
    }

    /// How many of one kind.
    pub fn count(mut self, failure: Failure) -> u64 {
        *self.of(failure)
    }

    pub(super) fn of(&mut self, failure: Failure) -> &mut u64 {
        match failure {
            Failure::Status => &mut self.status,
            Failure::Timeout => &mut self.timeout,
            Failure::Connect => &mut self.connect,
            Failure::Broken => &mut self.broken,
            Failure::Overflow => &mut self.overflow,
        }
    }
}

/// Quantiles in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Latency {
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

/// A stretch of failures.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spell {
    /// When it began, from the start of the run.
    pub start_ms: f64,
    /// How long it lasted: until a request was due that did not fail.
    pub lasted_ms: f64,
    /// How many requests failed in it.
    pub failures: u64,
}

impl Spell {
    pub(super) fn longer(self, other: Self) -> Self {
        if other.lasted_ms > self.lasted_ms { other } else { self }
    }
}

/// One second of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Second {
    /// Which one, from 0.
    pub second: u64,
    /// Good answers.
    pub ok: u64,
    /// The others.
    pub failures: Failures,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}
