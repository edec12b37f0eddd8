use seaworthy_core::{ErrorCode, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// Somebody who is logged in. It lives in the browser's sealed cookie; nothing is kept here but revocations.
#[derive(Debug, Clone)]
pub struct Session {
    /// Made anew at every log-in: what an attacker planted before is worth nothing after.
    pub id: String,
    /// The provider's name for it (`sid`).
    pub provider_session: Option<String>,
    /// Who it is (`sub`).
    pub subject: String,
    /// Roles by the configured claim.
    pub roles: Vec<String>,
    /// The tenant by the configured claim.
    pub tenant: Option<String>,
    /// What the access token may be used for.
    pub scopes: Vec<String>,
    /// What else the ID token says of the person.
    pub claims: Map<String, Value>,
    /// For calls to an upstream on the person's behalf.
    pub access_token: Option<Secret<String>>,
    /// When the access token ends.
    pub access_ends: Option<SystemTime>,
    /// When it began.
    pub created: SystemTime,
    /// When it was last used, to about a minute.
    pub seen: SystemTime,
    pub(super) refresh_token: Option<Secret<String>>,
    pub(super) id_token: Option<Secret<String>>,
}

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No cookie, or not all of it.
    #[error("nobody is logged in")]
    Missing,
    /// A cookie that is not ours, was changed, or was sealed with a key that is gone.
    #[error("the session cannot be read")]
    Invalid,
    /// Unused or open for too long.
    #[error("the session is over")]
    Expired,
    /// Logged out here or at the provider.
    #[error("the session was ended")]
    Revoked,
}

impl SessionError {
    /// The stable word for logs, metrics and problem bodies.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "session_missing",
            Self::Invalid => "session_invalid",
            Self::Expired => "session_expired",
            Self::Revoked => "session_revoked",
        }
    }

    /// The stable code.
    pub const fn code(self) -> ErrorCode {
        ErrorCode::Unauthenticated
    }
}

/// The cookie's content. Short names: it travels with every request.
#[derive(Serialize, Deserialize)]
struct Wire {
    i: String,
    s: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    r: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    c: Vec<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    m: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    f: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h: Option<String>,
    b: u64,
    l: u64,
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn time(seconds: u64) -> SystemTime {
    // sealed by us, but an absurd number must not panic all the same
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799))
}

impl Session {
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let plain = |secret: &Option<Secret<String>>| secret.as_ref().map(|secret| secret.expose().clone());
        let wire = Wire {
            i: self.id.clone(),
            s: self.subject.clone(),
            p: self.provider_session.clone(),
            r: self.roles.clone(),
            t: self.tenant.clone(),
            c: self.scopes.clone(),
            m: self.claims.clone(),
            a: plain(&self.access_token),
            e: self.access_ends.map(seconds),
            f: plain(&self.refresh_token),
            h: plain(&self.id_token),
            b: seconds(self.created),
            l: seconds(self.seen),
        };
        serde_json::to_vec(&wire).ok()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            id: wire.i,
            subject: wire.s,
            provider_session: wire.p,
            roles: wire.r,
            tenant: wire.t,
            scopes: wire.c,
            claims: wire.m,
            access_token: wire.a.map(Secret::new),
            access_ends: wire.e.map(time),
            refresh_token: wire.f.map(Secret::new),
            id_token: wire.h.map(Secret::new),
            created: time(wire.b),
            seen: time(wire.l),
        })
    }

    /// Whether the access token is over, or nearly, and can be renewed.
    pub fn wants_refresh(&self, now: SystemTime) -> bool {
        let near = |ends: SystemTime| now + Duration::from_secs(30) >= ends;
        self.refresh_token.is_some() && self.access_ends.is_some_and(near)
    }
}
