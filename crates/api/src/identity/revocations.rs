//! What other issuers vouched for, taken back here.

use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use seaworthy_identity::{Actor, Foreign};
use serde::Deserialize;
use utoipa::ToSchema;

use super::problem;
use super::view::Done;
use crate::{Control, Problem, request};

/// What is not believed any more: one of `subject`, `token_id` and `session`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationOrder {
    /// The issuer's URL, as in `iss`.
    #[schema(example = "https://id.example.com")]
    issuer: String,
    /// Everything of this subject (`sub`) that was issued until now: tokens and sessions.
    subject: Option<String>,
    /// One token, by its `jti`.
    token_id: Option<String>,
    /// One session, by its own id.
    session: Option<String>,
}

/// Refuses tokens and sessions of another issuer from now on, at every listener. Kept for 90 days.
#[utoipa::path(post, path = "/api/v1/revocations", tag = "tokens", request_body = RevocationOrder,
    extensions(("x-permission" = json!("tokens:write"))), responses((status = 200, body = Done)))]
pub(crate) async fn revoke(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<Done>, Problem> {
    let identity = control.identity.open()?;
    let order: RevocationOrder = request::body(&bytes)?;
    let issuer = order.issuer.as_str();
    let what = match (&order.subject, &order.token_id, &order.session) {
        (Some(subject), None, None) => Foreign::Subject { issuer, subject },
        (None, Some(id), None) => Foreign::Token { issuer, id },
        (None, None, Some(id)) => Foreign::Session { issuer, id },
        _ => return Err(request::invalid("write one of subject, token_id and session")),
    };
    identity.revoke_foreign(&actor, what).await.map_err(problem)?;
    Done::ok()
}
