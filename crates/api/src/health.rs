//! What an orchestrator asks.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Control, Phase};

/// A health answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or what is in the way.
    #[schema(example = "ok")]
    status: &'static str,
}

type Answer = (StatusCode, Json<Health>);

fn answer(ok: bool, otherwise: &'static str) -> Answer {
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Health { status: if ok { "ok" } else { otherwise } }))
}

/// Whether the process lives. It does if it answers: a failing upstream is no reason to restart it.
#[utoipa::path(get, path = "/healthz/live",
    extensions(("x-permission" = json!("public"))), tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn live() -> Answer {
    answer(true, "")
}

/// Whether traffic should be sent here: not before the listeners accept, not while stopping.
#[utoipa::path(get, path = "/healthz/ready",
    extensions(("x-permission" = json!("public"))), tag = "health",
    responses((status = 200, body = Health), (status = 503, body = Health, description = "starting or draining")))]
pub(crate) async fn ready(State(control): State<Control>) -> Answer {
    match control.lifecycle.phase() {
        Phase::Starting => answer(false, "starting"),
        Phase::Ready => answer(true, ""),
        Phase::Draining => answer(false, "draining"),
    }
}

/// Whether the start is over.
#[utoipa::path(get, path = "/healthz/startup",
    extensions(("x-permission" = json!("public"))), tag = "health",
    responses((status = 200, body = Health), (status = 503, body = Health, description = "starting")))]
pub(crate) async fn startup(State(control): State<Control>) -> Answer {
    answer(control.lifecycle.phase() != Phase::Starting, "starting")
}
