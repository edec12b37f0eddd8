use crate::rejection::{InjectedFault, Rejection};
use http::StatusCode;

/// The status a rejection is answered with. An injected abort has its own; an injected reset has none, because the
/// connection is to break: `None`.
pub fn status(rejection: &Rejection) -> Option<StatusCode> {
    match rejection {
        Rejection::Injected { fault: InjectedFault::Reset } => None,
        Rejection::Injected { fault: InjectedFault::Abort { status } } => {
            Some(StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
        }
        other => StatusCode::from_u16(other.code().http_status()).ok(),
    }
}

/// What `Retry-After` says: whole seconds, rounded up, at least one.
pub fn retry_after_seconds(rejection: &Rejection) -> Option<u64> {
    let wait = rejection.retry_after()?;
    Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}
