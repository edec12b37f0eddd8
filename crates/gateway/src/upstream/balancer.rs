//! Chooses an endpoint for each attempt: of two taken at random the less loaded (power of two choices on peak-EWMA
//! latency), among those that are healthy, not ejected and whose breaker would admit a call.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use seaworthy_resilience::ewma::InFlight;
use seaworthy_resilience::outlier::Origin;
use seaworthy_resilience::{Classify, Outcome, Rejection};
use seaworthy_telemetry::story::Part;
use seaworthy_telemetry::traces::RequestSpan;
use tokio::time::Instant;
use tower::Service;

use super::endpoint::{Endpoint, LocalEndpoint, LocalFuture};
use super::rules::Judge;
use super::service::Service as Shared;
use super::work::{Share, Work};
use super::{Request, Response};
use crate::error::Error;
use crate::headers::{TRACEPARENT, TRACESTATE};
use crate::metrics::Meters;
use crate::request::Trail;

/// One core's choice among the endpoints of a service. A request that is tried again later finds the endpoints of then.
pub(crate) struct Balancer(RefCell<Rc<View>>);

/// The endpoints as they are now.
pub(crate) struct View {
    service: Arc<Shared>,
    pub(crate) endpoints: Vec<Rc<LocalEndpoint>>,
}

impl Balancer {
    pub(crate) fn new(service: Arc<Shared>, meters: &Meters) -> Self {
        Self(RefCell::new(Rc::new(View::new(service, &[], meters))))
    }

    pub(crate) fn view(&self) -> Rc<View> {
        Rc::clone(&self.0.borrow())
    }

    /// Goes on with the endpoints that the service has now. Unused connections to those that left are closed.
    pub(crate) fn follow(&self, service: Arc<Shared>, meters: &Meters) {
        let before = self.view();
        let now = View::new(service, &before.endpoints, meters);
        let stays = |one: &&Rc<LocalEndpoint>| now.endpoints.iter().any(|other| Rc::ptr_eq(one, other));
        before.endpoints.iter().filter(|endpoint| !stays(endpoint)).for_each(|gone| gone.pool.close());
        *self.0.borrow_mut() = Rc::new(now);
    }

    /// Sends a request to the endpoint it picks. Not an async function: the request goes on at once instead of being
    /// kept in one more future.
    fn attempt(&self, request: Request) -> LocalFuture<Result<Response, Error>> {
        self.view().attempt(request)
    }
}

impl View {
    fn new(service: Arc<Shared>, before: &[Rc<LocalEndpoint>], meters: &Meters) -> Self {
        let local = |endpoint: &Arc<_>| {
            let known = before.iter().find(|known| Arc::ptr_eq(&known.shared, endpoint));
            let anew = || Rc::new(LocalEndpoint::new(Arc::clone(endpoint), &service.settings, meters));
            known.map_or_else(anew, Rc::clone)
        };
        let endpoints = service.endpoints.iter().map(local).collect();
        Self { service, endpoints }
    }

    /// Picks an endpoint, if possible not `avoid`. Where none is fit, the checks that may be wrong are left out one
    /// after the other: health and ejection first. An open breaker then answers for itself.
    fn pick(&self, now: Instant, avoid: Option<u64>) -> usize {
        if self.endpoints.len() == 1 {
            return 0;
        }
        let fit = |at: usize| {
            let endpoint = &self.endpoints[at].shared;
            endpoint.is_healthy() && !self.service.is_ejected(endpoint, now) && endpoint.admits(now)
        };
        self.two_choices(now, |at| Some(self.endpoints[at].shared.id) != avoid && fit(at))
            .or_else(|| self.two_choices(now, fit))
            .or_else(|| self.two_choices(now, |at| self.endpoints[at].shared.admits(now)))
            .or_else(|| self.soonest(now))
            .unwrap_or(0)
    }

