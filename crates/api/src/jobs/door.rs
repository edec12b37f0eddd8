//! The way to jobs: it may be shut, because nobody wants any or because the store is away.

use seaworthy_core::ErrorCode;
use seaworthy_jobs::dead::DeadLetters;
use seaworthy_jobs::schedule::{Definition, Schedules};
use seaworthy_jobs::{Error, Jobs};
use tokio::sync::watch;

use crate::Problem;

/// Seconds after which an answer of "not now" suggests to come back.
const RETRY_AFTER: u32 = 2;

/// Where the way to jobs leads.
#[derive(Debug, Clone)]
pub enum JobsState {
    /// The configuration switches no jobs on.
    Off,
    /// The store is not there yet; why.
    Opening(String),
    /// To jobs.
    Open(OpenJobs),
}

/// The doors to everything in the store.
#[derive(Debug, Clone)]
pub struct OpenJobs {
    pub(crate) jobs: Jobs,
    pub(crate) schedules: Schedules,
    pub(crate) dead: DeadLetters,
}

impl OpenJobs {
    /// All doors of these jobs; brings the API's own tables up to date.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn new(jobs: Jobs) -> Result<Self, Error> {
        jobs.store().migrate(&super::once::SCHEMA).await?;
        Ok(Self { schedules: Schedules::new(jobs.clone()), dead: DeadLetters::new(jobs.clone()), jobs })
    }
}

/// Tells where the way to jobs leads now, and which schedules are declared.
#[derive(Debug, Clone)]
pub struct JobsDoor {
    state: watch::Receiver<JobsState>,
    declared: watch::Receiver<Vec<Definition>>,
}

impl JobsDoor {
    /// A door that is opened and shut from elsewhere.
    pub const fn new(state: watch::Receiver<JobsState>, declared: watch::Receiver<Vec<Definition>>) -> Self {
        Self { state, declared }
    }

    /// A door that stays shut.
    pub fn shut() -> Self {
        Self { state: watch::channel(JobsState::Off).1, declared: watch::channel(Vec::new()).1 }
    }

    pub(crate) fn open(&self) -> Result<OpenJobs, Problem> {
        match &*self.state.borrow() {
            JobsState::Open(open) => Ok(open.clone()),
            JobsState::Off => {
                let detail = "jobs are not switched on: write [jobs] in the configuration";
                Err(Problem::new(ErrorCode::NotFound, "jobs_off", detail))
            }
            JobsState::Opening(why) => Err(unavailable("store_unavailable", why)),
        }
    }

    /// The schedules that the configuration declares.
    pub(crate) fn declared(&self) -> Vec<Definition> {
        self.declared.borrow().clone()
    }
}

fn unavailable(reason: &str, detail: &str) -> Problem {
    Problem::new(ErrorCode::Unavailable, reason, detail).retry_after(RETRY_AFTER)
}

/// What a refusal of jobs is called.
pub(crate) fn problem(error: Error) -> Problem {
    let detail = error.to_string();
    match (&error, error.code()) {
        (Error::Store(_), ErrorCode::Unavailable) => unavailable("store_unavailable", &detail),
        (Error::Store(_), code @ ErrorCode::Timeout) => {
            Problem::new(code, "store_timed_out", &detail).retry_after(RETRY_AFTER)
        }
        (Error::Store(_), ErrorCode::Internal) => {
            tracing::error!(%error, "the store failed");
            Problem::new(ErrorCode::Internal, "store_failed", "the store failed; the log tells more")
        }
        (_, ErrorCode::NotFound) => Problem::new(ErrorCode::NotFound, "no_such_object", &detail),
        (_, ErrorCode::Conflict) => Problem::new(ErrorCode::Conflict, "wrong_state", &detail),
        (_, ErrorCode::Invalid) => Problem::new(ErrorCode::Invalid, "invalid_argument", &detail),
        (_, code) => Problem::new(code, "internal", &detail),
    }
}
