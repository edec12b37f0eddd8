//! One address of a service: what all cores know of it, and one core's way to it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use seaworthy_resilience::ewma::{self, PeakEwma};
use seaworthy_telemetry::metrics::Histogram;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::connect::Connector;
use super::pool::Pool;
use super::rules::EndpointPolicies;
use super::work::Work;
use super::{Request, Response};
use crate::error::Error;
use crate::metrics::Meters;
use crate::settings;

/// Endpoints made so far.
static MADE: AtomicU64 = AtomicU64::new(0);

/// What all cores know of an endpoint.
pub(crate) struct Endpoint {
    /// No other endpoint of this process has or had it.
    pub(crate) id: u64,
    upstream: settings::Upstream,
    /// Its address as metrics and logs show it.
    pub(crate) label: Arc<str>,
    /// `host:port`, for services that want their own name in `Host`.
    pub(crate) authority: http::HeaderValue,
    /// Its own policies; their state is shared by all cores.
    pub(crate) policies: EndpointPolicies,
    /// How it is reached.
    pub(crate) connector: Arc<Connector>,
    /// The verdict of active health checks. Healthy until proven otherwise.
    healthy: AtomicBool,
    /// Whether an ejection was told of whose end was not.
    ejected: AtomicBool,
    /// What it is busy with, where somebody wants to know.
    pub(crate) work: Option<Arc<Work>>,
}

impl Endpoint {
    pub(crate) fn new(
        upstream: &settings::Upstream,
        policies: EndpointPolicies,
        connector: Connector,
        managed: bool,
    ) -> Self {
        let usual = if upstream.secure { 443 } else { 80 };
        let authority = match upstream.port {
            port if port == usual => upstream.host.clone(),
            port => format!("{}:{port}", upstream.host),
        };
        Self {
            id: MADE.fetch_add(1, Ordering::Relaxed),
            upstream: upstream.clone(),
            work: managed.then(Arc::default),
            ejected: AtomicBool::new(false),
            label: upstream.name.clone().unwrap_or_else(|| upstream.to_string().into()),
            authority: http::HeaderValue::from_str(&authority)
                .unwrap_or_else(|_| http::HeaderValue::from_static("upstream")),
            policies,
            connector: Arc::new(connector),
            healthy: AtomicBool::new(true),
        }
    }

    /// Whether it is at this address.
    pub(crate) fn is(&self, upstream: &settings::Upstream) -> bool {
        self.upstream == *upstream
    }

    /// Whether nothing is under way there: no answer awaited or on its way, no tunnel.
    pub(crate) fn is_idle(&self) -> bool {
        self.work.as_ref().is_none_or(|work| work.under_way() == 0)
    }

    pub(crate) fn tell_of_ejection(&self) {
        self.ejected.store(true, Ordering::Relaxed);
    }

    pub(crate) fn was_ejected(&self) -> bool {
        self.ejected.load(Ordering::Relaxed)
    }

    /// `true` for one of those who ask at the same time.
    pub(crate) fn tell_of_return(&self) -> bool {
        self.ejected.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Takes a verdict. `true`: it is a change.
    pub(crate) fn set_healthy(&self, healthy: bool) -> bool {
        self.healthy.swap(healthy, Ordering::Relaxed) != healthy
    }

    /// Whether its breaker would let a call through.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        self.policies.breaker().is_none_or(|breaker| breaker.is_available(now))
    }
}

/// A boxed future on this core.
pub(crate) type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A service behind a pointer: what a policy stack is once its layers are put together.
pub(crate) trait Call<Req> {
    /// Sends a request through.
    fn call(&mut self, request: Req) -> LocalFuture<Result<Response, Error>>;
}

/// A stack of policies, called through a pointer.
pub(crate) struct Policied<S>(pub(crate) S);

impl<S, Req> Call<Req> for Policied<S>
where
    S: Service<Req, Response = Response, Error = Error>,
    S::Future: 'static,
{
    fn call(&mut self, request: Req) -> LocalFuture<Result<Response, Error>> {
        // the layers decide in `call` and are always ready: see the resilience crate
        Box::pin(self.0.call(request))
    }
}

/// The innermost service: a core's pool.
#[derive(Clone)]
struct PoolService(Rc<Pool>);

impl Service<Request> for PoolService {
    type Response = Response;
    type Error = Error;
    type Future = LocalFuture<Result<Response, Error>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.send(request)
    }
}

/// The way to an endpoint that has no policy of its own.
struct Unpolicied(PoolService);

impl Call<Request> for Unpolicied {
    fn call(&mut self, request: Request) -> LocalFuture<Result<Response, Error>> {
        Service::call(&mut self.0, request)
    }
}

/// One core's way to an endpoint.
pub(crate) struct LocalEndpoint {
    pub(crate) shared: Arc<Endpoint>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) load: Arc<PeakEwma>,
    /// How long attempts took.
    pub(crate) took: Histogram,
    service: RefCell<Box<dyn Call<Request>>>,
}

impl LocalEndpoint {
    pub(crate) fn new(shared: Arc<Endpoint>, service: &settings::Service, meters: &Meters) -> Self {
        let pool = Rc::new(Pool::new(Arc::clone(&shared.connector), service));
        let policies = &service.policies;
        let bare = policies.breaker.is_none()
            && policies.rate_limit.is_none()
            && policies.bulkhead.is_none()
            && policies.attempt_timeout.is_none()
            && policies.fault.is_none();
        let pooled = PoolService(Rc::clone(&pool));
        let stacked: Box<dyn Call<Request>> = match bare {
            true => Box::new(Unpolicied(pooled)),
            false => Box::new(Policied(shared.policies.layer(pooled))),
        };
        let load = Arc::new(PeakEwma::new(ewma::Settings::default(), Instant::now()));
        let took = meters.attempts(&service.name, &shared.label);
        Self { shared, pool, load, took, service: RefCell::new(stacked) }
    }

    pub(crate) fn call(&self, request: Request) -> LocalFuture<Result<Response, Error>> {
        self.service.borrow_mut().call(request)
    }
}
