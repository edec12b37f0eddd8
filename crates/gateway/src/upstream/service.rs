//! A service: its endpoints, its policies, and one core's way through them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use seaworthy_resilience::http::ReplayBody;
use seaworthy_resilience::outlier::{Ejection, Origin, Outlier};
use seaworthy_resilience::{Outcome, PolicyStatus};
use tokio::time::Instant;
use tower::Layer;

use super::Response;
use super::balancer::{self, Balancer, BalancerService};
use super::connect::Connector;
use super::endpoint::{Call, Endpoint, LocalFuture, Policied};
use super::rules::{self, Policies};
use crate::body::RequestBody;
use crate::error::Error;
use crate::metrics::Meters;
use crate::settings;
use crate::tls::{self, TlsError};

/// A policy, and the endpoint it belongs to where each endpoint has its own.
type PlacedPolicy = (Option<Arc<str>>, Arc<dyn PolicyStatus>);

/// What all cores know of a service.
pub(crate) struct Service {
    pub(crate) settings: settings::Service,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    pub(crate) policies: Policies,
    /// What its TLS files held.
    files: Vec<Option<Vec<u8>>>,
    outlier: Option<Arc<Outlier<usize>>>,
}

impl Service {
    pub(crate) fn new(settings: settings::Service) -> Result<Self, TlsError> {
        let secure = settings.upstreams.iter().any(|upstream| upstream.secure);
        let tls = secure.then(|| tls::client(&settings.tls, settings.protocol)).transpose()?;
        let policies = Policies::new(settings.policies.clone(), rules::rules());
        let endpoint = |upstream| {
            let connector = Connector::new(&settings, upstream, tls.as_ref())?;
            Ok(Arc::new(Endpoint::new(upstream, policies.fresh_inner(), connector)))
        };
        let endpoints: Result<Vec<_>, TlsError> = settings.upstreams.iter().map(endpoint).collect();
        let outlier = settings.outlier.map(|outlier| {
            let outlier = Outlier::new(outlier);
            outlier.set_members(0..settings.upstreams.len(), Instant::now());
            Arc::new(outlier)
        });
        let files = contents(&settings);
        Ok(Self { endpoints: endpoints?, policies, files, outlier, settings })
    }

    /// Whether the files it was made from are still what they were.
    pub(crate) fn is_current(&self) -> bool {
        self.files == contents(&self.settings)
    }

    pub(crate) fn is_ejected(&self, at: usize, now: Instant) -> bool {
        self.outlier.as_ref().is_some_and(|outlier| outlier.is_ejected(&at, now))
    }

    /// Notes how an attempt at an endpoint ended.
    pub(crate) fn record(&self, at: usize, outcome: Outcome, origin: Origin, now: Instant) {
        let (Some(outlier), Some(ok)) = (&self.outlier, balancer::is_ok(outcome)) else { return };
        if let Ejection::Ejected { .. } = outlier.record(&at, origin, ok, now) {
            let endpoint = self.endpoints.get(at).map_or("", |endpoint| &*endpoint.label);
            tracing::warn!(service = %self.settings.name, endpoint, "endpoint was ejected after repeated failures");
        }
    }

    /// Every policy in force, with the endpoint it belongs to.
    pub(crate) fn policies(&self) -> Vec<PlacedPolicy> {
        let shared = self.policies.shared_policies().into_iter().map(|policy| (None, policy));
        let outlier = self.outlier.iter().map(|o| (None, Arc::clone(o) as Arc<dyn PolicyStatus>));
        let own = self.endpoints.iter().flat_map(|endpoint| {
            let label = Some(Arc::clone(&endpoint.label));
            endpoint.policies.policies().into_iter().map(move |policy| (label.clone(), policy))
        });
        shared.chain(outlier).chain(own).collect()
    }
}

fn contents(settings: &settings::Service) -> Vec<Option<Vec<u8>>> {
    let identity = settings.tls.identity.iter().flat_map(|identity| [&identity.chain, &identity.key]);
    settings.tls.ca.iter().chain(identity).map(|path| std::fs::read(path).ok()).collect()
}

/// The way to a service whose requests pass no policy before the balancer.
struct Unpolicied(BalancerService);

impl Call<http::Request<RequestBody>> for Unpolicied {
    fn call(&mut self, request: http::Request<RequestBody>) -> LocalFuture<Result<Response, Error>> {
        let request = request.map(|body| ReplayBody::through(ReplayBody::through(body)));
        tower::Service::call(&mut self.0, request)
    }
}

/// One core's way to a service.
pub(crate) struct LocalService {
    pub(crate) shared: Arc<Service>,
    balancer: Rc<Balancer>,
    stack: RefCell<Box<dyn Call<http::Request<RequestBody>>>>,
}

impl LocalService {
    pub(crate) fn new(shared: Arc<Service>, meters: &Meters) -> Self {
        let balancer = Rc::new(Balancer::new(Arc::clone(&shared), meters));
        let balanced = BalancerService(Rc::clone(&balancer));
        let policies = &shared.settings.policies;
        let bare = policies.total_timeout.is_none()
            && policies.retry.is_none()
            && policies.hedge.is_none()
            && policies.shed.is_none();
        let stack: Box<dyn Call<http::Request<RequestBody>>> = match bare {
            true => Box::new(Unpolicied(balanced)),
            false => Box::new(Policied(shared.policies.outer().layer(balanced))),
        };
        Self { shared, balancer, stack: RefCell::new(stack) }
    }

    /// Sends a request through all policies.
    pub(crate) fn call(&self, request: http::Request<RequestBody>) -> LocalFuture<Result<Response, Error>> {
        self.stack.borrow_mut().call(request)
    }

    /// Closes upstream connections that were not used for too long.
    pub(crate) fn sweep(&self) {
        for endpoint in &self.balancer.endpoints {
            endpoint.pool.sweep();
        }
    }
}
