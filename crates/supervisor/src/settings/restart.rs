use serde::Serialize;
use std::str::FromStr;
use std::time::Duration;

/// What follows when a replica ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restart {
    /// Whether it is started again.
    pub policy: RestartPolicy,
    /// How long that takes.
    pub backoff: Backoff,
}

/// Whether a replica that ended by itself is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum RestartPolicy {
    /// However it ended.
    #[default]
    Always,
    /// Unless it ended with status 0.
    OnFailure,
    /// Never.
    Never,
}

impl FromStr for RestartPolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "Always" | "always" => Ok(Self::Always),
            "OnFailure" | "on-failure" => Ok(Self::OnFailure),
            "Never" | "never" => Ok(Self::Never),
            _ => Err(format!("\"{text}\" is not a restart policy; use Always, OnFailure or Never")),
        }
    }
}

/// How long a replica that ended waits before it is started again: a random time of up to `initial`, the limit doubling
/// each time up to `max` (full jitter, so that replicas that died together do not come back together).
///
/// Kubernetes begins with 10 s, because a node has many pods; on one machine with few services 1 s is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait before the first restart. 1 s.
    pub initial: Duration,
    /// Longest wait before any restart. 5 min.
    pub max: Duration,
    /// After so long a run the next end counts as the first. 10 min.
    pub reset_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(300),
            reset_after: Duration::from_secs(600),
        }
    }
}

impl Backoff {
    /// Longest wait before the `failures`th restart in a row (from 1).
    pub fn limit(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.initial.saturating_mul(1 << doublings).min(self.max)
    }
}
