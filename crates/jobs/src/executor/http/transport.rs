use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use seaworthy_resilience::{AsRejection, Rejection};
use tower::BoxError;

/// Carries one request and its answer. It follows no redirects and repeats nothing.
pub trait Transport: Send + Sync + 'static {
    /// Sends, and reads at most `most` bytes of the answer's body; what is longer is cut off there.
    fn send(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> BoxFuture<'static, Result<Response<Bytes>, BoxError>>;
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// A policy of ours ended the call.
    Rejected(Rejection),
    /// It must not be carried there.
    NotAllowed(String),
    /// It could not be carried.
    Other(String),
}

/// An address that may not be called.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is inside the network and may not be called: it is no upstream, and not listed among the hosts of jobs"
)]
pub(super) struct NotAllowed(pub(super) String);

impl Broken {
    pub(super) fn of(error: BoxError) -> Self {
        match error.downcast::<NotAllowed>() {
            Ok(refusal) => Self::NotAllowed(refusal.to_string()),
            Err(error) => Self::other(error),
        }
    }

    pub(super) fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<Rejection> for Broken {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl AsRejection for Broken {
    fn as_rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::NotAllowed(_) | Self::Other(_) => None,
        }
    }
}
