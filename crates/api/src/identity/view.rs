//! Identities as answers show them.

use std::collections::BTreeSet;

use axum::Json;
use seaworthy_identity::rbac::Pattern;
use seaworthy_identity::{AccessRequest, ApiKey, Grant, Session, SessionId, TokenPair, User};
use serde::Serialize;
use utoipa::ToSchema;

use crate::jobs::moment;
use crate::{Problem, request};

/// It was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    done: bool,
}

impl Done {
    pub(crate) fn ok() -> Result<Json<Self>, Problem> {
        Ok(Json(Self { done: true }))
    }
}

/// The longest text that an error repeats, in bytes: more than any permission, or any duration.
const REPEATED: usize = 160;

/// Refuses what is too long to be meant, so that no answer is as long as what was asked.
pub(crate) fn brief<'a>(field: &str, text: &'a str) -> Result<&'a str, Problem> {
    match text.len() {
        0..=REPEATED => Ok(text),
        _ => Err(request::invalid(&format!("{field}: is longer than {REPEATED} bytes"))),
    }
}

/// Permissions as they are written: `jobs:read`, `jobs:*`.
pub(crate) fn patterns(texts: &BTreeSet<String>) -> Result<BTreeSet<Pattern>, Problem> {
    let pattern = |text: &String| {
        let parsed = brief("scopes", text)?.parse::<Pattern>();
        parsed.map_err(|error| request::invalid(&format!("scopes: \"{text}\": {error}")))
    };
    texts.iter().map(pattern).collect()
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserView {
    id: String,
    #[schema(example = "ann")]
    name: String,
    display_name: Option<String>,
    email: Option<String>,
    roles: Vec<String>,
    tenant: Option<String>,
    enabled: bool,
    /// Since when the password is what it is.
    password_at: String,
    must_change: bool,
    second_factor: bool,
    created_at: String,
    last_log_in_at: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            display_name: user.display_name,
            email: user.email,
            roles: user.roles,
            tenant: user.tenant,
            enabled: user.enabled,
            password_at: moment(user.password_at),
            must_change: user.must_change,
            second_factor: user.second_factor,
            created_at: moment(user.created_at),
            last_log_in_at: user.last_log_in_at.map(moment),
        }
    }
}

/// Sessions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sessions {
    pub(crate) sessions: Vec<SessionView>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    id: String,
    user: String,
    method: String,
    client: Option<String>,
    agent: Option<String>,
    created_at: String,
    used_at: String,
    expires_at: String,
    /// Whether it is the one in use.
    current: bool,
}

impl SessionView {
    pub(crate) fn of(session: &Session, own: Option<&SessionId>) -> Self {
        Self {
            id: session.id.0.clone(),
            user: session.user.clone(),
            method: session.method.clone(),
            client: session.client.clone(),
            agent: session.agent.clone(),
            created_at: moment(session.created_at),
            used_at: moment(session.used_at),
            expires_at: moment(session.expires_at),
            current: own == Some(&session.id),
        }
    }
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    id: String,
    owner: String,
    #[schema(example = "ci")]
    name: String,
    roles: Vec<String>,
    scopes: Option<Vec<String>>,
    tenant: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    /// The key that takes its place.
    successor: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            owner: key.owner,
            name: key.name,
            roles: key.roles,
            scopes: key.scopes.map(|scopes| scopes.iter().map(ToString::to_string).collect()),
            tenant: key.tenant,
            created_at: moment(key.created_at),
            expires_at: key.expires_at.map(moment),
            last_used_at: key.last_used_at.map(moment),
            successor: key.successor,
        }
    }
}

/// A pair of tokens (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// When the access token ends.
    expires: String,
    refresh_token: String,
    /// When the refresh token ends, and with it all that came of the first.
    refresh_expires: String,
}

impl From<TokenPair> for TokenView {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access.expose().clone(),
            token_type: "Bearer",
            expires: moment(pair.access_expires),
            refresh_token: pair.refresh.expose().clone(),
            refresh_expires: moment(pair.refresh_expires),
        }
    }
}

/// Something extra that ends.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantView {
    id: String,
    user: String,
    /// A role, or permissions.
    #[schema(example = "operator")]
    what: String,
    reason: String,
    granted_by: String,
    created_at: String,
    expires_at: String,
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            user: grant.user,
            what: grant.what,
            reason: grant.reason,
            granted_by: grant.granted_by,
            created_at: moment(grant.created_at),
            expires_at: moment(grant.expires_at),
        }
    }
}

/// What somebody asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestView {
    id: String,
    user: String,
    what: String,
    reason: String,
    /// For how long, from the approval on.
    #[schema(example = "4h")]
    duration: String,
    /// `pending`, `approved`, `denied`, `withdrawn` or `expired`.
    state: &'static str,
    created_at: String,
    expires_at: String,
    decided_by: Option<String>,
    decided_at: Option<String>,
    decision_reason: Option<String>,
}

impl From<AccessRequest> for RequestView {
    fn from(asked: AccessRequest) -> Self {
        Self {
            id: asked.id,
            user: asked.user,
            what: asked.what,
            reason: asked.reason,
            duration: seaworthy_core::duration::format(asked.duration),
            state: asked.state.as_str(),
            created_at: moment(asked.created_at),
            expires_at: moment(asked.expires_at),
            decided_by: asked.decided_by,
            decided_at: asked.decided_at.map(moment),
            decision_reason: asked.decision_reason,
        }
    }
}
