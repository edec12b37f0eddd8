//! Jobs that wait for other jobs.

mod resolve;

pub(crate) use resolve::{expire, finished, register};

use std::time::Duration;

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependsOn {
    pub(crate) jobs: Vec<i64>,
    pub(crate) needs: Needs,
    pub(crate) mode: Mode,
    pub(crate) delay: Duration,
    pub(crate) timeout: Option<Duration>,
}

/// How a job that is waited for must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Completed.
    Success,
    /// Ended in whatever way.
    Completion,
    /// Discarded: it failed for good.
    Failure,
}

/// How many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every one.
    All,
    /// The first.
    Any,
}

impl DependsOn {
    /// All of these jobs must have been completed.
    pub fn all(jobs: impl IntoIterator<Item = i64>) -> Self {
        Self::new(jobs, Mode::All)
    }

    /// One of these jobs must have been completed.
    pub fn any(jobs: impl IntoIterator<Item = i64>) -> Self {
        Self::new(jobs, Mode::Any)
    }

    fn new(jobs: impl IntoIterator<Item = i64>, mode: Mode) -> Self {
        let mut jobs: Vec<i64> = jobs.into_iter().collect();
        jobs.sort_unstable();
        jobs.dedup();
        Self { jobs, needs: Needs::Success, mode, delay: Duration::ZERO, timeout: None }
    }

    /// How they must end; [`Needs::Success`] unless said.
    #[must_use]
    pub const fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// So long after that.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Called off where it still waits after so long.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl Needs {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Completion => "completion",
            Self::Failure => "failure",
        }
    }
}

impl Mode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
        }
    }
}
