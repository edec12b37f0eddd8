/// What could not be done, and why.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub(crate) struct Error {
    what: String,
    why: String,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { what: what.into(), why: why.to_string() }
    }
}

impl From<seaworthy_jobs::Error> for Error {
    fn from(error: seaworthy_jobs::Error) -> Self {
        Self::new("jobs", error)
    }
}

impl From<seaworthy_store::Error> for Error {
    fn from(error: seaworthy_store::Error) -> Self {
        Self::new("store", error)
    }
}
