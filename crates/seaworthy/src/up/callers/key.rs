//! API keys and access tokens of this Seaworthy's own store, as they were last seen: no request waits for the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use seaworthy_api::IdentityDoor;
use seaworthy_gateway::access::{
    Authenticator, Caller, Carrier, Challenge, Grant, Outcome, Presented, Refusal, RefusalKind,
};
use seaworthy_identity::rbac::Pattern;
use seaworthy_identity::{Granted, Identity, KeyCaller, Principal, Reject, TokenCaller, View};
use seaworthy_store::Timestamp;
use serde_json::Map;

use super::introduction::Introduction;
use super::jwt::{bearer, refused};
use crate::config::identity::OURSELVES;

/// Where a key may stand besides `Authorization`.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Callers whose headers are kept ready.
const READY: u64 = 20_000;

/// Recognises callers by their API key.
#[derive(Debug)]
pub(super) struct KeyWay {
    door: IdentityDoor,
    introduction: Arc<Introduction>,
    ready: Ready<KeyCaller>,
}

/// Callers whose headers are ready, by the place of what was looked up, which is kept beside: no other can have that place
/// as long as it is here. Each until the first grant that made it what it is ends.
type Ready<T> = moka::sync::Cache<usize, (Arc<T>, Arc<Caller>, Option<Timestamp>)>;

fn ready<T: Send + Sync + 'static>(
    cache: &Ready<T>,
    found: &Arc<T>,
    principal: &Principal,
    make: impl FnOnce() -> Arc<Caller>,
) -> Arc<Caller> {
    let (place, now) = (Arc::as_ptr(found) as usize, Timestamp::from(SystemTime::now()));
    if let Some((_, caller, until)) = cache.get(&place)
        && until.is_none_or(|until| now < until)
    {
        return caller;
    }
    let caller = make();
    let until = principal.grants.iter().map(|grant| grant.expires).filter(|end| *end > now).min();
    cache.insert(place, (Arc::clone(found), Arc::clone(&caller), until));
    caller
}

impl KeyWay {
    pub(super) fn new(door: IdentityDoor, introduction: Arc<Introduction>) -> Self {
        let ready = introduction.ready(READY);
        Self { door, introduction, ready }
    }
}

/// The one API key of a request, and the header it came in.
fn key<'a>(presented: &'a Presented<'_>) -> Result<Option<(&'a str, HeaderName)>, Refusal> {
    let own = presented.headers.get_all(&X_API_KEY).iter().count();
    let token = bearer(presented)?.filter(|token| View::is_key(token));
    match (own, token) {
        (0, Some(token)) => Ok(Some((token, AUTHORIZATION))),
        (0, None) => Ok(None),
        (1, None) => Ok(presented.only(&X_API_KEY).map(|key| (key, X_API_KEY))),
        _ => Err(Refusal {
            reason: "credential_malformed",
            detail: "there is more than one API key",
            kind: RefusalKind::Unauthenticated,
        }),
    }
}

impl Authenticator for KeyWay {
    fn name(&self) -> &'static str {
        "api_key"
    }

    fn authenticate(&self, presented: &Presented<'_>) -> Outcome {
        let (key, header) = match key(presented) {
            Ok(Some(found)) => found,
            Ok(None) => return Outcome::Absent,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let Some(identity) = self.door.now() else { return unavailable() };
        match identity.view().check_key(key, SystemTime::now()) {
            Ok(found) if !self.introduction.admits(&subject(&found.principal)) => {
                refused("subject_denied", "this caller may not use this")
            }
            Ok(found) => granted(self.caller(&identity, &found), header),
            Err(reject) => not_accepted(reject),
        }
    }

    fn challenge(&self, _presented: &Presented<'_>) -> Challenge {
        Challenge { header: Some(HeaderValue::from_static("ApiKey realm=\"seaworthy\"")), answer: None }
    }
}

impl KeyWay {
    fn caller(&self, identity: &Identity, found: &Arc<KeyCaller>) -> Arc<Caller> {
        ready(&self.ready, found, &found.principal, || {
            self.introduction.write(caller(identity, &found.principal, "api_key"), &Map::new())
        })
    }
}

/// Access tokens of our own.
#[derive(Debug)]
pub(super) struct OwnTokens {
    door: IdentityDoor,
    introduction: Arc<Introduction>,
    ready: Ready<TokenCaller>,
}

impl OwnTokens {
    pub(super) fn new(door: IdentityDoor, introduction: Arc<Introduction>) -> Self {
        let ready = introduction.ready(READY);
        Self { door, introduction, ready }
    }

    /// Whose token this is; `None`: it is somebody else's.
    pub(super) fn recognise(&self, token: &str) -> Option<Outcome> {
        let identity = self.door.now()?;
        match identity.view().check_token(token, SystemTime::now()) {
            Ok(found) if !self.introduction.admits(&subject(&found.principal)) => {
                Some(refused("subject_denied", "this caller may not use this"))
            }
            Ok(found) => Some(granted(self.caller(&identity, &found), AUTHORIZATION)),
            Err(Reject::Malformed | Reject::Unknown | Reject::Issuer) => None,
            Err(reject) => Some(not_accepted(reject)),
        }
    }

    fn caller(&self, identity: &Identity, found: &Arc<TokenCaller>) -> Arc<Caller> {
        ready(&self.ready, found, &found.principal, || {
            self.introduction.write(caller(identity, &found.principal, "jwt"), &Map::new())
        })
    }
}

fn granted(caller: Arc<Caller>, header: HeaderName) -> Outcome {
    Outcome::Granted(Grant { caller, carrier: Carrier::Header(header), cookies: Vec::new() })
}

/// The id that stays when somebody is called something else.
fn subject(principal: &Principal) -> String {
    principal.subject.user().map_or_else(|| principal.subject.to_string(), str::to_owned)
}

/// What a key or token is good for narrows what its owner may, and is no more than that: a scope that the owner's own roles do
/// not allow is not told to anybody.
fn caller(identity: &Identity, principal: &Principal, method: &'static str) -> Caller {
    let owner = Principal { scopes: None, ..principal.clone() };
    let allowed = |scope: &&Pattern| {
        let wanted = [Granted::Permission(Pattern::clone(scope))];
        identity.policy().covers(&owner, &wanted, identity.now())
    };
    let scopes: BTreeSet<String> =
        principal.scopes.iter().flatten().filter(allowed).map(ToString::to_string).collect();
    Caller {
        subject: subject(principal).into(),
        issuer: OURSELVES.into(),
        method,
        scopes: scopes.into_iter().map(Into::into).collect(),
        roles: principal.roles.iter().map(|role| role.as_str().into()).collect(),
        tenant: principal.tenant.as_deref().map(Into::into),
        ..Caller::default()
    }
}

/// Access fails closed.
fn unavailable() -> Outcome {
    Outcome::Refused(Refusal {
        reason: "store_unavailable",
        detail: "whether this is known cannot be found out now",
        kind: RefusalKind::Unavailable,
    })
}

fn not_accepted(reject: Reject) -> Outcome {
    let reason = match reject {
        Reject::Expired => "credential_expired",
        Reject::Revoked => "credential_revoked",
        Reject::Malformed => "credential_malformed",
        Reject::Kind => "credential_wrong_kind",
        Reject::Audience => "credential_wrong_audience",
        _ => "credential_unknown",
    };
    Outcome::Refused(Refusal {
        reason,
        detail: "this credential is not accepted",
        kind: RefusalKind::Unauthenticated,
    })
}
