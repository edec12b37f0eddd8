//! Services, their endpoints and their policies.

use axum::Json;
use axum::extract::{Path, State};
use seaworthy_core::ErrorCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Control, Problem};

/// All services.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Services {
    services: Vec<Service>,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Service {
    #[schema(example = "shop")]
    name: String,
    endpoints: Vec<Endpoint>,
}

/// One address of a service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Endpoint {
    #[schema(example = "http://127.0.0.1:8000")]
    url: String,
    /// What active health checks say; true where there are none.
    healthy: bool,
    /// Connections open to it.
    connections: usize,
}

/// The policies of a service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Policies {
    #[schema(example = "shop")]
    service: String,
    /// From the outside in; those of single endpoints last.
    policies: Vec<Policy>,
}

/// One policy in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Policy {
    #[schema(example = "breaker")]
    kind: String,
    /// The endpoint it belongs to, where each endpoint has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// What it is set to.
    settings: Value,
    /// What state it is in.
    state: Value,
    /// How often each of its settings acted since it was made.
    effects: Value,
}

/// Every service with its endpoints.
#[utoipa::path(get, path = "/api/v1/services", tag = "services", responses((status = 200, body = Services)))]
pub(crate) async fn list(State(control): State<Control>) -> Json<Services> {
    let endpoint = |endpoint: seaworthy_gateway::status::EndpointStatus| Endpoint {
        url: endpoint.url.to_string(),
        healthy: endpoint.healthy,
        connections: endpoint.connections,
    };
    let service = |service: seaworthy_gateway::status::ServiceStatus| Service {
        name: service.name.to_string(),
        endpoints: service.endpoints.into_iter().map(endpoint).collect(),
    };
    Json(Services { services: control.gateway.services().into_iter().map(service).collect() })
}

/// Every policy of a service: its settings, its state and what it did.
#[utoipa::path(get, path = "/api/v1/services/{name}/policies", tag = "services",
    params(("name" = String, Path, description = "The service", example = "shop")),
    responses((status = 200, body = Policies), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn policies(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<Policies>, Problem> {
    let found = control.gateway.policies(&name);
    let found =
        found.ok_or_else(|| Problem::new(ErrorCode::NotFound, "no_service", "there is no such service"))?;
    let policy = |policy: seaworthy_gateway::status::Policy| Policy {
        kind: policy.kind.to_owned(),
        endpoint: policy.endpoint.map(|endpoint| endpoint.to_string()),
        settings: policy.settings,
        state: policy.state,
        effects: Value::Object(policy.effects),
    };
    Ok(Json(Policies {
        service: found.service.to_string(),
        policies: found.policies.into_iter().map(policy).collect(),
    }))
}
