//! Has inspectors look at what was sent, before it goes on.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use seaworthy_core::RequestId;
use seaworthy_resilience::effects::{Counter, Effect};

use super::{Exchange, access};
use crate::access::{Answer, Denial, Follower, Objection, Opinion, Presented, Wanted};
use crate::body::{Outcome, RequestBody, ResponseBody, Watcher};
use crate::error::Error;
use crate::plan::RoutePlan;

/// What a route's inspectors did.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    heads: Counter,
    bodies: Counter,
    partial: Counter,
    refused: Counter,
    responses: Counter,
}

impl Counts {
    /// Every count by its name.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        vec![
            self.heads.effect("heads"),
            self.bodies.effect("bodies"),
            self.partial.effect("bodies_in_part"),
            self.refused.effect("refused"),
            self.responses.effect("responses_followed"),
        ]
    }
}

/// Whether the client may ask at all.
pub(super) fn admit(exchange: &Exchange, request: &http::Request<Incoming>) -> Result<(), Error> {
    let Some(route) = exchange.route().filter(|route| !route.settings.inspectors.is_empty()) else {
        return Ok(());
    };
    let presented = access::presented(exchange, request);
    match route.settings.inspectors.iter().find_map(|inspector| inspector.admit(&presented)) {
        None => Ok(()),
        Some(objection) => Err(refuse(exchange, route, &presented, objection)),
    }
}

/// Has the head looked at.
pub(super) fn head(exchange: &mut Exchange, request: &http::Request<Incoming>) -> Result<(), Error> {
    let route = exchange.route.clone().filter(|route| !route.settings.inspectors.is_empty());
    let Some(route) = route else { return Ok(()) };
    route.inspected.heads.add();
    let mut mark = None;
    {
        let presented = access::presented(exchange, request);
        for inspector in &route.settings.inspectors {
            match inspector.head(&presented) {
                Opinion::Passes => {}
                Opinion::Marked(value) => mark = Some(value),
                Opinion::Refused(objection) => return Err(refuse(exchange, &route, &presented, objection)),
            }
        }
    }
    exchange.mark = mark;
    Ok(())
}

/// Tells inspectors how the request was answered.
pub(super) fn answered(exchange: &Exchange, status: StatusCode) {
    for inspector in exchange.route().map(|route| route.settings.inspectors.as_slice()).unwrap_or_default() {
        inspector.answered(exchange.origin.client, status);
    }
}

/// Lets inspectors read along what the service answers.
pub(super) fn follow(exchange: &Exchange, answered: &mut Result<Response<ResponseBody>, Error>) {
    let Some(route) = exchange.route().filter(|route| !route.settings.inspectors.is_empty()) else { return };
    let Ok(response) = answered else { return };
    // what a trial does to a service says nothing of the service
    if exchange.sandbox.is_some() || response.status().is_informational() {
        return;
    }
    let answer = Answer {
        method: &exchange.method,
        uri: &exchange.uri,
        request_id: exchange.id.as_str(),
        status: response.status(),
        headers: response.headers(),
    };
    let inspectors = route.settings.inspectors.iter();
    let followers: Vec<_> = inspectors.filter_map(|inspector| inspector.response(&answer)).collect();
    for follower in followers {
        route.inspected.responses.add();
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = body.watched(Box::new(Reader(follower)));
    }
}

/// A follower, as a body's watcher.
struct Reader(Box<dyn Follower>);

impl Watcher for Reader {
    fn data(&mut self, data: &Bytes) {
        self.0.data(data);
    }

    fn end(&mut self, outcome: Outcome, _sent: u64) {
        self.0.end(outcome == Outcome::Complete);
    }

    fn cut(&mut self, _sent: u64) {
        self.0.end(false);
    }
}

fn refuse(exchange: &Exchange, route: &RoutePlan, presented: &Presented<'_>, objection: Objection) -> Error {
    route.inspected.refused.add();
    if let Some(witness) = &exchange.plan.shared.witness {
        witness.denied(&Denial {
            reason: objection.reason,
            status: objection.status,
            route: &route.settings.name,
            caller: exchange.caller.as_deref(),
            presented,
        });
    }
    Error::Objection(Box::new(objection))
}

/// How much of the body is wanted by the inspector that wants most.
pub(super) fn wanted(exchange: &Exchange, request: &http::Request<RequestBody>) -> Option<Wanted> {
    let route = exchange.route().filter(|route| !route.settings.inspectors.is_empty())?;
    if request.body().is_end_stream() {
        return None;
    }
    let presented = access::presented(exchange, request);
    let all = route.settings.inspectors.iter().filter_map(|inspector| inspector.wants(&presented));
    all.reduce(|one, other| Wanted { bytes: one.bytes.max(other.bytes), whole: one.whole || other.whole })
}

/// What is known of a request whose body is waited for.
pub(super) struct Look {
    route: Arc<RoutePlan>,
    witness: Option<Arc<dyn crate::access::Witness>>,
    caller: Option<Arc<crate::access::Caller>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    client: IpAddr,
    secure: bool,
    host: Option<HeaderValue>,
    id: RequestId,
}

impl Look {
    /// Of a route that [wants](wanted) to look.
    pub(super) fn new(exchange: &Exchange, request: &http::Request<RequestBody>) -> Option<Self> {
        Some(Self {
            route: exchange.route.clone()?,
            witness: exchange.plan.shared.witness.clone(),
            caller: exchange.caller.clone(),
            method: request.method().clone(),
            uri: exchange.uri.clone(),
            headers: request.headers().clone(),
            client: exchange.origin.client,
            secure: exchange.origin.secure,
            host: exchange.host.clone(),
            id: exchange.id,
        })
    }

    /// Has the body looked at, as far as it is here. What comes back is for the service.
    pub(super) fn body(&self, body: &RequestBody, wanted: Wanted) -> Result<Option<HeaderValue>, Error> {
        let (bytes, whole) = body.here();
        if !whole && wanted.whole {
            return Err(Error::BodyTooLarge { limit: wanted.bytes });
        }
        let presented = Presented {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
            client: self.client,
            secure: self.secure,
            host: self.host.as_ref(),
            has_body: true,
            certificate: None,
            request_id: self.id.as_str(),
        };
        let counts = &self.route.inspected;
        if whole {
            counts.bodies.add()
        } else {
            counts.partial.add()
        }
        let mut mark = None;
        for inspector in &self.route.settings.inspectors {
            match inspector.body(&presented, bytes, whole) {
                Opinion::Passes => {}
                Opinion::Marked(value) => mark = Some(value),
                Opinion::Refused(objection) => return Err(self.refuse(&presented, objection)),
            }
        }
        Ok(mark)
    }

    fn refuse(&self, presented: &Presented<'_>, objection: Objection) -> Error {
        self.route.inspected.refused.add();
        if let Some(witness) = &self.witness {
            let (reason, status) = (objection.reason, objection.status);
            let (route, caller) = (&*self.route.settings.name, self.caller.as_deref());
            witness.denied(&Denial { reason, status, route, caller, presented });
        }
        Error::Objection(Box::new(objection))
    }
}
