//! The bodies that cross the gateway. They stream: nothing is collected but where a policy says so, within its bound.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::request::Trail;
use crate::upstream::pool::Lease;

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
    /// Whether the client left off sending for too long.
    pub(crate) late: Cell<bool>,
}

/// A client's request body on its way to an upstream. Most requests have none, and every layer moves it: it is a
/// pointer.
#[derive(Debug, Default)]
pub(crate) struct RequestBody(Option<Box<Source>>);

#[derive(Debug)]
enum Source {
    /// As it comes from the client.
    Stream(Stream),
    /// The beginning is here, the rest is still to come.
    Begun { first: Option<Bytes>, rest: Stream },
    /// All of it is here.
    Whole { data: Option<Bytes>, trailers: Option<HeaderMap> },
}

#[derive(Debug)]
struct Stream {
    incoming: Incoming,
    limit: u64,
    /// Longest silence, where nothing below (the guard of HTTP/1) sees to it.
    silence: Option<Silence>,
    fate: Rc<BodyFate>,
    /// Tells the attempt this body is sent with that it failed by no fault of the upstream.
    trail: Arc<Trail>,
    /// Whether more of it is waited for.
    awaited: bool,
}

impl RequestBody {
    /// A body of at most `limit` bytes.
    pub(crate) fn new(
        incoming: Incoming,
        limit: u64,
        silence: Option<Duration>,
        fate: &mut Option<Rc<BodyFate>>,
        trail: &Arc<Trail>,
    ) -> Self {
        if incoming.is_end_stream() {
            return Self(None);
        }
        let fate = Rc::clone(fate.get_or_insert_default());
        let (silence, trail) = (silence.map(Silence::new), Arc::clone(trail));
        Self(Some(Box::new(Source::Stream(Stream { incoming, limit, silence, fate, trail, awaited: false }))))
    }

    /// Whether it is known to be at most `most` bytes long, of which some may still have to come from the client.
    pub(crate) fn is_short(&self, most: u64) -> bool {
        match self.0.as_deref() {
            Some(Source::Stream(stream)) => {
                stream.incoming.size_hint().exact().is_some_and(|length| length <= most)
            }
            None | Some(Source::Whole { .. } | Source::Begun { .. }) => false,
        }
    }

