use seaworthy_core::ErrorCode;

/// Why a call about jobs did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The job as given cannot be accepted.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which part of it.
        field: &'static str,
        /// What is wrong, without the value.
        reason: String,
    },
    /// There is no such job, batch or queue.
    #[error("no such {what}: {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Which one.
        id: String,
    },
    /// The job is in a state in which this cannot be done to it.
    #[error("job {id} is {state}: it cannot be {action}")]
    State {
        /// Which job.
        id: i64,
        /// Its state.
        state: crate::State,
        /// What was asked.
        action: &'static str,
    },
    /// It is there, and in a state in which this cannot be done to it.
    #[error("{what} \"{id}\": {reason}")]
    Refused {
        /// What kind of thing.
        what: &'static str,
        /// Which one.
        id: String,
        /// Why not.
        reason: String,
    },
    /// Another scheduler leads by now: what this one wanted to write was not written.
    #[error("another scheduler leads by now")]
    Superseded,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] seaworthy_store::Error),
}

impl Error {
    /// What a caller can do about it.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::Invalid,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::State { .. } | Self::Refused { .. } | Self::Superseded => ErrorCode::Conflict,
            Self::Store(error) => error.code(),
        }
    }

    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }
}
