use seaworthy_core::ErrorCode;
use std::time::Duration;

/// Why a call did not do what it was asked. No variant carries a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What was given cannot be accepted.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which part of it.
        field: &'static str,
        /// What is wrong, without the value.
        reason: String,
    },
    /// There is no such thing, or none that the caller may see.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// It is there already, or is in a state in which this cannot be done.
    #[error("{0}")]
    Conflict(String),
    /// The caller is known and may not do this.
    #[error("not allowed: {0}")]
    Denied(String),
    /// Who is calling was not shown. One text for every cause: it tells nobody what was wrong.
    #[error("the credentials are not accepted")]
    Unauthenticated(Reject),
    /// Too many failures: nothing was tried.
    #[error("too many attempts; try again in {} s", .0.as_secs().max(1))]
    LockedOut(Duration),
    /// Too many passwords are being looked at.
    #[error("too many log-ins at a time")]
    Busy,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] seaworthy_store::Error),
    /// A sealed value, or the key file.
    #[error(transparent)]
    Seal(#[from] seaworthy_store::seal::Error),
    /// A defect of ours.
    #[error("{0}")]
    Internal(&'static str),
}

/// Why credentials are not accepted: for logs, metrics and the audit log, never for whoever sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reject {
    /// Nothing that looks like a credential.
    Malformed,
    /// Nobody knows it.
    Unknown,
    /// It is wrong.
    Wrong,
    /// It is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// It is not good yet.
    Early,
    /// It is of another kind: a refresh token is no access token.
    Kind,
    /// It is for somebody else.
    Audience,
    /// It is from somebody else.
    Issuer,
    /// It was used before.
    Reused,
    /// Its owner is switched off.
    Disabled,
}

impl Reject {
    /// Its stable name.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Wrong => "wrong",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Early => "not_yet_valid",
            Self::Kind => "wrong_kind",
            Self::Audience => "wrong_audience",
            Self::Issuer => "wrong_issuer",
            Self::Reused => "reused",
            Self::Disabled => "disabled",
        }
    }
}

impl Error {
    /// What a caller can do about it.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::Invalid,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Denied(_) => ErrorCode::Forbidden,
            Self::Unauthenticated(_) => ErrorCode::Unauthenticated,
            Self::LockedOut(_) => ErrorCode::Limited,
            Self::Busy => ErrorCode::Unavailable,
            Self::Store(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }
}
