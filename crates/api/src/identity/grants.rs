//! Roles, the matrix of permissions, grants for a time, and requests for them.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use seaworthy_core::duration;
use seaworthy_identity::rbac::{Pattern, Permission};
use seaworthy_identity::{Actor, Granted};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem;
use super::users::id_of;
use super::view::{Done, GrantView, RequestView, brief};
use crate::access::{Needs, Table};
use crate::request::Params;
use crate::{Control, Problem, request};

/// Which role may call what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Matrix {
    /// All roles, the least first.
    roles: Vec<String>,
    rows: Vec<Row>,
}

/// One route.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Row {
    #[schema(example = "GET")]
    method: String,
    #[schema(example = "/api/v1/jobs")]
    path: String,
    /// What it needs; null: nothing.
    #[schema(example = "jobs:read")]
    permission: Option<String>,
    /// The roles that have it.
    roles: Vec<String>,
}

/// Something to be given for a time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantOrder {
    /// A role's name, or permissions such as `jobs:*`.
    #[schema(example = "operator")]
    what: String,
    /// What for.
    reason: String,
    #[schema(example = "4h")]
    duration: String,
}

/// An answer to a request.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// Why.
    #[serde(default)]
    reason: String,
}

/// Grants of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Grants {
    grants: Vec<GrantView>,
}

/// Requests for access.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Requests {
    requests: Vec<RequestView>,
}

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichRequests {
    /// A person, by id or name; `*` for everybody's. Without it: one's own.
    user: Option<String>,
    /// At most so many.
    limit: Option<usize>,
}

fn granted(text: &str) -> Result<Granted, Problem> {
    match text.contains(':') {
        false => Ok(Granted::Role(text.to_owned())),
        true => text
            .parse::<Pattern>()
            .map(Granted::Permission)
            .map_err(|error| request::invalid(&format!("what: {error}"))),
    }
}

fn span(text: &str) -> Result<Duration, Problem> {
    duration::parse(brief("duration", text)?).map_err(|error| request::invalid(&format!("duration: {error}")))
}

/// Makes the matrix of the routes themselves.
pub(crate) fn matrix_of(table: &Table, policy: &seaworthy_identity::rbac::Policy) -> Matrix {
    let mut roles: Vec<String> = policy.roles().map(|role| role.name.clone()).collect();
    let holds =
        |role: &String, permission: &Permission| policy.roles_allow(std::slice::from_ref(role), permission);
    let rows: Vec<Row> = table
        .rows()
        .map(|(method, path, needs)| {
            let (permission, having) = match needs {
                Needs::Nothing => (None, roles.clone()),
                Needs::Permission(permission) => {
                    let having = roles.iter().filter(|role| holds(role, permission)).cloned().collect();
                    (Some(permission.to_string()), having)
                }
            };
            Row { method: method.to_owned(), path: path.to_owned(), permission, roles: having }
        })
        .collect();
    roles.sort_by_key(|role| rows.iter().filter(|row| row.roles.contains(role)).count());
    let place = |role: &String| roles.iter().position(|known| known == role);
    let rows = rows.into_iter().map(|mut row| {
        row.roles.sort_by_key(place);
        row
    });
    Matrix { rows: rows.collect(), roles }
}

/// Which role may call what, made of the routes themselves.
#[utoipa::path(get, path = "/api/v1/access/matrix", tag = "roles",
    extensions(("x-permission" = json!("account:read"))), responses((status = 200, body = Matrix)))]
pub(crate) async fn matrix(State(control): State<Control>) -> Json<Matrix> {
    let table = Table::of(&serde_json::to_value(crate::document()).unwrap_or_default()).unwrap_or_default();
    Json(matrix_of(&table, &control.access.policy()))
}

/// What a person has beyond its roles, for a time.
#[utoipa::path(get, path = "/api/v1/users/{user}/grants", tag = "grants",
    params(("user" = String, Path, example = "ann")), extensions(("x-permission" = json!("grants:read"))),
    responses((status = 200, body = Grants)))]
pub(crate) async fn list(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
) -> Result<Json<Grants>, Problem> {
    let identity = control.identity.open()?;
    let id = id_of(&identity, &actor, &user).await?;
    let grants = identity.grants(&actor, &id).await.map_err(problem)?;
    Ok(Json(Grants { grants: grants.into_iter().map(GrantView::from).collect() }))
}

