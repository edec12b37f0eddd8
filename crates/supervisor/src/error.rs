use seaworthy_core::ErrorCode;
use seaworthy_resilience::Contradiction;

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings that cannot be meant; all that is wrong with them.
    #[error("{}", list(.0))]
    Settings(Vec<Contradiction>),
    /// There is no such service.
    #[error("there is no service \"{0}\" that is run here")]
    NotFound(String),
    /// It is not in a state for this, or not set up for it.
    #[error("{service}: {reason}")]
    Refused {
        /// Which service.
        service: String,
        /// Why not, and what would help.
        reason: String,
    },
    /// Too many orders wait already.
    #[error("{0}: too many orders wait; try again")]
    Busy(String),
    /// The supervisor is about to end.
    #[error("seaworthy is shutting down")]
    ShuttingDown,
}

impl Error {
    /// What a caller can do about it.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Settings(_) => ErrorCode::Invalid,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Refused { .. } => ErrorCode::Conflict,
            Self::Busy(_) => ErrorCode::Limited,
            Self::ShuttingDown => ErrorCode::Unavailable,
        }
    }

    pub(crate) fn refused(service: &str, reason: impl Into<String>) -> Self {
        Self::Refused { service: service.to_owned(), reason: reason.into() }
    }
}

fn list(found: &[Contradiction]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
