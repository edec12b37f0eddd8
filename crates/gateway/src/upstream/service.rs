//! A service: its endpoints, its policies, and one core's way through them.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    at: usize,
    label: Arc<str>,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
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
    places: Vec<Place>,
    /// Whether an ejection was told of whose end was not; by place.
    told: Vec<AtomicBool>,
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
        let endpoints = endpoints?;
        for endpoint in &endpoints {
            tell_of_breaker(&settings.name, endpoint);
        }
        let place =
            |(at, endpoint): (usize, &Arc<Endpoint>)| Place { at, label: Arc::clone(&endpoint.label) };
        let places: Vec<_> = endpoints.iter().enumerate().map(place).collect();
        let told = places.iter().map(|_| AtomicBool::new(false)).collect();
        let outlier = settings.outlier.map(|outlier| {
            let outlier = Outlier::new(outlier);
            outlier.set_members(places.iter().cloned(), Instant::now());
            Arc::new(outlier)
        });
        let files = contents(&settings);
        Ok(Self { endpoints, policies, files, outlier, places, told, settings })
    }

    /// Whether the files it was made from are still what they were.
    pub(crate) fn is_current(&self) -> bool {
        self.files == contents(&self.settings)
    }

    pub(crate) fn is_ejected(&self, at: usize, now: Instant) -> bool {
        let Some(place) = self.places.get(at) else { return false };
        self.outlier.as_ref().is_some_and(|outlier| outlier.is_ejected(place, now))
    }

    /// Notes how an attempt at an endpoint ended.
    pub(crate) fn record(&self, at: usize, outcome: Outcome, origin: Origin, now: Instant) {
        let (Some(outlier), Some(ok)) = (&self.outlier, balancer::is_ok(outcome)) else { return };
        let Some(place) = self.places.get(at) else { return };
        if let Ejection::Ejected { .. } = outlier.record(place, origin, ok, now) {
            self.told.get(at).inspect(|told| told.store(true, Ordering::Relaxed));
            let (service, endpoint) = (&*self.settings.name, &*place.label);
            tracing::warn!(service, endpoint, "endpoint was ejected after repeated failures");
        }
    }

    /// Says which ejections are over. Called now and then by every core; one of them says it.
    fn tell_of_returns(&self, now: Instant) {
        for (place, told) in self.places.iter().zip(&self.told) {
            let over = told.load(Ordering::Relaxed) && !self.is_ejected(place.at, now);
            if over && told.swap(false, Ordering::Relaxed) {
                let (service, endpoint) = (&*self.settings.name, &*place.label);
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
        self.shared.tell_of_returns(Instant::now());
        for endpoint in &self.balancer.endpoints {
            endpoint.pool.sweep();
        }
    }
}