/// Gives a person a role or permissions for a time. Nobody grants themselves anything.
#[utoipa::path(post, path = "/api/v1/users/{user}/grants", tag = "grants", request_body = GrantOrder,
    params(("user" = String, Path, example = "ann")), extensions(("x-permission" = json!("grants:write"))),
    responses((status = 201, body = GrantView)))]
pub(crate) async fn create(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(user): Path<String>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<GrantView>), Problem> {
    let identity = control.identity.open()?;
    let order: GrantOrder = request::body(&bytes)?;
    let id = id_of(&identity, &actor, &user).await?;
    let (what, duration) = (granted(&order.what)?, span(&order.duration)?);
    let grant = identity.grant(&actor, &id, what, &order.reason, duration).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(grant.into())))
}

/// Takes a grant back before its end.
#[utoipa::path(delete, path = "/api/v1/grants/{id}", tag = "grants", params(("id" = String, Path)),
    extensions(("x-permission" = json!("grants:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn revoke(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    control.identity.open()?.revoke_grant(&actor, &id).await.map_err(problem)?;
    Done::ok()
}

/// Requests for access, newest first.
#[utoipa::path(get, path = "/api/v1/access-requests", tag = "grants", params(WhichRequests),
    extensions(("x-permission" = json!("account:read"))), responses((status = 200, body = Requests)))]
pub(crate) async fn requests(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Params(which): Params<WhichRequests>,
) -> Result<Json<Requests>, Problem> {
    let identity = control.identity.open()?;
    let user = match which.user.as_deref() {
        Some("*") => None,
        Some(user) => Some(id_of(&identity, &actor, user).await?),
        None => actor.principal.subject.user().map(str::to_owned),
    };
    let limit = request::limit(which.limit)?;
    let found = identity.access_requests(&actor, user.as_deref(), limit).await.map_err(problem)?;
    Ok(Json(Requests { requests: found.into_iter().map(RequestView::from).collect() }))
}

/// Asks for a role or permissions for a time.
#[utoipa::path(post, path = "/api/v1/access-requests", tag = "grants", request_body = GrantOrder,
    extensions(("x-permission" = json!("account:write"))), responses((status = 201, body = RequestView)))]
pub(crate) async fn ask(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<RequestView>), Problem> {
    let identity = control.identity.open()?;
    let order: GrantOrder = request::body(&bytes)?;
    let (what, duration) = (granted(&order.what)?, span(&order.duration)?);
    let asked = identity.request_access(&actor, what, &order.reason, duration).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(asked.into())))
}

/// Grants what was asked for. Never one's own request.
#[utoipa::path(post, path = "/api/v1/access-requests/{id}/approve", tag = "grants", request_body = Decision,
    params(("id" = String, Path)), extensions(("x-permission" = json!("grants:approve"))),
    responses((status = 200, body = RequestView)))]
pub(crate) async fn approve(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<RequestView>, Problem> {
    decide(&control, &actor, &id, true, &bytes).await
}

/// Refuses what was asked for.
#[utoipa::path(post, path = "/api/v1/access-requests/{id}/deny", tag = "grants", request_body = Decision,
    params(("id" = String, Path)), extensions(("x-permission" = json!("grants:approve"))),
    responses((status = 200, body = RequestView)))]
pub(crate) async fn deny(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<RequestView>, Problem> {
    decide(&control, &actor, &id, false, &bytes).await
}

async fn decide(
    control: &Control,
    actor: &Actor,
    id: &str,
    approve: bool,
    bytes: &[u8],
) -> Result<Json<RequestView>, Problem> {
    let identity = control.identity.open()?;
    let order: Decision = request::maybe(bytes)?;
    Ok(Json(identity.decide_request(actor, id, approve, &order.reason).await.map_err(problem)?.into()))
}

/// Takes one's own request back.
#[utoipa::path(delete, path = "/api/v1/access-requests/{id}", tag = "grants", params(("id" = String, Path)),
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn withdraw(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    control.identity.open()?.withdraw_request(&actor, &id).await.map_err(problem)?;
    Done::ok()
}
