use seaworthy_core::ErrorCode;

/// Why the authority does not do as it is told.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which one.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Another process uses this authority.
    #[error("{0}: another process uses this authority")]
    Locked(String),
    /// The authority's file is not what was written. It is left as it is.
    #[error("{0}: this is no authority, or a damaged one")]
    Damaged(String),
    /// Others than the owner may read the authority's keys.
    #[error("{0}: others than the owner can read this")]
    Exposed(String),
    /// A name that cannot stand in a certificate.
    #[error("\"{0}\" cannot stand in a certificate: lower-case letters, digits, dots and dashes")]
    Name(String),
    /// There is no certificate with this serial number.
    #[error("there is no such certificate")]
    Unknown,
    /// Too many certificates that are not over yet.
    #[error("there are too many certificates that are not over yet")]
    Full,
    /// A date outside of what certificates can say.
    #[error("the clock is set to a date that certificates cannot have")]
    Clock,
    /// The library refused.
    #[error("certificates cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The library refused.
    #[error("certificates cannot be used: {0}")]
    Tls(String),
}

impl PkiError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::File { .. } | Self::Locked(_) => ErrorCode::Unavailable,
            Self::Name(_) => ErrorCode::Invalid,
            Self::Unknown => ErrorCode::NotFound,
            Self::Full => ErrorCode::Limited,
            _ => ErrorCode::Internal,
        }
    }
}

impl From<rustls::Error> for PkiError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error.to_string())
    }
}
