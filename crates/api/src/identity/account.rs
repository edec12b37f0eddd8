//! One's own account: who one is, the password, the second factor, sessions, tokens.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::SET_COOKIE;
use seaworthy_core::Secret;
use seaworthy_identity::{Actor, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::log_in::gone;
use super::problem;
use super::view::{Done, SessionView, Sessions, TokenView, patterns};
use crate::{Control, Problem, request};

/// Who is calling.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Account {
    /// What people call them.
    #[schema(example = "ann")]
    name: String,
    /// The one name that stays: `user:…`, `external:…`, `system`.
    subject: String,
    /// How they showed who they are.
    #[schema(example = "password")]
    method: &'static str,
    roles: Vec<String>,
    /// What the key or token in use is good for; null: all that the roles allow.
    scopes: Option<Vec<String>>,
    tenant: Option<String>,
    /// Roles and permissions held for a time.
    grants: Vec<String>,
    /// What must come in `X-CSRF-Token` with orders of this session; null without one.
    csrf: Option<String>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordOrder {
    /// The password as it is.
    current: String,
    /// And as it is to be.
    new: String,
}

/// The password once more, for what somebody at an open screen must not do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// The password.
    password: String,
}

/// A code of the device that is being set up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeOrder {
    /// Six digits.
    #[schema(example = "123456")]
    code: String,
}

/// What tokens are to be good for.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokensOrder {
    /// Permissions such as `jobs:read`, `jobs:*`; without any: all that the roles allow.
    #[serde(default)]
    scopes: Option<BTreeSet<String>>,
}

/// A token to be revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeOrder {
    /// An access or a refresh token. Of a refresh token all that came of the same log-in ends.
    token: String,
}

/// A secret for an authenticator app.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolmentView {
    /// For typing.
    secret: String,
    /// For scanning.
    uri: String,
}

/// Codes for the day the device is lost; shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    codes: Vec<String>,
}

/// Who is calling.
#[utoipa::path(get, path = "/api/v1/account", tag = "account",
    extensions(("x-permission" = json!("account:read"))), responses((status = 200, body = Account)))]
pub(crate) async fn show(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<Account>, Problem> {
    let who = &actor.principal;
    let csrf = match (&who.session, control.identity.now()) {
        (Some(session), Some(identity)) => Some(identity.csrf_token(session).map_err(problem)?),
        _ => None,
    };
    Ok(Json(Account {
        name: who.name.clone(),
        subject: who.subject.to_string(),
        method: who.method.as_str(),
        roles: who.roles.clone(),
        scopes: who.scopes.as_ref().map(|scopes| scopes.iter().map(ToString::to_string).collect()),
        tenant: who.tenant.clone(),
        grants: who.grants.iter().map(|grant| grant.what.to_string()).collect(),
        csrf,
    }))
}

/// Changes one's own password. All other sessions and all tokens end.
#[utoipa::path(put, path = "/api/v1/account/password", tag = "account", request_body = PasswordOrder,
    extensions(("x-permission" = json!("account:write"))),
    responses((status = 200, body = Done), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn password(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    let order: PasswordOrder = request::body(&bytes)?;
    let (current, new) = (Secret::new(order.current), Secret::new(order.new));
    identity.change_password(&actor, current, new).await.map_err(problem)?;
    Done::ok()
}

/// Begins to set up a second factor. It counts once a code of it was confirmed.
#[utoipa::path(post, path = "/api/v1/account/second-factor", tag = "account", request_body = Confirmation,
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = EnrolmentView)))]
pub(crate) async fn begin_second_factor(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<EnrolmentView>, Problem> {
    let identity = control.identity.open()?;
    let order: Confirmation = request::body(&bytes)?;
    let made = identity.begin_second_factor(&actor, Secret::new(order.password)).await.map_err(problem)?;
    Ok(Json(EnrolmentView { secret: made.secret.expose().clone(), uri: made.uri.expose().clone() }))
}

/// Confirms a second factor with a code of it. From now on every log-in asks for one.
#[utoipa::path(put, path = "/api/v1/account/second-factor", tag = "account", request_body = CodeOrder,
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = RecoveryCodes)))]
pub(crate) async fn confirm_second_factor(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<RecoveryCodes>, Problem> {
    let identity = control.identity.open()?;
    let order: CodeOrder = request::body(&bytes)?;
    let codes = identity.confirm_second_factor(&actor, Secret::new(order.code)).await.map_err(problem)?;
    Ok(Json(RecoveryCodes { codes: codes.iter().map(|code| code.expose().clone()).collect() }))
}

/// Takes one's second factor away.
#[utoipa::path(delete, path = "/api/v1/account/second-factor", tag = "account", request_body = Confirmation,
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn remove_second_factor(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    let order: Confirmation = request::body(&bytes)?;
    identity.remove_second_factor(&actor, Secret::new(order.password)).await.map_err(problem)?;
    Done::ok()
}

/// One's own sessions, newest first.
#[utoipa::path(get, path = "/api/v1/account/sessions", tag = "account",
    extensions(("x-permission" = json!("account:read"))), responses((status = 200, body = Sessions)))]
pub(crate) async fn sessions(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<Sessions>, Problem> {
    let identity = control.identity.open()?;
    let user = user(&actor)?;
    let sessions = identity.sessions(&actor, &user).await.map_err(problem)?;
    let own = actor.principal.session.as_ref();
    Ok(Json(Sessions { sessions: sessions.iter().map(|one| SessionView::of(one, own)).collect() }))
}

/// Ends all of one's own sessions but the one in use.
#[utoipa::path(delete, path = "/api/v1/account/sessions", tag = "account",
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn end_sessions(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    identity.revoke_sessions(&actor, &user(&actor)?).await.map_err(problem)?;
    Done::ok()
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/v1/account/sessions/{id}", tag = "account", params(("id" = String, Path)),
    extensions(("x-permission" = json!("account:write"))),
    responses((status = 200, body = Done), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn end_session(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    identity.revoke_session(&actor, &user(&actor)?, &SessionId(id)).await.map_err(problem)?;
    Done::ok()
}

/// Ends the session in use.
#[utoipa::path(post, path = "/api/v1/logout", tag = "account",
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn log_out(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
) -> Result<Response, Problem> {
    control.identity.open()?.log_out(&actor).await.map_err(problem)?;
    Ok(([(SET_COOKIE, gone())], Done::ok()?).into_response())
}

/// Tokens for the person whose session this is: one for access, one to get the next pair with.
#[utoipa::path(post, path = "/api/v1/account/tokens", tag = "tokens", request_body = TokensOrder,
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = TokenView)))]
pub(crate) async fn tokens(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<TokenView>, Problem> {
    let identity = control.identity.open()?;
    let order: TokensOrder = request::maybe(&bytes)?;
    let scopes = order.scopes.as_ref().map(patterns).transpose()?;
    Ok(Json(identity.issue_tokens(&actor, scopes).await.map_err(problem)?.into()))
}

/// Revokes a token, whoever's it is: whoever has it may end it (RFC 7009).
#[utoipa::path(post, path = "/api/v1/tokens/revoke", tag = "tokens", request_body = RevokeOrder,
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn revoke_token(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    let order: RevokeOrder = request::body(&bytes)?;
    identity.revoke_token(&actor, &order.token).await.map_err(problem)?;
    Done::ok()
}

/// The person who calls; programs and the operator have no account.
fn user(actor: &Actor) -> Result<String, Problem> {
    let user = actor.principal.subject.user().map(str::to_owned);
    user.ok_or_else(|| request::invalid("this is for people; the caller is none"))
}
