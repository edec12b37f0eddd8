//! People.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use seaworthy_core::Secret;
use seaworthy_identity::{Actor, Identity, NewUser, SessionId, UserChange};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem;
use super::view::{Done, SessionView, Sessions, UserView};
use crate::request::Params;
use crate::{Control, Problem, request};

/// People, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Users {
    users: Vec<UserView>,
}

/// Which of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichUsers {
    /// After this name: the last of the page before.
    #[serde(default)]
    after: String,
    /// At most so many: 1 to 1,000.
    limit: Option<usize>,
}

/// A person as it is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserOrder {
    /// 1 to 64 letters, digits, `.`, `_`, `-` or `@`.
    #[schema(example = "ann")]
    name: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    /// Without any: `user`.
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(default)]
    tenant: Option<String>,
    /// The first password; without it one is made up, and shown once.
    #[serde(default)]
    password: Option<String>,
}

/// What is to be changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserOrder {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(default)]
    tenant: Option<String>,
    /// `false` ends all sessions, keys and tokens.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Somebody new, with the password that is shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewUserView {
    user: UserView,
    /// The first password; whoever has it must choose another.
    password: String,
}

/// Whether the second factor goes too.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetOrder {
    /// Takes the second factor away: the device was lost.
    #[serde(default)]
    second_factor: bool,
}

/// A password that is shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetView {
    password: String,
}

/// A person's id, by id or name.
pub(super) async fn id_of(identity: &Identity, actor: &Actor, text: &str) -> Result<String, Problem> {
    match text.starts_with("user_") {
        true => Ok(text.to_owned()),
        false => identity.user_named(actor, text).await.map(|user| user.id).map_err(problem),
    }
}

/// People, by name.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(WhichUsers),
    extensions(("x-permission" = json!("users:read"))), responses((status = 200, body = Users)))]
pub(crate) async fn list(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Params(which): Params<WhichUsers>,
) -> Result<Json<Users>, Problem> {
    let identity = control.identity.open()?;
    let users = identity.users(&actor, &which.after, request::limit(which.limit)?).await.map_err(problem)?;
    Ok(Json(Users { users: users.into_iter().map(UserView::from).collect() }))
}

/// Adds a person.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = NewUserOrder,
    extensions(("x-permission" = json!("users:write"))),
    responses((status = 201, body = NewUserView), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<NewUserView>), Problem> {
    let identity = control.identity.open()?;
    let order: NewUserOrder = request::body(&bytes)?;
    let new = NewUser {
        name: order.name,
        display_name: order.display_name,
        email: order.email,
        roles: order.roles.unwrap_or_else(|| vec!["user".to_owned()]),
        tenant: order.tenant,
        password: order.password.map(Secret::new),
    };
    let (user, password) = identity.create_user(&actor, new).await.map_err(problem)?;
    let view = NewUserView { user: user.into(), password: password.expose().clone() };
    Ok((StatusCode::CREATED, Json(view)))
}

/// A person, by id or name.
#[utoipa::path(get, path = "/api/v1/users/{user}", tag = "users", params(("user" = String, Path, example = "ann")),
    extensions(("x-permission" = json!("users:read"))),
    responses((status = 200, body = UserView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
) -> Result<Json<UserView>, Problem> {
    let identity = control.identity.open()?;
    let id = id_of(&identity, &actor, &user).await?;
    Ok(Json(identity.user(&actor, &id).await.map_err(problem)?.into()))
}

/// Changes a person.
#[utoipa::path(patch, path = "/api/v1/users/{user}", tag = "users", request_body = UserOrder,
    params(("user" = String, Path, example = "ann")), extensions(("x-permission" = json!("users:write"))),
    responses((status = 200, body = UserView)))]
pub(crate) async fn change(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
    bytes: Bytes,
) -> Result<Json<UserView>, Problem> {
    let identity = control.identity.open()?;
    let order: UserOrder = request::body(&bytes)?;
    let id = id_of(&identity, &actor, &user).await?;
    let change = UserChange {
        display_name: order.display_name,
        email: order.email,
        roles: order.roles,
        tenant: order.tenant,
        enabled: order.enabled,
    };
    Ok(Json(identity.update_user(&actor, &id, change).await.map_err(problem)?.into()))
}

/// Removes a person, with all sessions, keys and tokens.
#[utoipa::path(delete, path = "/api/v1/users/{user}", tag = "users", params(("user" = String, Path, example = "ann")),
    extensions(("x-permission" = json!("users:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn remove(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    let id = id_of(&identity, &actor, &user).await?;
    identity.delete_user(&actor, &id).await.map_err(problem)?;
    Done::ok()
}

/// Makes up a new password for a person, who must choose another with it. All sessions and tokens end.
#[utoipa::path(post, path = "/api/v1/users/{user}/reset-password", tag = "users", request_body = ResetOrder,
    params(("user" = String, Path, example = "ann")), extensions(("x-permission" = json!("users:write"))),
    responses((status = 200, body = ResetView)))]
pub(crate) async fn reset_password(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
    bytes: Bytes,
) -> Result<Json<ResetView>, Problem> {
    let identity = control.identity.open()?;
    let order: ResetOrder = request::maybe(&bytes)?;
    let id = id_of(&identity, &actor, &user).await?;
    let password = identity.reset_password(&actor, &id, order.second_factor).await.map_err(problem)?;
    Ok(Json(ResetView { password: password.expose().clone() }))
}

/// A person's sessions.
#[utoipa::path(get, path = "/api/v1/users/{user}/sessions", tag = "users",
    params(("user" = String, Path, example = "ann")), extensions(("x-permission" = json!("sessions:read"))),
    responses((status = 200, body = Sessions)))]
pub(crate) async fn sessions(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
) -> Result<Json<Sessions>, Problem> {
    let identity = control.identity.open()?;
    let id = id_of(&identity, &actor, &user).await?;
    let sessions = identity.sessions(&actor, &id).await.map_err(problem)?;
    let own = actor.principal.session.as_ref();
    Ok(Json(Sessions { sessions: sessions.iter().map(|one| SessionView::of(one, own)).collect() }))
}

/// Ends all sessions of a person, and all tokens that came of them.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions", tag = "users",
    params(("user" = String, Path, example = "ann")), extensions(("x-permission" = json!("sessions:write"))),
    responses((status = 200, body = Done)))]
pub(crate) async fn end_sessions(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    let id = id_of(&identity, &actor, &user).await?;
    identity.revoke_sessions(&actor, &id).await.map_err(problem)?;
    identity.revoke_tokens(&actor, &id).await.map_err(problem)?;
    Done::ok()
}

/// Ends one session of a person.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions/{id}", tag = "users",
    params(("user" = String, Path, example = "ann"), ("id" = String, Path)),
    extensions(("x-permission" = json!("sessions:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn end_session(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path((user, session)): Path<(String, String)>,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    let id = id_of(&identity, &actor, &user).await?;
    identity.revoke_session(&actor, &id, &SessionId(session)).await.map_err(problem)?;
    Done::ok()
}
