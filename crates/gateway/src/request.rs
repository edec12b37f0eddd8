//! The life of one request, phase by phase. The order is fixed; this file reads from the first to the last.
//!
//! | phase | what it does | where |
//! |---|---|---|
//! | admit | refuses what broke the rules of HTTP | `guard`, here |
//! | identify | request id, trace context, who the client is | [`identify`] |
//! | route | host, path, method and headers to a route | [`route`] |
//! | sandbox | a signed pass leads to the endpoint that nothing else reaches | [`sandbox`] |
//! | limit | addresses, body size, rate limits | [`limit`] |
//! | preflight | cross-origin preflight | [`cors`] |
//! | access | who calls, and whether they may | [`access`] |
//! | inspect | what no client of good will sends; bodies on their way out | [`inspect`] |
//! | cache | answers from the cache, joins a fetch under way | [`cache`] |
//! | forward | header hygiene, rewrite, policies, balancing, upstream | [`forward`] |
//! | fall back | stale answer, other service, fixed answer | [`fallback`] |
//! | finish | response hygiene, security and CORS headers | [`finish`] |
//! | record | metrics, access log, trace; when the last byte has left | [`record`] |

mod access;
mod cache;
mod cors;
mod fallback;
mod finish;
mod forward;
mod identify;
mod inspect;
mod limit;
mod record;
mod route;
mod sandbox;

pub(crate) use access::Counts as AccessCounts;
pub(crate) use fallback::Counts as FallbackCounts;
pub(crate) use inspect::Counts as InspectionCounts;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::{HeaderValue, Method, StatusCode, Uri, Version};
use hyper::body::Incoming;
use seaworthy_core::RequestId;
use seaworthy_resilience::rate_limit::Decision;
use seaworthy_resilience::rejection::{InjectedFault, Rejection};
use seaworthy_resilience::timeout::HoldUp;
use seaworthy_telemetry::story::Draft;
use seaworthy_telemetry::traces::RequestSpan;
use tokio::time::Instant;

use crate::access::{Caller, Later, Refusal};
use crate::body::{BodyFate, ResponseBody};
use crate::connection::Info;
use crate::error::Error;
use crate::guard::Violation;
use crate::headers::Origin;
use crate::plan::RoutePlan;
use crate::worker::{Core, LocalPlan};

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut on purpose")]
pub(crate) struct Cut;

/// What an exchange shares with the attempts made for it, which may run behind policies that know nothing of it.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// The request's span, until it is ended.
    pub(crate) span: Mutex<Option<RequestSpan>>,
    /// What happens to it, for whoever asks later.
    pub(crate) story: Mutex<Option<Draft>>,
    /// Attempts at an upstream.
    pub(crate) attempts: AtomicU32,
    /// The endpoint tried last.
    pub(crate) endpoint: Mutex<Option<Arc<str>>>,
    /// Its id, plus one; 0 before the first attempt.
    pub(crate) last: AtomicU64,
    /// Whether the client's body failed, and with it the attempt it was sent with.
    pub(crate) client_failed: AtomicBool,
    /// Whether more of the client's body is waited for, …
    awaited: AtomicBool,
    /// … and when it last was.
    came: Mutex<Option<Instant>>,
}

