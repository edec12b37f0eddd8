//! What notices about jobs are called.

/// A queue has work; the detail is its name.
pub(crate) const READY: &str = "job-ready";
/// A job was given a time.
pub(crate) const DUE: &str = "job-due";
/// A running job is to be called off; the detail is its id.
pub(crate) const CANCEL: &str = "job-cancel";
/// A batch may be finished.
pub(crate) const BATCH: &str = "job-batch";
/// A queue's settings changed; the detail is its name.
pub(crate) const QUEUE: &str = "job-queue";
/// A redrive was begun or changed.
pub(crate) const REDRIVE: &str = "job-redrive";
/// A schedule was made or changed; the detail is its name.
pub(crate) const SCHEDULE: &str = "job-schedule";
