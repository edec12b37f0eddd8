//! The bodies that cross the gateway. They stream: nothing is collected but where a policy says so, within its bound.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::request::Trail;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// More bytes than the route admits.
    #[error("the body is longer than {0} bytes")]
    TooLarge(u64),
    /// The connection it came from failed.
    #[error("the body broke off")]
    Broken(#[source] hyper::Error),
    /// Nothing came for too long.
    #[error("the body stopped arriving")]
    Stalled,
}

/// What became of a request's body, seen from the pipeline.
#[derive(Debug, Default)]
pub(crate) struct BodyFate {
    /// Bytes read from the client.
    pub(crate) bytes: Cell<u64>,
    /// The limit that was passed, if one was.
    pub(crate) too_large: Cell<Option<u64>>,
    /// Whether the client broke off.
    pub(crate) broken: Cell<bool>,
}

/// A client's request body on its way to an upstream. Most requests have none, and every layer moves it: it is a
/// pointer.
#[derive(Debug, Default)]
pub(crate) struct RequestBody(Option<Box<Stream>>);

#[derive(Debug)]
struct Stream {
    incoming: Incoming,
    limit: u64,
    /// Longest silence, where nothing below (the guard of HTTP/1) sees to it.
    silence: Option<Silence>,
    fate: Rc<BodyFate>,
    /// Tells the attempt this body is sent with that it failed by no fault of the upstream.
    trail: Arc<Trail>,
}

impl RequestBody {
    /// A body of at most `limit` bytes.
    pub(crate) fn new(
        incoming: Incoming,
        limit: u64,
        silence: Option<Duration>,
        fate: &Rc<BodyFate>,
        trail: &Arc<Trail>,
    ) -> Self {
        if incoming.is_end_stream() {
            return Self(None);
        }
        let (silence, fate, trail) = (silence.map(Silence::new), Rc::clone(fate), Arc::clone(trail));
        Self(Some(Box::new(Stream { incoming, limit, silence, fate, trail })))
    }
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.poll_within_limits(cx);
        if let Poll::Ready(Some(Err(_))) = polled {
            self.trail.client_failed.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn poll_within_limits(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if let Some(silence) = &mut self.silence
            && silence.is_over(&polled, cx)
        {
            self.fate.broken.set(true);
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                self.fate.broken.set(true);
                Poll::Ready(Some(Err(BodyError::Broken(error))))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.fate.bytes.set(self.fate.bytes.get() + length);
                if self.fate.bytes.get() > self.limit {
                    self.fate.too_large.set(Some(self.limit));
                    return Poll::Ready(Some(Err(BodyError::TooLarge(self.limit))));
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().0.as_mut().map_or(Poll::Ready(None), |body| body.poll(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|body| body.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |body| body.incoming.size_hint())
    }
}

/// A response body on its way to a client.
#[derive(Default)]
pub(crate) struct ResponseBody {
    kind: Kind,
    sent: u64,
    /// Told of every byte and of the end; lives exactly as long as the body does.
    watcher: Option<Box<dyn Watcher>>,
    /// A second one: nearly every body has a connection's lease and an exchange's record.
    second: Option<Box<dyn Watcher>>,
}

/// Something that follows a response body: the record of the exchange, a connection's lease, a cache's copy.
pub(crate) trait Watcher {
    /// Sees data on its way to the client.
    fn data(&mut self, _data: &Bytes) {}
    /// The body is over. Called once, before the drop; not called when the client goes away first.
    fn end(&mut self, outcome: Outcome, sent: u64);
    /// The client went away (or the body was dropped unread) after `sent` bytes.
    fn cut(&mut self, sent: u64);
}

/// How a response body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Whole.
    Complete,
    /// The upstream broke off or stalled.
    Broken,
}

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Option<Bytes>),
    Upstream(Box<Upstream>),
    Boxed(Pin<Box<dyn Body<Data = Bytes, Error = BodyError>>>),
}

struct Upstream {
    incoming: Incoming,
    silence: Silence,
}

/// The longest a stream may be silent between two frames.
#[derive(Debug)]
struct Silence {
    longest: Duration,
    /// Runs only while the stream is silent: most bodies never need it.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    const fn new(longest: Duration) -> Self {
        Self { longest, timer: None }
    }

    fn is_over<T>(&mut self, polled: &Poll<T>, cx: &mut Context<'_>) -> bool {
        if polled.is_ready() {
            self.timer = None;
            return false;
        }
        let longest = self.longest;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        timer.as_mut().poll(cx).is_ready()
    }
}

impl ResponseBody {
    fn new(kind: Kind) -> Self {
        Self { kind, sent: 0, watcher: None, second: None }
    }

    /// A body held in memory.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::new(Kind::Full(Some(bytes)))
    }

    /// A body that streams from an upstream, which may be silent for at most `silence` at a time.
    pub(crate) fn upstream(incoming: Incoming, silence: Duration) -> Self {
        if incoming.is_end_stream() {
            return Self::default();
        }
        Self::new(Kind::Upstream(Box::new(Upstream { incoming, silence: Silence::new(silence) })))
    }

    /// Any other body.
    pub(crate) fn boxed(body: Pin<Box<dyn Body<Data = Bytes, Error = BodyError>>>) -> Self {
        Self::new(Kind::Boxed(body))
    }

    /// Adds a watcher; an earlier one is kept and hears of everything first.
    pub(crate) fn watched(mut self, watcher: Box<dyn Watcher>) -> Self {
        match (&self.watcher, self.second.take()) {
            (None, _) => self.watcher = Some(watcher),
            (Some(_), None) => self.second = Some(watcher),
            (Some(_), Some(second)) => self.second = Some(Box::new(Both(second, watcher))),
        }
        self
    }

    fn finish(&mut self, outcome: Outcome) {
        for mut watcher in [self.watcher.take(), self.second.take()].into_iter().flatten() {
            watcher.end(outcome, self.sent);
        }
    }
}

struct Both(Box<dyn Watcher>, Box<dyn Watcher>);

impl Watcher for Both {
    fn data(&mut self, data: &Bytes) {
        self.0.data(data);
        self.1.data(data);
    }
    fn end(&mut self, outcome: Outcome, sent: u64) {
        self.0.end(outcome, sent);
        self.1.end(outcome, sent);
    }
    fn cut(&mut self, sent: u64) {
        self.0.cut(sent);
        self.1.cut(sent);
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if self.watcher.is_none() {
            return;
        }
        if self.is_end_stream() {
            return self.finish(Outcome::Complete);
        }
        for mut watcher in [self.watcher.take(), self.second.take()].into_iter().flatten() {
            watcher.cut(self.sent);
        }
    }
}

impl Upstream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if self.silence.is_over(&polled, cx) {
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(BodyError::Broken)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = match &mut this.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Upstream(upstream) => upstream.poll(cx),
            Kind::Boxed(body) => body.as_mut().poll_frame(cx),
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.sent += data.len() as u64;
                    for watcher in [&mut this.watcher, &mut this.second].into_iter().flatten() {
                        watcher.data(data);
                    }
                }
            }
            Poll::Ready(Some(Err(_))) => this.finish(Outcome::Broken),
            Poll::Ready(None) => this.finish(Outcome::Complete),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Kind::Upstream(upstream) => upstream.incoming.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Kind::Upstream(upstream) => upstream.incoming.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}