    /// Waits for the client until so many bytes are here, or all of it.
    pub(crate) async fn peek(mut self, bytes: u64) -> Result<Self, BodyError> {
        let (mut data, mut trailers) = (None::<Bytes>, None);
        loop {
            if data.as_ref().is_some_and(|data| data.len() as u64 > bytes) {
                return Ok(self.begun(data));
            }
            let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await else { break };
            match frame?.into_data() {
                Ok(more) => data = Some(joined(data, more)),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        Ok(Self(Some(Box::new(Source::Whole { data, trailers }))))
    }

    fn begun(self, first: Option<Bytes>) -> Self {
        match self.0.map(|source| *source) {
            Some(Source::Stream(rest)) => Self(Some(Box::new(Source::Begun { first, rest }))),
            other => Self(other.map(Box::new)),
        }
    }

    /// What of it is here, and whether that is all.
    pub(crate) fn here(&self) -> (&[u8], bool) {
        match self.0.as_deref() {
            None => (&[], true),
            Some(Source::Stream(stream)) => (&[], stream.incoming.is_end_stream()),
            Some(Source::Begun { first, .. }) => (first.as_deref().unwrap_or_default(), false),
            Some(Source::Whole { data, .. }) => (data.as_deref().unwrap_or_default(), true),
        }
    }

    /// Waits for the client until all of it is here. Only for short ones: it is held in memory.
    pub(crate) async fn whole(mut self) -> Result<Self, BodyError> {
        let (mut data, mut trailers) = (None::<Bytes>, None);
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            match frame?.into_data() {
                Ok(more) => data = Some(joined(data, more)),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        Ok(Self(Some(Box::new(Source::Whole { data, trailers }))))
    }
}

/// Most short bodies come in one piece: that one is not copied.
fn joined(before: Option<Bytes>, more: Bytes) -> Bytes {
    match before {
        None => more,
        Some(before) => {
            let mut both = BytesMut::from(before);
            both.extend_from_slice(&more);
            both.freeze()
        }
    }
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.poll_within_limits(cx);
        if polled.is_pending() != std::mem::replace(&mut self.awaited, polled.is_pending()) {
            self.trail.await_client(self.awaited);
        }
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
            self.fate.late.set(true);
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                self.fate.broken.set(true);
                Poll::Ready(Some(Err(BodyError::Broken(error))))
            }
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    crate::headers::drop_identity(trailers);
                }
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
        match self.get_mut().0.as_deref_mut() {
            None => Poll::Ready(None),
            Some(Source::Stream(stream)) => stream.poll(cx),
            Some(Source::Begun { first, rest }) => match first.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => rest.poll(cx),
            },
            Some(Source::Whole { data, trailers }) => {
                let frame = data.take().map(Frame::data).or_else(|| trailers.take().map(Frame::trailers));
                Poll::Ready(frame.map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.0.as_deref() {
            None => true,
            Some(Source::Stream(stream)) => stream.incoming.is_end_stream(),
            Some(Source::Begun { first, rest }) => first.is_none() && rest.incoming.is_end_stream(),
            Some(Source::Whole { data, trailers }) => data.is_none() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.as_deref() {
            None => SizeHint::with_exact(0),
            Some(Source::Stream(stream)) => stream.incoming.size_hint(),
            Some(Source::Begun { first, rest }) => {
                let first = first.as_ref().map_or(0, |first| first.len() as u64);
                match rest.incoming.size_hint().exact() {
                    Some(rest) => SizeHint::with_exact(first + rest),
                    None => SizeHint::default(),
                }
            }
            Some(Source::Whole { data, .. }) => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
        }
    }
}

/// A response body on its way to a client.
#[derive(Default)]
pub(crate) struct ResponseBody {
    kind: Kind,
    sent: u64,
    /// Told of every byte and of the end; lives exactly as long as the body does.
    watcher: Option<Box<dyn Watcher>>,
}

/// Something that follows a response body: the record of the exchange, a cache's copy.
pub(crate) trait Watcher {
    /// Sees data on its way to the client.
    fn data(&mut self, _data: &Bytes) {}
    /// The client would take more, and there is none yet.
    fn starved(&mut self) {}
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
    /// The connection it comes from, until it was read whole.
    lease: Option<Lease>,
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
        Self { kind, sent: 0, watcher: None }
    }

    /// A body held in memory.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::new(Kind::Full(Some(bytes)))
    }

    /// A body that streams from an upstream, which may be silent for at most `silence` at a time. Its connection is
    /// given back once it was read whole, and closed when it is dropped before.
    pub(crate) fn upstream(incoming: Incoming, silence: Duration, lease: Option<Lease>) -> Self {
        if incoming.is_end_stream() {
            if let Some(lease) = lease {
                lease.give_back();
            }
            return Self::default();
        }
        Self::new(Kind::Upstream(Box::new(Upstream { incoming, silence: Silence::new(silence), lease })))
    }

    /// Any other body.
    pub(crate) fn boxed(body: Pin<Box<dyn Body<Data = Bytes, Error = BodyError>>>) -> Self {
        Self::new(Kind::Boxed(body))
    }

    /// Adds a watcher; an earlier one is kept and hears of everything first.
    pub(crate) fn watched(mut self, watcher: Box<dyn Watcher>) -> Self {
        self.watcher = Some(match self.watcher.take() {
            None => watcher,
            Some(earlier) => Box::new(Both(earlier, watcher)),
        });
        self
    }

    fn finish(&mut self, outcome: Outcome) {
        if let Some(mut watcher) = self.watcher.take() {
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
    fn starved(&mut self) {
        self.0.starved();
        self.1.starved();
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
        let whole = self.is_end_stream();
        if whole && let Kind::Upstream(upstream) = &mut self.kind {
            upstream.give_back();
        }
        if let Some(mut watcher) = self.watcher.take() {
            match whole {
                true => watcher.end(Outcome::Complete, self.sent),
                false => watcher.cut(self.sent),
            }
        }
    }
}

impl Upstream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if self.silence.is_over(&polled, cx) {
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        }
        if let Poll::Ready(None) = polled {
            self.give_back();
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(BodyError::Broken)))
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
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
                    if let Some(watcher) = &mut this.watcher {
                        watcher.data(data);
                    }
                }
            }
            Poll::Ready(Some(Err(_))) => this.finish(Outcome::Broken),
            Poll::Ready(None) => this.finish(Outcome::Complete),
            Poll::Pending => {
                if let Some(watcher) = &mut this.watcher {
                    watcher.starved();
                }
            }
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
