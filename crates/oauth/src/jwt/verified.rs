use super::Reject;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::SystemTime;

/// A token that was believed, as the rest of the house sees it.
#[derive(Clone, PartialEq)]
pub struct Verified {
    /// The name the issuer has in the configuration.
    pub issuer: Arc<str>,
    /// The claim `iss`.
    pub issuer_url: Arc<str>,
    /// Whom it speaks for (`sub`).
    pub subject: Arc<str>,
    /// The client it was issued to (`client_id`, else `azp`).
    pub client_id: Option<Arc<str>>,
    /// What it may be used for.
    pub scopes: Vec<Arc<str>>,
    /// Roles by the configured claim.
    pub roles: Vec<Arc<str>>,
    /// The tenant by the configured claim.
    pub tenant: Option<Arc<str>>,
    /// The token's own name (`jti`).
    pub token_id: Option<Arc<str>>,
    /// When it was issued (`iat`).
    pub issued: Option<SystemTime>,
    /// When it ends (`exp`, without leeway).
    pub expires: SystemTime,
    /// Every claim, as signed.
    pub claims: Map<String, Value>,
}

impl Verified {
    /// Whether it carries this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| &**own == scope)
    }

    /// Whether it carries this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| &**own == role)
    }
}

// claims hold personal data
impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .field("roles", &self.roles)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// An answer, or the way to it.
pub enum Check {
    /// Known at once; no other thread was involved.
    Ready(Result<Arc<Verified>, Reject>),
    /// The issuer has to be asked first. The future may be awaited on any runtime.
    Wait(BoxFuture<'static, Result<Arc<Verified>, Reject>>),
}

impl Check {
    /// The answer, whichever way it comes.
    ///
    /// # Errors
    /// Why the token is not believed.
    pub async fn resolve(self) -> Result<Arc<Verified>, Reject> {
        match self {
            Self::Ready(result) => result,
            Self::Wait(future) => future.await,
        }
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(result) => f.debug_tuple("Ready").field(result).finish(),
            Self::Wait(_) => f.write_str("Wait"),
        }
    }
}
