use super::session::Session;
use crate::client::TokenError;
use crate::fetch::FetchError;
use crate::jwt::{Reject, SettingsError};
use http::HeaderValue;
use seaworthy_core::ErrorCode;

/// Where to send the browser to log in, and the cookie that remembers what was asked.
#[derive(Debug, Clone)]
pub struct Begin {
    /// For `Location`.
    pub redirect: String,
    /// For `Set-Cookie`.
    pub cookies: Vec<HeaderValue>,
}

/// Somebody has logged in, or their tokens were renewed.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// Who.
    pub session: Session,
    /// Where they wanted to go; a path of our own.
    pub return_to: String,
    /// For `Set-Cookie`.
    pub cookies: Vec<HeaderValue>,
}

/// Where to send the browser to log out at the provider too.
#[derive(Debug, Clone)]
pub struct Logout {
    /// For `Location`.
    pub redirect: String,
    /// For `Set-Cookie`: removes the session.
    pub cookies: Vec<HeaderValue>,
}

/// Why nobody was logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The provider's answer belongs to no log-in of this browser: forged, repeated or too late.
    #[error("this answer belongs to no log-in that was begun here")]
    State,
    /// The answer comes from another provider than was asked (RFC 9207).
    #[error("the answer comes from another provider")]
    Issuer,
    /// The provider refused; its `error` code.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The ID token is not to be believed.
    #[error("the ID token is not to be believed: {0}")]
    IdToken(Reject),
    /// The provider cannot be reached or answers nonsense.
    #[error(transparent)]
    Provider(FetchError),
    /// The provider's tokens do not fit into cookies.
    #[error("the session is too large for a browser")]
    TooLarge,
    /// The session cannot be renewed: log in again.
    #[error("the session is over")]
    Over,
    /// The work was interrupted.
    #[error("the log-in was interrupted")]
    Interrupted,
}

impl LoginError {
    /// The stable word for logs, metrics and problem bodies.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::State => "login_state",
            Self::Issuer => "login_issuer",
            Self::Refused(_) => "login_refused",
            Self::IdToken(_) => "login_id_token",
            Self::Provider(_) => "login_provider",
            Self::TooLarge => "login_too_large",
            Self::Over => "session_over",
            Self::Interrupted => "login_interrupted",
        }
    }

    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::State | Self::Issuer => ErrorCode::Invalid,
            Self::Refused(_) | Self::IdToken(_) | Self::Over => ErrorCode::Unauthenticated,
            Self::Provider(error) => error.code(),
            Self::TooLarge => ErrorCode::Internal,
            Self::Interrupted => ErrorCode::Unavailable,
        }
    }
}

impl From<TokenError> for LoginError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Fetch(error) => Self::Provider(error),
            TokenError::Refused(word) => Self::Refused(word),
            TokenError::Interrupted => Self::Interrupted,
        }
    }
}

/// Settings with which nobody could log in safely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginSettingsError {
    /// An address that must not be called or sent to.
    #[error(transparent)]
    Address(#[from] FetchError),
    /// What the ID tokens' verification says.
    #[error(transparent)]
    Tokens(#[from] SettingsError),
    /// There is no key for cookies.
    #[error("a log-in needs at least one key for its cookies")]
    NoKey,
    /// A cookie's name that is none.
    #[error("this is no name for a cookie: {0}")]
    Cookie(String),
}
