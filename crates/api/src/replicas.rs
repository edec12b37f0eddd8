//! Services that are run here: their replicas, orders to them, what happened to them and what they say.

mod logs;
mod sandbox;
mod view;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use seaworthy_core::ErrorCode;
use seaworthy_supervisor::Error;
use seaworthy_supervisor::fleet::Fleet;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::{Control, Problem, request};
pub(crate) use logs::{__path_logs, logs};
pub(crate) use sandbox::{__path_end_sandbox, __path_sandbox, end_sandbox, sandbox};
pub(crate) use view::{EventView, RunView};

/// The way to the services that are run here; shut where there are none.
#[derive(Debug, Clone)]
pub struct FleetDoor(watch::Receiver<Option<Fleet>>);

impl FleetDoor {
    /// A door that is opened and shut from elsewhere.
    pub const fn new(fleet: watch::Receiver<Option<Fleet>>) -> Self {
        Self(fleet)
    }

    /// A door that stays shut.
    pub fn shut() -> Self {
        Self(watch::channel(None).1)
    }

    /// The services, where this Seaworthy runs any.
    pub(crate) fn fleet(&self) -> Option<Fleet> {
        self.0.borrow().clone()
    }
}

/// Seconds after which an answer of "not now" suggests to come back.
const RETRY_AFTER: u32 = 2;

impl Control {
    /// The services that are run here, among them this one.
    fn run(&self, service: &str) -> Result<Fleet, Problem> {
        let known = self.gateway.services().iter().any(|known| *known.name == *service);
        let detail = match known {
            true => "this service is not run here: it has upstreams and no command",
            false => "there is no such service",
        };
        let fleet = self.fleet.fleet().filter(|fleet| fleet.show(service).is_ok());
        if fleet.is_none() && self.gateway.is_managed(service) {
            let detail = "the services that are run here are being started or handed over";
            let problem = Problem::new(ErrorCode::Unavailable, "services_not_open", detail);
            return Err(problem.retry_after(RETRY_AFTER));
        }
        let reason = if known { "not_run_here" } else { "no_service" };
        fleet.ok_or_else(|| Problem::new(ErrorCode::NotFound, reason, detail))
    }
}

fn problem(error: Error) -> Problem {
    let reason = match error {
        Error::Settings(_) => "invalid_argument",
        Error::NotFound(_) => "no_service",
        Error::Refused { .. } => "order_refused",
        Error::Busy(_) => "too_many_orders",
        Error::ShuttingDown => "shutting_down",
    };
    Problem::new(error.code(), reason, &error.to_string())
}

/// The replicas of a service, and how it stands as a whole.
#[utoipa::path(get, path = "/api/v1/services/{name}/replicas",
    extensions(("x-permission" = json!("services:read"))), tag = "services",
    params(("name" = String, Path, example = "shop")),
    responses((status = 200, body = RunView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<RunView>, Problem> {
    told(&control, &name)
}

fn told(control: &Control, name: &str) -> Result<Json<RunView>, Problem> {
    let fleet = control.run(name)?;
    let status = fleet.show(name).map_err(problem)?;
    Ok(Json(RunView::new(&status, fleet.capabilities())))
}

/// How many replicas there are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScaleOrder {
    #[schema(example = 3)]
    replicas: u32,
}

/// Has so many replicas run, until the configured number changes or Seaworthy starts anew.
#[utoipa::path(put, path = "/api/v1/services/{name}/replicas",
    extensions(("x-permission" = json!("services:write"))), tag = "services", request_body = ScaleOrder,
    params(("name" = String, Path, example = "shop")),
    responses((status = 200, body = RunView), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn scale(
    State(control): State<Control>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<RunView>, Problem> {
    let fleet = control.run(&name)?;
    let ScaleOrder { replicas } = request::body(&bytes)?;
    fleet.scale(&name, replicas).await.map_err(problem)?;
    tracing::info!(service = name, replicas, "scaled by order");
    told(&control, &name)
}

/// Replaces every replica, each new one ready before its predecessor is drained. Answers when it has begun.
#[utoipa::path(post, path = "/api/v1/services/{name}/restart",
    extensions(("x-permission" = json!("services:write"))), tag = "services",
    params(("name" = String, Path, example = "shop")),
    responses((status = 202, body = RunView), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn restart(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<(http::StatusCode, Json<RunView>), Problem> {
    let fleet = control.run(&name)?;
    fleet.restart(&name).await.map_err(problem)?;
    tracing::info!(service = name, "restart ordered");
    Ok((http::StatusCode::ACCEPTED, told(&control, &name)?))
}

/// Ends all replicas until they are started by order, or Seaworthy starts anew. Answers when it has begun.
#[utoipa::path(post, path = "/api/v1/services/{name}/stop",
    extensions(("x-permission" = json!("services:write"))), tag = "services",
    params(("name" = String, Path, example = "shop")),
    responses((status = 202, body = RunView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn stop(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<(http::StatusCode, Json<RunView>), Problem> {
    let fleet = control.run(&name)?;
    fleet.stop(&name).await.map_err(problem)?;
    tracing::info!(service = name, "stop ordered");
    Ok((http::StatusCode::ACCEPTED, told(&control, &name)?))
}

/// Starts a service that was stopped. Answers when it has begun.
#[utoipa::path(post, path = "/api/v1/services/{name}/start",
    extensions(("x-permission" = json!("services:write"))), tag = "services",
    params(("name" = String, Path, example = "shop")),
    responses((status = 202, body = RunView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn start(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<(http::StatusCode, Json<RunView>), Problem> {
    let fleet = control.run(&name)?;
    fleet.start(&name).await.map_err(problem)?;
    tracing::info!(service = name, "start ordered");
    Ok((http::StatusCode::ACCEPTED, told(&control, &name)?))
}

/// What happened to a service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    events: Vec<EventView>,
}

/// What happened to a service and its replicas, the latest last; a bounded number.
#[utoipa::path(get, path = "/api/v1/services/{name}/events",
    extensions(("x-permission" = json!("services:read"))), tag = "services",
    params(("name" = String, Path, example = "shop")),
    responses((status = 200, body = Events), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn events(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<Events>, Problem> {
    let events = control.run(&name)?.events(&name).map_err(problem)?;
    Ok(Json(Events { events: events.iter().map(EventView::from).collect() }))
}
