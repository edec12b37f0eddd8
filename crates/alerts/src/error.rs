use seaworthy_core::ErrorCode;

/// Why a call did not do what it was asked. No variant carries a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What was given cannot be accepted.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which part of it.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no such thing.
    #[error("no {what} {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Which one.
        id: String,
    },
    /// It is in a state in which this cannot be done.
    #[error("{0}")]
    State(String),
    /// There is no room for one more.
    #[error("there are {most} {what} already")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// No database is attached, so that nothing can be kept.
    #[error("no database is attached yet")]
    Detached,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] seaworthy_store::Error),
    /// The queue did not take it.
    #[error(transparent)]
    Jobs(#[from] seaworthy_jobs::Error),
    /// The history of metrics has no answer to the question.
    #[error(transparent)]
    History(#[from] seaworthy_telemetry::history::Error),
}

impl Error {
    /// What a caller can do about it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::Invalid,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::State(_) => ErrorCode::Conflict,
            Self::Full { .. } => ErrorCode::Limited,
            Self::Detached => ErrorCode::Unavailable,
            Self::Store(error) => error.code(),
            Self::Jobs(error) => error.code(),
            Self::History(error) => error.code(),
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }
}
