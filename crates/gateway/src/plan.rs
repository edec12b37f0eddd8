//! Settings made ready to run: what all cores share, read-only but for the policies' own state.
//!
//! A new plan takes over everything an old one has whose settings did not change, so that applying a configuration
//! resets no breaker, no rate limit and no connection that it does not touch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http::HeaderName;
use seaworthy_resilience::rate_limit::{self, KeyedLimiter};

use crate::access::{Carrier, Login, Witness};
use crate::router::{Router, RouterError};
use crate::settings::{self, Listener, Route, Settings};
use crate::tls::{self, TlsError};
use crate::upstream::service::Service;
use crate::{cache, error_docs, request};

/// Why settings cannot be applied. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A listener's TLS.
    #[error("listener {listener}: {error}")]
    Listener {
        /// The listener's address.
        listener: String,
        /// What is wrong.
        error: TlsError,
    },
    /// A service's TLS.
    #[error("service \"{service}\": {error}")]
    Service {
        /// The service.
        service: Arc<str>,
        /// What is wrong.
        error: TlsError,
    },
    /// Routes that cannot stand together.
    #[error("{0}")]
    Route(RouterError),
    /// A route that names a service that is not there.
    #[error("route \"{route}\": there is no service \"{service}\"")]
    UnknownService {
        /// The route.
        route: Arc<str>,
        /// The name.
        service: Arc<str>,
    },
}

/// A listener, ready to accept.
pub(crate) struct ListenerPlan {
    pub(crate) settings: Listener,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// Connections open now, over all cores.
    pub(crate) connections: Arc<AtomicUsize>,
}

/// A route, ready to be followed.
pub(crate) struct RoutePlan {
    pub(crate) settings: Route,
    /// What it matches and where it leads, so that cached answers of another route are never taken for its own.
    pub(crate) identity: Arc<str>,
    /// Its place among all routes, for tables kept per core.
    pub(crate) index: usize,
    /// Indexes into the plan's services, with weights.
    pub(crate) targets: Vec<(usize, u32)>,
    /// The fallback service's index.
    pub(crate) fallback: Option<usize>,
    pub(crate) limits: Vec<Arc<Limit>>,
    /// What the cache did for it.
    pub(crate) cached: Arc<cache::Counts>,
    /// What its fallback did.
    pub(crate) fallbacks: Arc<request::FallbackCounts>,
    /// What its rules of access did.
    pub(crate) accessed: Arc<request::AccessCounts>,
    /// What its inspectors did.
    pub(crate) inspected: Arc<request::InspectionCounts>,
}

/// One rate limit and its table of keys.
pub(crate) struct Limit {
    pub(crate) settings: settings::RateLimit,
    pub(crate) limiter: KeyedLimiter<Vec<u8>>,
}

/// Everything a core needs to serve.
#[derive(Default)]
pub(crate) struct Plan {
    /// How many there were before it.
    pub(crate) number: u64,
    pub(crate) listeners: Vec<Arc<ListenerPlan>>,
    pub(crate) services: Vec<Arc<Service>>,
    /// Which of the services is the sandbox of which.
    pub(crate) sandboxes: HashMap<usize, usize>,
    pub(crate) routes: Vec<Arc<RoutePlan>>,
    pub(crate) router: Router,
    pub(crate) drain: settings::Drain,
    pub(crate) docs: Arc<str>,
    pub(crate) logins: Vec<Arc<dyn Login>>,
    pub(crate) reserved: Vec<HeaderName>,
    pub(crate) carriers: Vec<Carrier>,
    pub(crate) witness: Option<Arc<dyn Witness>>,
}

impl Plan {
    /// Makes settings ready; all problems at once.
    pub(crate) fn new(settings: Settings, old: &Self) -> Result<Self, Vec<PlanError>> {
        Self::after(settings, old, true)
    }

    /// The same settings with other endpoints: no file is read again, so that nothing can fail but what is new.
    pub(crate) fn moved(settings: Settings, old: &Self) -> Result<Self, Vec<PlanError>> {
        Self::after(settings, old, false)
    }

