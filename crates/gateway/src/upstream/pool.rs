//! One core's connections to one endpoint. No lock, no other core: a request takes the connection used last (the one
//! most likely still open) and its response body gives it back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::{CONNECTION, HOST, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::time::Instant;

use super::connect::{Connector, Sender};
use super::endpoint::LocalFuture;
use super::{Body, Request, Response};
use crate::body::ResponseBody;
use crate::error::Error;
use crate::request::Trail;

struct Idle {
    sender: http1::SendRequest<Body>,
    since: Instant,
}

/// One core's connections to one endpoint.
pub(crate) struct Pool {
    connector: Arc<Connector>,
    idle: RefCell<Vec<Idle>>,
    shared: RefCell<Option<http2::SendRequest<Body>>>,
    idle_timeout: Duration,
    idle_limit: usize,
    silence: Duration,
    /// Whether its endpoint is no longer part of the service.
    closed: Cell<bool>,
}

impl Pool {
    /// An empty pool.
    pub(crate) fn new(connector: Arc<Connector>, settings: &crate::settings::Service) -> Self {
        Self {
            connector,
            idle: RefCell::default(),
            shared: RefCell::default(),
            idle_timeout: settings.idle_timeout,
            idle_limit: settings.idle_connections,
            silence: settings.response_silence,
            closed: Cell::new(false),
        }
    }

    /// Sends a request; the future waits for the head of its answer. Where it failed because the client's body did,
    /// that is no failure of the upstream: nobody may open a breaker by breaking off uploads.
    ///
    /// Not an async function: with a connection at hand, which is nearly always, the request goes to it at once
    /// instead of being moved from future to future.
    pub(crate) fn send(self: &Rc<Self>, mut request: Request) -> LocalFuture<Result<Response, Error>> {
        let pool = Rc::clone(self);
        let trail = blamed(&request);
        match self.checkout() {
            Some(Sender::Http1(mut sender)) => {
                for_http1(&mut request);
                let answer = sender.try_send_request(request);
                Box::pin(async move {
                    let error = match answer.await {
                        Ok(response) => return Ok(pool.lend(response, Some(sender))),
                        Err(error) => error,
                    };
                    drop(sender);
                    match unsent(error) {
                        (Some(request), _) => Box::pin(pool.send_anew(request, trail)).await,
                        (None, error) => Err(judge(error, trail)),
                    }
                })
            }
            Some(sender) => Box::pin(async move {
                match pool.send_on(sender, request).await {
                    Err((Some(request), _)) => pool.send_anew(request, trail).await,
                    other => other.map_err(|(_, error)| judge(error, trail)),
                }
            }),
            None => Box::pin(pool.send_anew(request, trail)),
        }
    }

    /// The rest of the way when there is no connection, or when it was closed under the request.
    async fn send_anew(
        self: Rc<Self>,
        request: Request,
        trail: Option<Arc<Trail>>,
    ) -> Result<Response, Error> {
        self.send_pooled(request).await.map_err(|error| judge(error, trail))
    }

    async fn send_pooled(self: Rc<Self>, mut request: Request) -> Result<Response, Error> {
        // a pooled connection may have been closed by the other side just now: the request comes back unsent then,
        // and the next connection gets it. A fresh connection gets one chance.
        while let Some(sender) = self.checkout() {
            match self.send_on(sender, request).await {
                Ok(response) => return Ok(response),
                Err((Some(unsent), _)) => request = unsent,
                Err((None, error)) => return Err(error),
            }
        }
        // boxed: a handshake's state is large, and this future is moved for every request
        let sender = Box::pin(self.connector.connect()).await?;
        if let Sender::Http2(sender) = &sender {
            *self.shared.borrow_mut() = Some(sender.clone());
        }
        self.send_on(sender, request).await.map_err(|(_, error)| error)
    }

    /// A usable connection, newest first.
    fn checkout(&self) -> Option<Sender> {
        let mut shared = self.shared.borrow_mut();
        if let Some(sender) = shared.as_ref() {
            if !sender.is_closed() {
                return Some(Sender::Http2(sender.clone()));
            }
            *shared = None;
        }
        let mut idle = self.idle.borrow_mut();
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            if idle[at].sender.is_closed() {
                idle.swap_remove(at);
            } else if idle[at].sender.is_ready() {
                return Some(Sender::Http1(idle.remove(at).sender));
            }
        }
        None
    }

    fn put_back(&self, sender: http1::SendRequest<Body>) {
        let mut idle = self.idle.borrow_mut();
        if !sender.is_closed() && idle.len() < self.idle_limit && !self.closed.get() {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    /// Closes what is unused, and will close what is in use once it is over.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.idle.borrow_mut().clear();
        *self.shared.borrow_mut() = None;
    }

    /// Closes what was not used for too long. Called now and then, not per request.
    pub(crate) fn sweep(&self) {
        let timeout = self.idle_timeout;
        self.idle.borrow_mut().retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < timeout);
    }

    async fn send_on(
        self: &Rc<Self>,
        sender: Sender,
        mut request: Request,
    ) -> Result<Response, (Option<Request>, Error)> {
        match sender {
            Sender::Http1(mut sender) => {
                for_http1(&mut request);
                let response = sender.try_send_request(request).await.map_err(unsent)?;
                Ok(self.lend(response, Some(sender)))
            }
            Sender::Http2(mut sender) => {
                for_http2(&mut request, self.connector.is_secure());
                let response = sender.try_send_request(request).await.map_err(unsent)?;
                Ok(self.lend(response, None))
            }
        }
    }

    fn lend(
        self: &Rc<Self>,
        response: http::Response<Incoming>,
        sender: Option<http1::SendRequest<Body>>,
    ) -> Response {
        let lease = sender.map(|sender| Lease { pool: Rc::clone(self), sender });
        response.map(|incoming| ResponseBody::upstream(incoming, self.silence, lease))
    }
}

/// Who to ask whether a failure was the client's: only its body can be.
fn blamed(request: &Request) -> Option<Arc<Trail>> {
    let empty = http_body::Body::is_end_stream(request.body());
    if empty { None } else { request.extensions().get::<Arc<Trail>>().cloned() }
}

fn judge(error: Error, trail: Option<Arc<Trail>>) -> Error {
    match trail.is_some_and(|trail| trail.client_failed.load(Ordering::Relaxed)) {
        true => Error::Client,
        false => error,
    }
}

fn unsent(mut error: hyper::client::conn::TrySendError<Request>) -> (Option<Request>, Error) {
    let request = error.take_message();
    (request, Error::Upstream(error.into_error()))
}

/// HTTP/2 carries the host in `:authority`.
pub(crate) fn for_http2(request: &mut Request, secure: bool) {
    let Some(host) = request.headers_mut().remove(HOST) else { return };
    let path = request.uri().path_and_query().cloned();
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Authority::try_from(host.as_bytes()).ok();
    parts.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = http::Version::HTTP_2;
    for name in [CONNECTION, UPGRADE] {
        request.headers_mut().remove(name);
    }
}

/// The other way round, for a request that came back unsent.
fn for_http1(request: &mut Request) {
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = http::HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(http::Uri::from).unwrap_or_default();
    *request.version_mut() = http::Version::HTTP_11;
}

/// A connection lent to a response body. Dropped, the connection is closed.
pub(crate) struct Lease {
    pool: Rc<Pool>,
    sender: http1::SendRequest<Body>,
}

impl Lease {
    /// The body was read whole: the connection is good for another request.
    pub(crate) fn give_back(self) {
        self.pool.put_back(self.sender);
    }
}
