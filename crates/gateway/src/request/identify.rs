//! Who asks, under which id, in which trace.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use http::header::{HOST, ORIGIN, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Incoming;
use seaworthy_core::RequestId;
use seaworthy_core::trace::TraceContext;
use tokio::time::Instant;

use super::{Exchange, Trail};
use crate::connection::Info;
use crate::headers::{self, TRACEPARENT, X_REQUEST_ID};
use crate::worker::Core;

/// The status of a request whose client left before there was an answer, as nginx counts it.
pub(super) fn client_left() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Whether an HTTP/2 request names exactly one host, in the form the guard asks of HTTP/1.
pub(super) fn names_one_host<B>(request: &http::Request<B>) -> bool {
    let mut lines = request.headers().get_all(HOST).iter();
    let (line, second) = (lines.next(), lines.next());
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let host = authority.or(line.map(HeaderValue::as_bytes));
    second.is_none() && host.is_some_and(|host| !host.is_empty() && crate::guard::target::is_host(host))
}

/// The headers that the access log wants, should it want this request. No memory is taken where it wants none.
fn logged(core: &Core, map: &HeaderMap) -> Vec<(usize, HeaderValue)> {
    let lines = |(at, name)| map.get_all(name).iter().map(move |value| (at, HeaderValue::clone(value)));
    core.logged.iter().enumerate().flat_map(lines).collect()
}

/// Opens the record of an exchange.
pub(super) fn begin(core: Rc<Core>, info: Rc<Info>, request: &http::Request<Incoming>) -> Box<Exchange> {
    let map = request.headers();
    let id = map.get(X_REQUEST_ID).and_then(|id| RequestId::accept(id.as_bytes()));
    let peer = info.peer.ip();
    let origin = headers::origin(map, peer.to_canonical(), info.tls, &info.listener.settings.trusted_proxies);
    let parent = map.get(TRACEPARENT).filter(|_| core.tracer.trusts(origin.trusted));
    let parent = parent.and_then(|value| TraceContext::parse(value.as_bytes()));
    let span = core.tracer.start_server(parent, "request");
    let trace_id = span.context().trace_id;
    let host = match request.uri().authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => map.get(HOST).cloned(),
    };
    core.meters.request_begun();
    info.active.set(info.active.get() + 1);
    let started = Instant::now();
    let story = Mutex::new(core.stories.as_ref().map(|stories| stories.begin(started.into_std())));
    Box::new(Exchange {
        plan: core.plan(),
        started,
        id: id.unwrap_or_else(RequestId::generate),
        trace_id,
        trail: Arc::new(Trail { span: Mutex::new(Some(span)), story, ..Trail::default() }),
        origin,
        method: request.method().clone(),
        uri: request.uri().clone(),
        version: request.version(),
        host,
        user_agent: map.get(USER_AGENT).cloned(),
        logged: logged(&core, map),
        cors_origin: map.get(ORIGIN).cloned(),
        fate: None,
        route: None,
        service: None,
        sandbox: None,
        caller: None,
        refusal: None,
        cookies: Vec::new(),
        mark: None,
        body: !http_body::Body::is_end_stream(request.body()),
        login: None,
        limit: None,
        upgrade: map.contains_key(http::header::UPGRADE),
        starved: false,
        status: Cell::new(client_left()),
        sent: Cell::new(0),
        reason: Cell::new(None),
        cache_status: RefCell::default(),
        asked: None,
        detached: false,
        core,
        info,
    })
}
