//! The way to identities: it may be shut, because there is no store or because the store is away.

use seaworthy_core::ErrorCode;
use seaworthy_identity::{Error, Identity};
use tokio::sync::watch;

use crate::Problem;

/// Seconds after which an answer of "not now" suggests to come back.
const RETRY_AFTER: u32 = 2;

/// Where the way leads.
#[derive(Debug, Clone)]
pub enum IdentityState {
    /// There is no store.
    Off,
    /// The store is not there yet; why.
    Opening(String),
    /// To identities.
    Open(Identity),
}

/// Tells where the way leads now.
#[derive(Debug, Clone)]
pub struct IdentityDoor(watch::Receiver<IdentityState>);

impl IdentityDoor {
    /// A door that is opened and shut from elsewhere.
    pub const fn new(state: watch::Receiver<IdentityState>) -> Self {
        Self(state)
    }

    /// A door that stays shut.
    pub fn shut() -> Self {
        Self(watch::channel(IdentityState::Off).1)
    }

    /// Identities, where the way leads there.
    pub fn now(&self) -> Option<Identity> {
        match &*self.0.borrow() {
            IdentityState::Open(identity) => Some(identity.clone()),
            IdentityState::Off | IdentityState::Opening(_) => None,
        }
    }

    /// Whether there are identities, only not yet.
    pub fn is_opening(&self) -> bool {
        matches!(&*self.0.borrow(), IdentityState::Opening(_))
    }

    /// Where the way leads now.
    pub(crate) fn state(&self) -> IdentityState {
        self.0.borrow().clone()
    }

    pub(crate) fn open(&self) -> Result<Identity, Problem> {
        match &*self.0.borrow() {
            IdentityState::Open(identity) => Ok(identity.clone()),
            IdentityState::Off => {
                let detail = "identities are kept in the store: write [store] in the configuration";
                Err(Problem::new(ErrorCode::NotFound, "identity_off", detail))
            }
            IdentityState::Opening(why) => {
                Err(Problem::new(ErrorCode::Unavailable, "store_unavailable", why).retry_after(RETRY_AFTER))
            }
        }
    }
}

/// What a refusal of identities is called.
pub(crate) fn problem(error: Error) -> Problem {
    let (code, detail) = (error.code(), error.to_string());
    match &error {
        Error::Store(_) if code == ErrorCode::Unavailable => {
            Problem::new(code, "store_unavailable", &detail).retry_after(RETRY_AFTER)
        }
        Error::Store(_) if code == ErrorCode::Timeout => {
            Problem::new(code, "store_timed_out", &detail).retry_after(RETRY_AFTER)
        }
        Error::Store(_) | Error::Seal(_) | Error::Internal(_) => {
            tracing::error!(%error, "identities failed");
            Problem::new(ErrorCode::Internal, "store_failed", "the store failed; the log tells more")
        }
        Error::Invalid { .. } => Problem::new(code, "invalid_argument", &detail),
        Error::NotFound(_) => Problem::new(code, "no_such_object", &detail),
        Error::Conflict(_) => Problem::new(code, "wrong_state", &detail),
        Error::Denied(_) => Problem::new(code, "permission_missing", &detail),
        Error::Unauthenticated(_) => Problem::new(code, "credential_refused", &detail),
        Error::LockedOut(wait) => Problem::new(code, "locked_out", &detail)
            .retry_after(u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX)),
        Error::Busy => Problem::new(code, "too_many_log_ins", &detail).retry_after(RETRY_AFTER),
    }
}
