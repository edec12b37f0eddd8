//! What the control plane may read of the data plane: services, endpoints, policies and what they did.

use std::sync::Arc;

pub use seaworthy_resilience::breaker::Phase as BreakerPhase;
use seaworthy_telemetry::metrics::Samples;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::plan::Plan;

mod routes;

/// What `seaworthy.policy.effects` is.
const EFFECTS: &str = "how often a policy acted";

/// The policies of one service.
#[derive(Debug, Clone, Serialize)]
pub struct ServicePolicies {
    /// The service.
    pub service: Arc<str>,
    /// Its policies: those of the routes that lead to it, then its own from the outside in, then those of endpoints.
    pub policies: Vec<Policy>,
}

/// One policy in force.
#[derive(Debug, Clone, Serialize)]
pub struct Policy {
    /// Which policy it is.
    pub kind: &'static str,
    /// The endpoint it belongs to, where each endpoint has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Arc<str>>,
    /// The route it belongs to, where routes have their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// What it is set to.
    pub settings: Value,
    /// What state it is in.
    pub state: Value,
    /// How often each of its settings acted.
    pub effects: serde_json::Map<String, Value>,
}

/// One service.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointStatus>,
}

/// One endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointStatus {
    /// Where it is.
    pub url: Arc<str>,
    /// What active health checks say; `true` where there are none.
    pub healthy: bool,
    /// Whether it gets no traffic for a while because it failed real traffic.
    pub ejected: bool,
    /// The phase of its circuit breaker; `None` without one.
    pub breaker: Option<BreakerPhase>,
    /// Connections open to it.
    pub connections: usize,
}

/// What the endpoints of a service have to do.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Requests under way, by endpoint.
    pub under_way: Vec<(Arc<str>, usize)>,
    /// The time within which 95 % of the answers came, at most a quarter too long; `None` where none came.
    pub p95: Option<std::time::Duration>,
}

impl Workload {
    pub(crate) fn of(endpoints: &[Arc<crate::upstream::endpoint::Endpoint>]) -> Self {
        let mut took = crate::upstream::work::Took::default();
        let busy = endpoints.iter().filter_map(|endpoint| Some((endpoint, endpoint.work.as_ref()?)));
        let under_way = busy.map(|(endpoint, work)| {
            work.take_took(&mut took);
            (Arc::clone(&endpoint.label), work.under_way())
        });
        Self { under_way: under_way.collect(), p95: took.quantile(0.95) }
    }
}

pub(crate) fn policies(plan: &Plan, service: &str) -> Option<ServicePolicies> {
    let at = plan.services.iter().position(|known| &*known.settings.name == service)?;
    let service = plan.services.get(at)?;
    let policies = service.policies().into_iter().map(|(endpoint, policy)| Policy {
        kind: policy.kind(),
        endpoint,
        route: None,
        settings: policy.settings(),
        state: policy.state(),
        effects: policy.effects().into_iter().map(|e| (e.name.to_owned(), e.count.into())).collect(),
    });
    let policies = routes::leading_to(plan, at).chain(policies).collect();
    Some(ServicePolicies { service: Arc::clone(&service.settings.name), policies })
}

pub(crate) fn services(plan: &Plan) -> Vec<ServiceStatus> {
    let service = |service: &Arc<crate::upstream::service::Service>| ServiceStatus {
        name: Arc::clone(&service.settings.name),
        endpoints: service
            .endpoints
            .iter()
            .map(|endpoint| EndpointStatus {
                url: Arc::clone(&endpoint.label),
                healthy: endpoint.is_healthy(),
                ejected: service.is_ejected(endpoint, Instant::now()),
                breaker: endpoint.policies.breaker().map(|breaker| breaker.phase()),
                connections: endpoint.connector.open(),
            })
            .collect(),
    };
    let is_sandbox = |at: usize| plan.sandboxes.values().any(|sandbox| *sandbox == at);
    let live = plan.services.iter().enumerate().filter(|(at, _)| !is_sandbox(*at));
    live.map(|(_, known)| service(known)).collect()
}

pub(crate) fn sample(plan: &Plan, samples: &mut Samples) {
    for service in &plan.services {
        let name = service.settings.name.to_string();
        for (endpoint, policy) in service.policies() {
            for effect in policy.effects() {
                let mut labels = vec![
                    ("effect", effect.name.to_owned()),
                    ("policy", policy.kind().to_owned()),
                    ("service", name.clone()),
                ];
                labels.extend(endpoint.iter().map(|endpoint| ("endpoint", endpoint.to_string())));
                samples.counter("seaworthy.policy.effects", EFFECTS, &labels, effect.count as f64);
            }
        }
        for endpoint in &service.endpoints {
            let labels = [("endpoint", endpoint.label.to_string()), ("service", name.clone())];
            let healthy = f64::from(u8::from(endpoint.is_healthy()));
            samples.gauge("seaworthy.endpoint.healthy", "1 where health checks pass", &labels, healthy);
            let open = endpoint.connector.open() as f64;
            samples.gauge("http.client.open_connections", "connections to an endpoint", &labels, open);
        }
    }
    routes::sample(plan, samples);
}
