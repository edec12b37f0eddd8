//! Sandboxes: a replica that only requests with a pass reach.

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use seaworthy_core::duration;
use seaworthy_gateway::sandbox::{HEADER, LONGEST};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::{RunView, when};
use super::{problem, told};
use crate::{Control, Problem, request};

/// How long a pass is good for unless said.
const USUAL: Duration = Duration::from_secs(3_600);

/// What is asked of a sandbox.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SandboxOrder {
    /// How long the pass is good for, 24 h at the most. 1 h unless said.
    #[schema(example = "1h")]
    valid: Option<String>,
}

/// A sandbox, and the way to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sandbox {
    #[schema(example = "shop")]
    service: String,
    /// The header that requests must have …
    #[schema(example = "seaworthy-sandbox")]
    header: String,
    /// … with this value. Who knows it reaches the sandbox.
    pass: String,
    /// Until when.
    expires_at: String,
    /// How the service and its sandbox stand.
    run: RunView,
}

/// Starts a replica beside the others that no ordinary request reaches, unless there is one, and gives a pass to it. It
/// can be reached once its phase is `Ready`; until then requests with the pass are refused.
#[utoipa::path(post, path = "/api/v1/services/{name}/sandbox",
    extensions(("x-permission" = json!("services:write"))), tag = "services", request_body = Option<SandboxOrder>,
    params(("name" = String, Path, example = "shop")),
    responses((status = 202, body = Sandbox), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn sandbox(
    State(control): State<Control>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Sandbox>), Problem> {
    let fleet = control.run(&name)?;
    let order: SandboxOrder = request::maybe(&bytes)?;
    let valid = order.valid.as_deref().map(duration::parse).transpose();
    let valid = valid.map_err(|error| request::invalid(&format!("valid: {error}")))?.unwrap_or(USUAL);
    if valid < Duration::from_secs(1) || valid > LONGEST {
        return Err(request::invalid("valid: must be from 1s to 24h"));
    }
    fleet.sandbox(&name, true).await.map_err(problem)?;
    tracing::info!(service = name, "sandbox ordered");
    let pass = control.gateway.sandbox_pass(&name, valid);
    let Json(run) = told(&control, &name)?;
    let expires_at = when(SystemTime::now() + valid);
    let sandbox = Sandbox { service: name, header: HEADER.to_string(), pass, expires_at, run };
    Ok((StatusCode::ACCEPTED, Json(sandbox)))
}

/// Ends the sandbox of a service. Passes to it are good for nothing then.
#[utoipa::path(delete, path = "/api/v1/services/{name}/sandbox",
    extensions(("x-permission" = json!("services:write"))), tag = "services",
    params(("name" = String, Path, example = "shop")),
    responses((status = 202, body = RunView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn end_sandbox(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<RunView>), Problem> {
    let fleet = control.run(&name)?;
    fleet.sandbox(&name, false).await.map_err(problem)?;
    tracing::info!(service = name, "end of the sandbox ordered");
    Ok((StatusCode::ACCEPTED, told(&control, &name)?))
}
