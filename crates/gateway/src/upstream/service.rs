//! A service: its endpoints, its policies, and one core's way through them.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use seaworthy_resilience::breaker::Phase;
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

/// An endpoint among those of its service, under the name that a person knows it by.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    id: u64,
    label: Arc<str>,
}

impl Place {
    fn of(endpoint: &Endpoint) -> Self {
        Self { id: endpoint.id, label: Arc::clone(&endpoint.label) }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label)
    }
}

/// What all cores know of a service.
pub(crate) struct Service {
    pub(crate) settings: settings::Service,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    pub(crate) policies: Policies,
    /// What its TLS files held.
    files: Vec<Option<Vec<u8>>>,
    outlier: Option<Arc<Outlier<Place>>>,
    /// The same for all that this one was moved from.
    lineage: Arc<()>,
}

impl Service {
    pub(crate) fn new(settings: settings::Service) -> Result<Self, TlsError> {
        Self::after(settings, None)
    }

    /// The same service at other addresses, where that is all that changed: what is known of it, and of the endpoints
    /// that stay, is kept.
    ///
    /// Its files are looked at anew only where `anew` says so: endpoints come and go while somebody may be in the middle of
    /// replacing a certificate.
    pub(crate) fn moved(
        settings: settings::Service,
        before: &Self,
        anew: bool,
    ) -> Option<Result<Self, TlsError>> {
        let there = settings::Service {
            upstreams: settings.upstreams.clone(),
            sandbox: settings.sandbox.clone(),
            ..before.settings.clone()
        };
        (there == settings && (!anew || before.is_current())).then(|| Self::after(settings, Some(before)))
    }

    fn after(settings: settings::Service, before: Option<&Self>) -> Result<Self, TlsError> {
        let secure = settings.tls.live.is_some() || settings.upstreams.iter().any(|upstream| upstream.secure);
        let tls = secure.then(|| tls::client(&settings.tls, settings.protocol)).transpose()?;
        let policies = before.map_or_else(
            || Policies::new(settings.policies.clone(), rules::rules()),
            |before| before.policies.clone(),
        );
        let endpoint = |upstream: &settings::Upstream| {
            let same = |known: &&Arc<Endpoint>| known.is(upstream);
            if let Some(known) = before.and_then(|before| before.endpoints.iter().find(same)) {
                return Ok(Arc::clone(known));
            }
            let connector = Connector::new(&settings, upstream, tls.as_ref())?;
            let endpoint = Endpoint::new(upstream, policies.fresh_inner(), connector, settings.managed);
            tell_of_breaker(&settings.name, &endpoint);
            Ok(Arc::new(endpoint))
        };
        let endpoints: Result<Vec<_>, TlsError> = settings.upstreams.iter().map(endpoint).collect();
        let endpoints = endpoints?;
        let known = before.and_then(|before| before.outlier.clone());
        let outlier = known.or_else(|| settings.outlier.map(|outlier| Arc::new(Outlier::new(outlier))));
        if let Some(outlier) = &outlier {
            outlier.set_members(endpoints.iter().map(|endpoint| Place::of(endpoint)), Instant::now());
        }
        let files = contents(&settings);
        let lineage = before.map_or_else(Arc::default, |before| Arc::clone(&before.lineage));
        Ok(Self { endpoints, policies, files, outlier, lineage, settings })
    }

    /// Whether the files it was made from are still what they were.
    pub(crate) fn is_current(&self) -> bool {
        self.files == contents(&self.settings)
    }

    pub(crate) fn is_ejected(&self, endpoint: &Endpoint, now: Instant) -> bool {
        let Some(outlier) = &self.outlier else { return false };
        outlier.is_ejected(&Place::of(endpoint), now)
    }

    /// Notes how an attempt at an endpoint ended.
    pub(crate) fn record(&self, endpoint: &Endpoint, outcome: Outcome, origin: Origin, now: Instant) {
        let (Some(outlier), Some(ok)) = (&self.outlier, balancer::is_ok(outcome)) else { return };
        if let Ejection::Ejected { .. } = outlier.record(&Place::of(endpoint), origin, ok, now) {
            endpoint.tell_of_ejection();
            let (service, endpoint) = (&*self.settings.name, &*endpoint.label);
            tracing::warn!(service, endpoint, "endpoint was ejected after repeated failures");
        }
    }

    /// Says which ejections are over. Called now and then by every core; one of them says it.
    fn tell_of_returns(&self, now: Instant) {
        for endpoint in &self.endpoints {
            if endpoint.was_ejected() && !self.is_ejected(endpoint, now) && endpoint.tell_of_return() {
                let (service, endpoint) = (&*self.settings.name, &*endpoint.label);
                tracing::info!(
                    service,
                    endpoint,
                    "the ejection of an endpoint is over; it gets traffic again"
                );
            }
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

/// Says when an endpoint's breaker opens and closes. Probing in between says nothing new.
fn tell_of_breaker(service: &Arc<str>, endpoint: &Endpoint) {
    let Some(breaker) = endpoint.policies.breaker() else { return };
    let (service, endpoint) = (Arc::clone(service), Arc::clone(&endpoint.label));
    breaker.subscribe(Box::new(move |change| match change.to {
        Phase::Open => {
            let why = change.trip.map(|trip| trip.to_string()).unwrap_or_default();
            tracing::warn!(%service, %endpoint, why, "circuit breaker opened");
        }
        Phase::Closed => tracing::info!(%service, %endpoint, "circuit breaker closed"),
        Phase::Isolated => tracing::warn!(%service, %endpoint, "circuit breaker was opened by hand"),
        Phase::HalfOpen => {}
    }));
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
    stack: Rc<RefCell<Box<dyn Call<http::Request<RequestBody>>>>>,
}

impl LocalService {
    /// `before` is the way to the service of this name until now. Whoever is still on it finds the endpoints of now: those of
    /// before may be gone.
    pub(crate) fn new(shared: Arc<Service>, before: Option<&Self>, meters: &Meters) -> Self {
        if let Some(moved) = before.and_then(|before| before.moved(&shared, meters)) {
            return moved;
        }
        let balancer = match before {
            Some(before) => {
                before.balancer.follow(Arc::clone(&shared), meters);
                Rc::clone(&before.balancer)
            }
            None => Rc::new(Balancer::new(Arc::clone(&shared), meters)),
        };
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
        Self { shared, balancer, stack: Rc::new(RefCell::new(stack)) }
    }

    /// The same way to a service that was moved, also for requests under way.
    fn moved(&self, shared: &Arc<Service>, meters: &Meters) -> Option<Self> {
        if !Arc::ptr_eq(&self.shared.lineage, &shared.lineage) {
            return None;
        }
        self.balancer.follow(Arc::clone(shared), meters);
        let (balancer, stack) = (Rc::clone(&self.balancer), Rc::clone(&self.stack));
        Some(Self { shared: Arc::clone(shared), balancer, stack })
    }

    /// Sends a request through all policies.
    pub(crate) fn call(&self, request: http::Request<RequestBody>) -> LocalFuture<Result<Response, Error>> {
        self.stack.borrow_mut().call(request)
    }

    /// Closes upstream connections that were not used for too long.
    pub(crate) fn sweep(&self) {
        self.shared.tell_of_returns(Instant::now());
        for endpoint in &self.balancer.view().endpoints {
            endpoint.pool.sweep();
        }
    }
}
