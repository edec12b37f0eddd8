//! What replicas ask of the gateway.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use seaworthy_gateway::Gateway;
use seaworthy_gateway::settings::Upstream;
use seaworthy_supervisor::traffic::{Endpoint, Load, Traffic};

/// Between two looks whether every core knows.
const APPLY: Duration = Duration::from_millis(1);
/// Between two looks whether an endpoint has nothing to do any more.
const LOOK: Duration = Duration::from_millis(10);

/// The gateway, as replicas see it.
pub(super) struct GatewayTraffic {
    gateway: Arc<Gateway>,
    /// Every endpoint that a service was given, and has not left yet.
    known: Arc<Mutex<HashMap<String, Vec<Endpoint>>>>,
}

impl GatewayTraffic {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, known: Arc::default() }
    }

    /// Whether requests to a service go to replicas, where any is ready.
    pub(super) fn knows(&self, service: &str, ready: u32) -> bool {
        let services = self.gateway.services();
        let known = services.iter().find(|known| *known.name == *service);
        self.gateway.is_in_force() && known.is_none_or(|known| ready == 0 || !known.endpoints.is_empty())
    }

    fn know(&self, service: &str, endpoints: &[Endpoint]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(service.to_owned()).or_default();
        // one that crashed is not waited for: it left when its last request had ended
        let gone = |endpoint: &Endpoint| self.gateway.has_left(service, &upstream(endpoint));
        known.retain(|endpoint| endpoints.contains(endpoint) || !gone(endpoint));
        for endpoint in endpoints.iter().filter(|endpoint| !known.contains(endpoint)).collect::<Vec<_>>() {
            known.push(endpoint.clone());
        }
    }

    /// Resolves once every core sends its requests where it was told last.
    fn in_force(&self) -> BoxFuture<'static, ()> {
        let gateway = Arc::clone(&self.gateway);
        Box::pin(async move {
            while !gateway.is_in_force() {
                tokio::time::sleep(APPLY).await;
            }
        })
    }

    fn at(&self, service: &str, addr: SocketAddr) -> Vec<Endpoint> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(service).map(Vec::as_slice).unwrap_or_default();
        known.iter().filter(|endpoint| endpoint.addr == addr).cloned().collect()
    }
}

fn upstream(endpoint: &Endpoint) -> Upstream {
    Upstream {
        secure: false,
        host: endpoint.addr.ip().to_string(),
        port: endpoint.addr.port(),
        name: Some(Arc::clone(&endpoint.replica)),
    }
}

impl Traffic for GatewayTraffic {
    fn set_endpoints(&self, service: &str, endpoints: Vec<Endpoint>) -> BoxFuture<'static, ()> {
        self.know(service, &endpoints);
        if let Err(errors) = self.gateway.set_endpoints(service, endpoints.iter().map(upstream).collect()) {
            // the settings were in force already: only files of theirs can have become unreadable
            tracing::error!(service, ?errors, "replicas cannot be put into the gateway's plan");
        }
        self.in_force()
    }

    fn set_sandbox(&self, service: &str, sandbox: Option<Endpoint>) -> BoxFuture<'static, ()> {
        if let Some(sandbox) = &sandbox {
            self.know(&format!("{service}/sandbox"), std::slice::from_ref(sandbox));
        }
        if let Err(errors) = self.gateway.set_sandbox(service, sandbox.as_ref().map(upstream)) {
            tracing::error!(service, ?errors, "a sandbox cannot be put into the gateway's plan");
        }
        self.in_force()
    }

    fn drained(&self, service: &str, addr: SocketAddr) -> BoxFuture<'static, ()> {
        let names = [service.to_owned(), format!("{service}/sandbox")];
        let mut left: Vec<(String, Upstream)> = Vec::new();
        for name in names {
            left.extend(self.at(&name, addr).iter().map(|endpoint| (name.clone(), upstream(endpoint))));
        }
        let (gateway, known) = (Arc::clone(&self.gateway), Arc::clone(&self.known));
        Box::pin(async move {
            while !left.iter().all(|(service, upstream)| gateway.has_left(service, upstream)) {
                tokio::time::sleep(LOOK).await;
            }
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            for (service, upstream) in &left {
                let gone = |endpoint: &Endpoint| self::upstream(endpoint) == *upstream;
                if let Some(known) = known.get_mut(service) {
                    known.retain(|endpoint| !gone(endpoint));
                }
            }
            known.retain(|_, endpoints| !endpoints.is_empty());
        })
    }

    fn load(&self, service: &str) -> Load {
        let Some(workload) = self.gateway.workload(service) else { return Load::default() };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(service).map(Vec::as_slice).unwrap_or_default();
        let address = |name: &str| known.iter().rev().find(|e| *e.replica == *name).map(|e| e.addr);
        let in_flight = workload.under_way.iter();
        let in_flight = in_flight.filter_map(|(name, count)| Some((address(name)?, *count as f64))).collect();
        Load { in_flight, p95: workload.p95 }
    }
}