    /// The less loaded of two endpoints drawn at random among those that pass.
    fn two_choices(&self, now: Instant, passes: impl Fn(usize) -> bool) -> Option<usize> {
        let mut drawn: [Option<usize>; 2] = [None, None];
        let mut seen = 0usize;
        for at in (0..self.endpoints.len()).filter(|at| passes(*at)) {
            // reservoir sampling: every pair is equally likely, without a list
            seen += 1;
            match seen {
                1 | 2 => drawn[seen - 1] = Some(at),
                _ => {
                    let slot = fastrand::usize(..seen);
                    if slot < 2 {
                        drawn[slot] = Some(at);
                    }
                }
            }
        }
        match drawn {
            [Some(a), Some(b)] => {
                let (load_a, load_b) = (self.endpoints[a].load.load(now), self.endpoints[b].load.load(now));
                // equal loads (both unused) must not favour the first
                let first = load_a < load_b || (load_a == load_b && fastrand::bool());
                Some(if first { a } else { b })
            }
            [one, _] => one,
        }
    }

    /// All breakers are open: the one that tries again first tells the caller when to come back.
    fn soonest(&self, now: Instant) -> Option<usize> {
        let wait =
            |at: &usize| self.endpoints[*at].shared.policies.breaker().and_then(|b| b.retry_after(now));
        (0..self.endpoints.len()).min_by_key(|at| wait(at).unwrap_or(std::time::Duration::MAX))
    }

    fn attempt(&self, mut request: Request) -> LocalFuture<Result<Response, Error>> {
        let now = Instant::now();
        let trail = request.extensions().get::<Arc<Trail>>().cloned();
        let avoid = trail.as_ref().and_then(|trail| trail.last_endpoint());
        let at = self.pick(now, avoid);
        let Some(endpoint) = self.endpoints.get(at) else {
            return Box::pin(std::future::ready(Err(Error::NoEndpoint { retry_after: None })));
        };
        if !request.headers().contains_key(http::header::HOST) {
            request.headers_mut().insert(http::header::HOST, endpoint.shared.authority.clone());
        }
        let span = trail.as_ref().and_then(|trail| trail.begin_attempt(&endpoint.shared, &mut request));
        let told = trail.and_then(|trail| Told::begin(trail, &endpoint.shared, now));
        let in_flight = endpoint.load.start(now);
        let share = endpoint.shared.work.as_ref().map(Work::begin);
        let answer = endpoint.call(request);
        let span = span.map(Box::new);
        let (service, endpoint) = (Arc::clone(&self.service), Rc::clone(endpoint));
        let answer = follow(service, endpoint, now, in_flight, (span, told), answer);
        match share {
            None => Box::pin(answer),
            Some(share) => Box::pin(keep(share, answer)),
        }
    }
}

/// Waits for the head of the answer and notes how the attempt went.
async fn follow(
    service: Arc<Shared>,
    endpoint: Rc<LocalEndpoint>,
    now: Instant,
    in_flight: InFlight,
    (span, told): (Option<Box<RequestSpan>>, Option<Told>),
    answer: LocalFuture<Result<Response, Error>>,
) -> Result<Response, Error> {
    let result = answer.await;
    let done = Instant::now();
    let outcome = Judge.classify(result.as_ref());
    in_flight.finish(outcome, done);
    endpoint.took.observe(done.duration_since(now).as_secs_f64());
    service.record(&endpoint.shared, outcome, local_failure(&result), done);
    if let Some(told) = told {
        told.end(&result, done);
    }
    if let Some(span) = span {
        let status = result.as_ref().ok().map(|response| response.status().as_u16());
        span.end(status, result.as_ref().err().map(Error::reason));
    }
    result
}

/// The request is under way until its answer's last byte has left, or its tunnel is closed.
async fn keep(
    mut share: Share,
    answer: impl Future<Output = Result<Response, Error>>,
) -> Result<Response, Error> {
    let mut response = answer.await?;
    share.answered();
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        response.extensions_mut().insert(Arc::new(share));
        return Ok(response);
    }
    Ok(response.map(|body| body.watched(Box::new(share))))
}

