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
    /// Whether it gets no traffic for a while because it failed real traffic.
    ejected: bool,
    /// The phase of its circuit breaker: closed, open, half_open or isolated; null without one.
    #[schema(example = "closed")]
    breaker: Option<String>,
    /// Connections open to it.
    connections: usize,
}

/// The policies of a service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Policies {
    #[schema(example = "shop")]
    service: String,
    /// Those of the routes that lead to it, then its own from the outside in, then those of single endpoints.
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
    /// The route it belongs to, where routes have their own: rate limits by caller, the cache, the fallback.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/items/{id}")]
    route: Option<String>,
    /// What it is set to.
    settings: Value,
    /// What state it is in.
    state: Value,
    /// How often each of its settings acted since it was made.
    effects: Value,
}

fn phase_name(phase: seaworthy_gateway::status::BreakerPhase) -> String {
    use seaworthy_gateway::status::BreakerPhase::{Closed, HalfOpen, Isolated, Open};
    let name = match phase {
        Closed => "closed",
        Open => "open",
        HalfOpen => "half_open",
        Isolated => "isolated",
    };
    name.to_owned()
}

/// Every service with its endpoints.
#[utoipa::path(get, path = "/api/v1/services",
    extensions(("x-permission" = json!("services:read"))), tag = "services", responses((status = 200, body = Services)))]
pub(crate) async fn list(State(control): State<Control>) -> Json<Services> {
    Json(Services { services: services(&control.gateway) })
}

/// Every service with its endpoints, by name.
pub(crate) fn services(gateway: &seaworthy_gateway::Gateway) -> Vec<Service> {
    let endpoint = |endpoint: seaworthy_gateway::status::EndpointStatus| Endpoint {
        url: endpoint.url.to_string(),
        healthy: endpoint.healthy,
        ejected: endpoint.ejected,
        breaker: endpoint.breaker.map(phase_name),
        connections: endpoint.connections,
    };
    let service = |service: seaworthy_gateway::status::ServiceStatus| Service {
        name: service.name.to_string(),
        endpoints: service.endpoints.into_iter().map(endpoint).collect(),
    };
    gateway.services().into_iter().map(service).collect()
}

impl Service {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Every policy of a service: its settings, its state and what it did.
#[utoipa::path(get, path = "/api/v1/services/{name}/policies",
    extensions(("x-permission" = json!("services:read"))), tag = "services",
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
        route: policy.route.map(|route| route.to_string()),
        settings: policy.settings,
        state: policy.state,
        effects: Value::Object(policy.effects),
    };
    Ok(Json(Policies {
        service: found.service.to_string(),
        policies: found.policies.into_iter().map(policy).collect(),
    }))
}
