//! The response cache.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use seaworthy_core::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Control, Problem};

/// What to forget: by path or by tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purge {
    /// Everything whose path starts with this.
    #[schema(example = "/items/")]
    path: Option<String>,
    /// Everything that carried this in `Cache-Tag` or `Surrogate-Key`.
    tag: Option<String>,
}

/// How much was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Purged {
    /// Resources forgotten, each with all its variants.
    purged: usize,
}

/// Forgets cached responses by path or tag.
#[utoipa::path(post, path = "/api/v1/cache/purge",
    extensions(("x-permission" = json!("cache:write"))), tag = "cache", request_body = Purge,
    responses((status = 200, body = Purged), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn purge(State(control): State<Control>, body: Bytes) -> Result<Json<Purged>, Problem> {
    let invalid = |detail: String| Problem::new(ErrorCode::Invalid, "malformed_body", &detail);
    let order: Purge = serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    let purged = match (order.path, order.tag) {
        (Some(path), None) if path.starts_with('/') => control.gateway.purge_path(&path),
        (None, Some(tag)) if !tag.is_empty() => control.gateway.purge_tag(&tag),
        _ => return Err(invalid("give either `path`, starting with a slash, or `tag`".to_owned())),
    };
    tracing::info!(purged, "cache purged");
    Ok(Json(Purged { purged }))
}