impl Trail {
    /// Notes whether it is the client now that has to go on.
    pub(crate) fn await_client(&self, awaited: bool) {
        if !awaited {
            *self.came.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.awaited.store(awaited, Ordering::Relaxed);
    }
}

impl HoldUp for Trail {
    fn is_on(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    fn ended(&self) -> Option<Instant> {
        *self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request and what is known of it so far.
pub(crate) struct Exchange {
    core: Rc<Core>,
    info: Rc<Info>,
    plan: Rc<LocalPlan>,
    started: Instant,
    id: RequestId,
    trace_id: [u8; 16],
    trail: Arc<Trail>,
    origin: Origin,
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    /// Headers for the access log, with their places among those that it wants. Usually none.
    logged: Vec<(usize, HeaderValue)>,
    /// The page the request comes from, where a browser says so.
    cors_origin: Option<HeaderValue>,
    /// Of the client's body, where it sends one.
    fate: Option<Rc<BodyFate>>,
    route: Option<Arc<RoutePlan>>,
    service: Option<Arc<str>>,
    /// Where a request with a pass goes instead.
    sandbox: Option<usize>,
    /// Who calls, where the route asks.
    caller: Option<Arc<Caller>>,
    /// What an authenticator said against a credential, while others are still asked.
    refusal: Option<Refusal>,
    /// Cookies for the answer.
    cookies: Vec<HeaderValue>,
    /// What the service is told of a suspicious request.
    mark: Option<HeaderValue>,
    /// Whether the client sends a body.
    body: bool,
    /// The log-in whose own path this is.
    login: Option<usize>,
    /// The tightest rate limit's decision.
    limit: Option<(Decision, Arc<crate::plan::Limit>)>,
    upgrade: bool,
    /// Whether the client would take more of the answer than there is.
    starved: bool,
    /// The status that was answered; until then, that of a client that left.
    status: Cell<StatusCode>,
    /// Body bytes that went to the client.
    sent: Cell<u64>,
    reason: Cell<Option<&'static str>>,
    cache_status: RefCell<Option<String>>,
    /// The head as it was asked for, where a stale answer may have to be found for it.
    asked: Option<http::Request<()>>,
    /// Work behind a client's back (revalidation): not counted as a request.
    detached: bool,
}

/// Takes a request through all phases.
pub(crate) async fn handle(
    core: Rc<Core>,
    info: Rc<Info>,
    mut request: http::Request<Incoming>,
) -> Result<http::Response<ResponseBody>, Cut> {
    let mut exchange = identify::begin(core, info, &request);
    let mut gate = before(&mut exchange, &mut request);
    if let Ok(None) = gate
        && exchange.asks()
    {
        gate = match enter(&mut exchange, &mut request) {
            Gate::Now(decided) => decided,
            Gate::Later(at, later) => Box::pin(wait(&mut exchange, &mut request, at, later)).await,
            Gate::LogIn(later) => Ok(Some(later.await)),
        };
    }
    if let Ok(None) = gate
        && !exchange.plan.shared.carriers.is_empty()
    {
        access::keep_ours(&exchange, request.headers_mut());
    }
    let outcome = match gate {
        Ok(None) if exchange.caches() && !exchange.upgrade => {
            Box::pin(through_cache(&mut exchange, request)).await
        }
        Ok(None) => {
            let spare = fallback::prepare(&exchange, &request);
            // by far the most frequent way: no async function between here and the policies
            let mut forwarded = match forward::begin(&mut exchange, request) {
                Ok(answer) => answer.await.and_then(|response| forward::end(&exchange, response)),
                Err(error) => Err(error),
            };
            inspect::follow(&exchange, &mut forwarded);
            match fallback::needed(&exchange, &forwarded) {
                false => forwarded,
                true => Box::pin(fallback::apply(&mut exchange, spare, forwarded)).await,
            }
        }
        Ok(Some(answer)) => Ok(answer),
        Err(error) => Err(error),
    };
    let response = match outcome {
        Ok(response) => finish::finish(&exchange, response),
        Err(error) => {
            let error = exchange.explain(error);
            if is_reset(&error) {
                exchange.info.cut.set(true);
                exchange.reason.set(Some(error.reason()));
                return Err(Cut);
            }
            finish::problem(&exchange, &error)
        }
    };
    Ok(record::watch(exchange, response))
}

/// The phases that wait for nothing. `Some`: here is the answer.
fn before(
    exchange: &mut Exchange,
    request: &mut http::Request<Incoming>,
) -> Result<Option<http::Response<ResponseBody>>, Error> {
    if let Some(violation) = exchange.info.guard.as_ref().and_then(|guard| guard.refused(request.headers())) {
        return Err(Error::Malformed(violation));
    }
    if exchange.info.guard.is_none() && !identify::names_one_host(request) {
        return Err(Error::Malformed(Violation::Host));
    }
    if !exchange.plan.shared.reserved.is_empty() {
        let plan = Rc::clone(&exchange.plan);
        access::disarm(&plan.shared.reserved, request.headers_mut());
    }
    if let Some(answer) = route::find(exchange, request)? {
        return Ok(Some(answer));
    }
    sandbox::enter(exchange, request)?;
    limit::check(exchange, request)?;
    Ok(cors::preflight(exchange, request))
}

/// Where a request stands that is asked who it is from.
enum Gate {
    Now(Result<Option<http::Response<ResponseBody>>, Error>),
    /// The authenticator at this place has to be waited for.
    Later(usize, Later<access::Said>),
    LogIn(Later<http::Response<ResponseBody>>),
}

/// The phases that ask who calls and what is sent, as far as nothing has to be waited for.
fn enter(exchange: &mut Exchange, request: &mut http::Request<Incoming>) -> Gate {
    if let Some(login) = exchange.login.and_then(|login| exchange.plan.shared.logins.get(login)) {
        return Gate::LogIn(Box::pin(access::log_in(login.answer(&access::presented(exchange, request)))));
    }
    if let Err(error) = inspect::admit(exchange, request) {
        return Gate::Now(Err(error));
    }
    match access::enter(exchange, request) {
        access::Entered::Waits(at, later) => Gate::Later(at, later),
        decided => Gate::Now(after(exchange, request, decided)),
    }
}

/// Waits for authenticators, one after the other.
async fn wait(
    exchange: &mut Exchange,
    request: &mut http::Request<Incoming>,
    at: usize,
    later: Later<access::Said>,
) -> Result<Option<http::Response<ResponseBody>>, Error> {
    let (mut at, mut later) = (at, later);
    loop {
        let said = later.await;
        match access::go_on(exchange, request, at, said) {
            access::Entered::Waits(next, more) => (at, later) = (next, more),
            decided => return after(exchange, request, decided),
        }
    }
}

/// What follows once it is decided who calls.
fn after(
    exchange: &mut Exchange,
    request: &mut http::Request<Incoming>,
    decided: access::Entered,
) -> Result<Option<http::Response<ResponseBody>>, Error> {
    match decided {
        access::Entered::Answered(answer) => return Ok(Some(answer)),
        access::Entered::Refused(error) => return Err(error),
        access::Entered::Passes | access::Entered::Waits(..) => {}
    }
    limit::callers(exchange, request)?;
    inspect::head(exchange, request)?;
    Ok(None)
}

/// The rest of the way for a route with a cache.
async fn through_cache(
    exchange: &mut Exchange,
    mut request: http::Request<Incoming>,
) -> Result<http::Response<ResponseBody>, Error> {
    forward::clean(exchange, request.headers_mut());
    exchange.asked = Some(cache::bare(&request));
    let ticket = match cache::lookup(exchange, &mut request).await {
        cache::Looked::Answer(answer) => return Ok(answer),
        cache::Looked::Forward(ticket) => ticket,
    };
    let spare = fallback::prepare(exchange, &request);
    let mut forwarded = match forward::begin(exchange, request) {
        Ok(answer) => answer.await.and_then(|response| forward::end(exchange, response)),
        Err(error) => Err(error),
    };
    inspect::follow(exchange, &mut forwarded);
    let stored = cache::store(exchange, ticket, forwarded);
    match fallback::needed(exchange, &stored) {
        false => stored,
        true => fallback::apply(exchange, spare, stored).await,
    }
}

fn is_reset(error: &Error) -> bool {
    matches!(error, Error::Rejected(Rejection::Injected { fault: InjectedFault::Reset }))
}

impl Exchange {
    /// The real cause of a failure: an upstream call that failed because the *client's* body did is the client's.
    fn explain(&self, error: Error) -> Error {
        let Some(fate) = &self.fate else { return error };
        if let Some(limit) = fate.too_large.get() {
            return Error::BodyTooLarge { limit };
        }
        if fate.broken.get() {
            let violation = self.info.guard.as_ref().and_then(|guard| guard.violation());
            if violation.is_some() || !fate.late.get() {
                return violation.map_or(Error::Client, Error::Malformed);
            }
        }
        let timed_out = matches!(&error, Error::Rejected(Rejection::TimedOut { .. }));
        if fate.late.get() || (timed_out && self.trail.is_on()) {
            return Error::Malformed(Violation::BodyTimeout);
        }
        error
    }

    /// Whether it is asked who this is from, or what it holds.
    fn asks(&self) -> bool {
        let asks = |route: &RoutePlan| {
            let settings = &route.settings;
            settings.access.is_some() || !settings.inspectors.is_empty()
        };
        self.login.is_some() || self.route().is_some_and(asks)
    }

    /// Whether the route has a cache.
    fn caches(&self) -> bool {
        self.sandbox.is_none() && self.route().is_some_and(|route| route.settings.cache.is_some())
    }

    /// An exchange like this one for work that no client waits for.
    fn detached(&self) -> Box<Self> {
        Box::new(Self {
            core: Rc::clone(&self.core),
            info: Rc::clone(&self.info),
            plan: Rc::clone(&self.plan),
            started: Instant::now(),
            id: RequestId::generate(),
            trace_id: self.trace_id,
            trail: Arc::default(),
            origin: self.origin,
            method: Method::GET,
            uri: self.uri.clone(),
            version: self.version,
            host: self.host.clone(),
            user_agent: None,
            logged: Vec::new(),
            cors_origin: None,
            fate: None,
            route: self.route.clone(),
            service: None,
            sandbox: None,
            caller: self.caller.clone(),
            refusal: None,
            cookies: Vec::new(),
            mark: None,
            body: false,
            login: None,
            limit: None,
            upgrade: false,
            starved: false,
            status: Cell::new(StatusCode::OK),
            sent: Cell::new(0),
            reason: Cell::new(None),
            cache_status: RefCell::default(),
            asked: None,
            detached: true,
        })
    }

    fn route(&self) -> Option<&RoutePlan> {
        self.route.as_deref()
    }
}