    /// `anew`: files are read again.
    fn after(settings: Settings, old: &Self, anew: bool) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        let listeners = match anew {
            true => settings.listeners.iter().filter_map(|l| keep(&mut errors, listener(l, old))).collect(),
            false => old.listeners.clone(),
        };
        let mut services: Vec<_> =
            settings.services.iter().filter_map(|s| keep(&mut errors, service(s, old, anew))).collect();
        let names: Vec<_> = settings.services.iter().map(|s| Arc::clone(&s.name)).collect();
        let mut sandboxes = HashMap::new();
        for (at, sandbox) in settings.services.iter().enumerate().filter_map(sandbox) {
            services.extend(keep(&mut errors, service(&sandbox, old, anew)));
            sandboxes.insert(at, services.len().saturating_sub(1));
        }
        let mut routes = Vec::new();
        for (index, route) in settings.routes.iter().enumerate() {
            match self::route(index, route, &names, old) {
                Ok(route) => routes.push(Arc::new(route)),
                Err(unknown) => errors.push(unknown),
            }
        }
        let router = Router::new(&settings.routes).unwrap_or_else(|found| {
            errors.extend(found.into_iter().map(PlanError::Route));
            Router::default()
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        let docs = settings.error_docs.as_deref().unwrap_or(error_docs::PATH).into();
        let number = old.number + 1;
        Ok(Self {
            number,
            listeners,
            services,
            sandboxes,
            routes,
            router,
            drain: settings.drain,
            docs,
            logins: settings.logins,
            reserved: settings.reserved,
            carriers: settings.carriers,
            witness: settings.witness,
        })
    }
}

/// What a service's sandbox is: the same service with policies of its own, so that what is tried there opens no breaker
/// and spends no budget of live traffic.
fn sandbox((at, service): (usize, &settings::Service)) -> Option<(usize, settings::Service)> {
    let upstreams = vec![service.sandbox.clone()?];
    let name = format!("{}/sandbox", service.name).into();
    Some((at, settings::Service { name, upstreams, sandbox: None, ..service.clone() }))
}

fn keep<T>(errors: &mut Vec<PlanError>, made: Result<T, PlanError>) -> Option<T> {
    made.map_err(|error| errors.push(error)).ok()
}

fn listener(settings: &Listener, old: &Plan) -> Result<Arc<ListenerPlan>, PlanError> {
    let tls = settings.tls.as_ref().map(|tls| tls::server(tls, settings.http2)).transpose();
    let tls = tls.map_err(|error| PlanError::Listener { listener: settings.address.to_string(), error })?;
    let before = old.listeners.iter().find(|l| l.settings.address == settings.address);
    let connections = before.map(|l| Arc::clone(&l.connections)).unwrap_or_default();
    Ok(Arc::new(ListenerPlan { settings: settings.clone(), tls, connections }))
}

fn service(settings: &settings::Service, old: &Plan, anew: bool) -> Result<Arc<Service>, PlanError> {
    let is_same = |s: &&Arc<Service>| s.settings == *settings && (!anew || s.is_current());
    if let Some(same) = old.services.iter().find(is_same) {
        return Ok(Arc::clone(same));
    }
    let before = old.services.iter().find(|s| s.settings.name == settings.name);
    let moved = before.and_then(|before| Service::moved(settings.clone(), before, anew));
    moved
        .unwrap_or_else(|| Service::new(settings.clone()))
        .map(Arc::new)
        .map_err(|error| PlanError::Service { service: Arc::clone(&settings.name), error })
}

fn route(index: usize, settings: &Route, names: &[Arc<str>], old: &Plan) -> Result<RoutePlan, PlanError> {
    let find = |name: &Arc<str>| {
        let unknown =
            || PlanError::UnknownService { route: Arc::clone(&settings.name), service: Arc::clone(name) };
        names.iter().position(|n| n == name).ok_or_else(unknown)
    };
    let targets: Result<Vec<_>, _> =
        settings.targets.iter().map(|(name, weight)| find(name).map(|at| (at, *weight))).collect();
    let fallback = match &settings.fallback {
        Some(settings::Fallback::Service(name)) => Some(find(name)?),
        _ => None,
    };
    let before = old.routes.iter().find(|r| r.settings.same_place(settings));
    let limits = settings.rate_limits.iter().map(|limit| limit_for(limit, before.map(Arc::as_ref))).collect();
    Ok(RoutePlan {
        identity: format!(
            "{} {:?} {:?} {:?} {:?} {:?}",
            settings.path,
            settings.hosts,
            settings.methods,
            settings.headers,
            settings.targets,
            settings.rewrite
        )
        .into(),
        settings: settings.clone(),
        index,
        targets: targets?,
        fallback,
        limits,
        cached: before.map(|route| Arc::clone(&route.cached)).unwrap_or_default(),
        fallbacks: before.map(|route| Arc::clone(&route.fallbacks)).unwrap_or_default(),
        accessed: before.map(|route| Arc::clone(&route.accessed)).unwrap_or_default(),
        inspected: before.map(|route| Arc::clone(&route.inspected)).unwrap_or_default(),
    })
}

fn limit_for(settings: &settings::RateLimit, before: Option<&RoutePlan>) -> Arc<Limit> {
    let same = before.and_then(|route| route.limits.iter().find(|limit| limit.settings == *settings));
    same.map_or_else(
        || {
            let rate = rate_limit::Settings {
                requests: settings.requests,
                per: settings.per,
                burst: settings.burst,
            };
            Arc::new(Limit { settings: settings.clone(), limiter: KeyedLimiter::new(rate, settings.keys) })
        },
        Arc::clone,
    )
}
