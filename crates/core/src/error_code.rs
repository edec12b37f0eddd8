use std::fmt;
use std::str::FromStr;

/// What kind of thing went wrong. Nine codes for everything, so that a caller can act on any of them.
///
/// A finer *reason* (`breaker_open`, `no_route`, …) stands beside the code in a problem body; callers act on the code
/// and show the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorCode {
    /// The request itself is wrong; sending it again will fail again.
    Invalid,
    /// Nobody knows who is calling.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// There is no such thing, or none the caller may see.
    NotFound,
    /// It is already there, or it changed since it was read.
    Conflict,
    /// Too many requests; `Retry-After` says when to come back.
    Limited,
    /// The part that should answer cannot be reached or refuses work for now; safe to try again later.
    Unavailable,
    /// The part that should answer did not answer in time; it may have done the work.
    Timeout,
    /// A defect of ours.
    Internal,
}

impl ErrorCode {
    /// Every code, in a fixed order.
    pub const ALL: [Self; 9] = [
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Limited,
        Self::Unavailable,
        Self::Timeout,
        Self::Internal,
    ];

    /// The stable name that stands in answers, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Limited => "limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status this code is answered with where nothing more exact applies.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Limited => 429,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::Internal => 500,
        }
    }

    /// Whether the same request may succeed later without a change.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Limited | Self::Unavailable | Self::Timeout)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is none of the nine codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an error code")]
pub struct UnknownErrorCode(String);

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| UnknownErrorCode(text.to_owned()))
    }
}

impl serde::Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_statuses_differ() {
        let mut statuses = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
            assert!(statuses.insert(code.http_status()), "{code} shares its status");
        }
        assert!("nope".parse::<ErrorCode>().is_err());
    }
}
