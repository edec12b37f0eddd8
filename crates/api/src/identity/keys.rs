//! API keys: one's own, and with the permission those of others.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use seaworthy_core::duration;
use seaworthy_identity::{Actor, NewKey};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem;
use super::users::id_of;
use super::view::{Done, KeyView, brief, patterns};
use crate::request::Params;
use crate::{Control, Problem, request};

/// Keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    keys: Vec<KeyView>,
}

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichKeys {
    /// A person, by id or name. Without it: one's own; of callers that are no people, everybody's.
    owner: Option<String>,
    /// Of everybody's: after this key, the last of the page before.
    #[serde(default)]
    after: String,
    /// Of everybody's: at most so many.
    limit: Option<usize>,
}

/// A key as it is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyOrder {
    /// What it is for.
    #[schema(example = "ci")]
    name: String,
    /// Whose, by id or name; without it one's own.
    #[serde(default)]
    owner: Option<String>,
    /// Its roles; none that allows more than the owner has.
    #[serde(default)]
    roles: Vec<String>,
    /// What it is good for; without it all that the roles allow.
    #[serde(default)]
    scopes: Option<BTreeSet<String>>,
    #[serde(default)]
    tenant: Option<String>,
    /// How long it lives; 90 days unless said.
    #[serde(default)]
    #[schema(example = "30d")]
    lifetime: Option<String>,
}

/// How a key is replaced.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateOrder {
    /// How long the old one works on; 24 h unless said, `0s` for one that leaked.
    #[serde(default)]
    #[schema(example = "24h")]
    grace: Option<String>,
}

/// Why a key is revoked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Why {
    /// For the audit log.
    #[serde(default)]
    reason: String,
}

/// A new key, with the secret that is shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewKeyView {
    key: KeyView,
    /// The key itself: `Authorization: Bearer …` or `X-API-Key: …`.
    secret: String,
}

fn lifetime(field: &str, text: Option<&str>) -> Result<Option<Duration>, Problem> {
    let parse = |text| {
        let parsed = duration::parse(brief(field, text)?);
        parsed.map_err(|error| request::invalid(&format!("{field}: {error}")))
    };
    text.map(parse).transpose()
}

/// Keys, newest first.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", params(WhichKeys),
    extensions(("x-permission" = json!("account:read"))), responses((status = 200, body = Keys)))]
pub(crate) async fn list(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Params(which): Params<WhichKeys>,
) -> Result<Json<Keys>, Problem> {
    let identity = control.identity.open()?;
    let owner = match &which.owner {
        Some(owner) => Some(id_of(&identity, &actor, owner).await?),
        None => actor.principal.subject.user().map(str::to_owned),
    };
    let keys = match owner {
        Some(owner) => identity.keys(&actor, &owner).await,
        None => identity.all_keys(&actor, &which.after, request::limit(which.limit)?).await,
    };
    Ok(Json(Keys { keys: keys.map_err(problem)?.into_iter().map(KeyView::from).collect() }))
}

/// Makes a key.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = NewKeyOrder,
    extensions(("x-permission" = json!("account:write"))), responses((status = 201, body = NewKeyView)))]
pub(crate) async fn create(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<NewKeyView>), Problem> {
    let identity = control.identity.open()?;
    let order: NewKeyOrder = request::body(&bytes)?;
    let owner = match &order.owner {
        Some(owner) => Some(id_of(&identity, &actor, owner).await?),
        None => None,
    };
    let new = NewKey {
        owner,
        name: order.name,
        roles: order.roles,
        scopes: order.scopes.as_ref().map(patterns).transpose()?,
        tenant: order.tenant,
        lifetime: lifetime("lifetime", order.lifetime.as_deref())?,
    };
    let (key, secret) = identity.create_key(&actor, new).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(NewKeyView { key: key.into(), secret: secret.expose().clone() })))
}

/// Makes a key's successor; the old one works on for a while.
#[utoipa::path(post, path = "/api/v1/keys/{id}/rotate", tag = "keys", request_body = RotateOrder,
    params(("id" = String, Path)), extensions(("x-permission" = json!("account:write"))),
    responses((status = 200, body = NewKeyView)))]
pub(crate) async fn rotate(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<NewKeyView>, Problem> {
    let identity = control.identity.open()?;
    let order: RotateOrder = request::maybe(&bytes)?;
    let grace = lifetime("grace", order.grace.as_deref())?;
    let (key, secret) = identity.rotate_key(&actor, &id, grace).await.map_err(problem)?;
    Ok(Json(NewKeyView { key: key.into(), secret: secret.expose().clone() }))
}

/// Revokes a key, at once.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", params(("id" = String, Path), Why),
    extensions(("x-permission" = json!("account:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn revoke(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Params(why): Params<Why>,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    identity.revoke_key(&actor, &id, &why.reason).await.map_err(problem)?;
    Done::ok()
}
