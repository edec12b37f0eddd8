//! The gateway's own tokens for services.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use seaworthy_gateway::access::Credential;
use seaworthy_oauth::client::ClientCredentials;

/// A 401 may be about the client, not about us: at most so often a token is given up for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A token that is fetched anew before it ends.
#[derive(Debug)]
pub(super) struct OwnToken {
    token: Arc<ClientCredentials>,
    given_up: Mutex<Option<Instant>>,
}

impl OwnToken {
    pub(super) fn new(token: Arc<ClientCredentials>) -> Self {
        Self { token, given_up: Mutex::default() }
    }
}

impl Credential for OwnToken {
    fn current(&self) -> Option<HeaderValue> {
        self.token.current(SystemTime::now())
    }

    fn refused(&self) {
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        *given_up = Some(Instant::now());
        if let Some(header) = self.token.current(SystemTime::now()) {
            self.token.reject(&header);
        }
    }
}