/// Whether a failure is the endpoint's own answer, or none came: no connection, a broken one, no answer in time. As in
/// Envoy, what runs out of time counts with the latter: an endpoint that hangs is as gone as one that cannot be reached,
/// and a few hangs between error answers (or the other way round) are two runs, not one.
fn local_failure(result: &Result<Response, Error>) -> Origin {
    match result {
        Err(Error::Connect(_) | Error::Upstream(_)) => Origin::Local,
        Err(Error::Rejected(Rejection::TimedOut { .. })) => Origin::Local,
        _ => Origin::Upstream,
    }
}

/// The part of a request's story that an attempt is. One that is dropped was given up: a hedge that the other won, a
/// client that left.
struct Told {
    trail: Arc<Trail>,
    part: Part,
}

impl Told {
    fn begin(trail: Arc<Trail>, endpoint: &Endpoint, now: Instant) -> Option<Self> {
        let mut story = trail.story.lock().unwrap_or_else(PoisonError::into_inner);
        let draft = story.as_mut().filter(|draft| draft.is_kept())?;
        let part = draft.begin("attempt", None, now.into_std());
        draft.attribute(part, "server.address", Arc::clone(&endpoint.label));
        drop(story);
        Some(Self { trail, part })
    }

    fn end(self, result: &Result<Response, Error>, now: Instant) {
        let mut story = self.trail.story.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(draft) = story.as_mut() else { return };
        if let Ok(response) = result {
            draft.attribute(self.part, "http.response.status_code", u32::from(response.status().as_u16()));
        }
        draft.end(self.part, now.into_std(), result.as_ref().err().map(Error::reason));
    }
}

impl Trail {
    fn last_endpoint(&self) -> Option<u64> {
        self.last.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Notes an attempt and gives it a place in the trace.
    fn begin_attempt(&self, endpoint: &Endpoint, request: &mut Request) -> Option<RequestSpan> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.last.store(endpoint.id + 1, Ordering::Relaxed);
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&endpoint.label));
        let span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        let parent = span.as_ref()?;
        let (mut child, root) = (parent.child("attempt"), parent.is_root());
        drop(span);
        if root {
            request.headers_mut().remove(TRACESTATE);
        }
        if let Ok(value) = http::HeaderValue::from_bytes(&child.context().header()) {
            request.headers_mut().insert(TRACEPARENT, value);
        }
        if !child.is_recording() {
            return None;
        }
        child.attribute("server.address", &*endpoint.label);
        child.attribute("http.request.method", crate::metrics::method_name(request.method()));
        Some(child)
    }
}

/// The balancer as the service below retries.
#[derive(Clone)]
pub(crate) struct BalancerService(pub(crate) Rc<Balancer>);

impl Service<Request> for BalancerService {
    type Response = Response;
    type Error = Error;
    type Future = LocalFuture<Result<Response, Error>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.attempt(request)
    }
}

/// Whether an outcome says that the endpoint works.
pub(crate) fn is_ok(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Success => Some(true),
        Outcome::Failure => Some(false),
        Outcome::Throttled | Outcome::Neutral => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seaworthy_resilience::rejection::{InjectedFault, Scope};

    use super::*;

    #[test]
    fn no_answer_is_told_from_a_bad_one() {
        let late = Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_secs(1) };
        let gone = std::io::ErrorKind::ConnectionRefused.into();
        let faked = Rejection::Injected { fault: InjectedFault::Abort { status: 500 } };
        assert_eq!(local_failure(&Err(late.into())), Origin::Local);
        assert_eq!(local_failure(&Err(Error::Connect(gone))), Origin::Local);
        assert_eq!(local_failure(&Err(faked.into())), Origin::Upstream);
        assert_eq!(local_failure(&Ok(http::Response::default())), Origin::Upstream);
    }
}
