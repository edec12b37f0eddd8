//! The first thing that reads a client's bytes: strict framing and time limits for HTTP/1.
//!
//! The HTTP library behind it is lenient where RFC 9112 lets a recipient be lenient (a bare LF ends a line, a second
//! `Content-Length` with the same value is dropped, `Transfer-Encoding` silently wins over `Content-Length`). Two
//! parsers that are lenient in different ways are what request smuggling is made of, so the guard follows the framing
//! of every message itself, in place and without copying, and lets nothing ambiguous through.
//!
//! A message head that breaks a rule is never shown to the HTTP library: the guard hands it a harmless substitute
//! request instead and records a [`Violation`], which the request pipeline answers as an ordinary problem. So earlier
//! pipelined requests get their answers first, and a refusal is counted and logged like any other.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

#[cfg(any(test, fuzzing))]
pub(crate) mod agreement;
mod chunked;
mod head;
pub(crate) mod target;
#[cfg(test)]
mod tests;

pub use head::Violation;

/// What the guard enforces on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// From the first byte of a head to its last.
    pub(crate) header_timeout: Duration,
    /// Longest silence inside a request body.
    pub(crate) body_timeout: Duration,
    /// Longest time a client may leave our bytes unread.
    pub(crate) write_timeout: Duration,
    /// Longest head, request line included.
    pub(crate) head_bytes: usize,
    /// Most header lines.
    pub(crate) headers: usize,
}

/// A well-formed request that stands in for one that was refused.
const SUBSTITUTE: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";

const SUBSTITUTE_HOST: &str = "refused.invalid";

/// Where in a message the next byte belongs.
#[derive(Debug)]
enum Framing {
    /// Between messages: the next byte starts a head.
    Idle,
    /// Inside a head; its bytes so far are held back in `Guard::held`.
    Head,
    /// Inside a body of known length, with this many bytes to come.
    Body(u64),
    /// Inside a chunked body.
    Chunked(chunked::Chunked),
    /// A head asked to switch protocols: nothing is read until the answer is known.
    Switching,
    /// Not HTTP/1 any more (or never was): bytes pass.
    Opaque,
    /// A violation was reported: whatever else arrives is ignored.
    Refused,
}

/// What the connection task and the request pipeline see of a guard, and may tell it.
#[derive(Debug)]
pub(crate) struct Shared {
    limits: Limits,
    phase: Cell<Phase>,
    /// When the phase (or, in a body, the wait for more of it) began.
    since: Cell<Instant>,
    /// Whether the reader waits for the client. It does not while the upstream is slow to take a body.
    awaiting: Cell<bool>,
    /// When a write first found the client not reading.
    stalled: Cell<Option<Instant>>,
    /// A time limit that was passed; the reader deals with it.
    expired: Cell<Option<Violation>>,
    violation: Cell<Option<Violation>>,
    switch: Cell<Switch>,
    waker: RefCell<Option<Waker>>,
}

/// What time limit applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Head,
    Body,
    Other,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Switch {
    #[default]
    Undecided,
    Refused,
    Accepted,
}

impl Shared {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Cell::new(Phase::Idle),
            since: Cell::new(Instant::now()),
            awaiting: Cell::new(false),
            stalled: Cell::new(None),
            expired: Cell::new(None),
            violation: Cell::new(None),
            switch: Cell::new(Switch::Undecided),
            waker: RefCell::new(None),
        }
    }

    /// The violation this request stands for, if it is a substitute. Earlier pipelined requests are not.
    pub(crate) fn refused(&self, headers: &http::HeaderMap) -> Option<Violation> {
        let violation = self.violation.get().filter(|violation| !violation.is_mid_body())?;
        self.is_substitute(headers.get(http::header::HOST)).then_some(violation)
    }

    /// Whether a request with this host is no client's, but stands in for one that was refused.
    pub(crate) fn is_substitute(&self, host: Option<&http::HeaderValue>) -> bool {
        let refused = self.violation.get().is_some_and(|violation| !violation.is_mid_body());
        refused && host.is_some_and(|host| host == SUBSTITUTE_HOST)
    }

    /// The violation found on this connection.
    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation.get()
    }

    /// Whether the connection is between two messages.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase.get() == Phase::Idle
    }

    /// Whether bytes of ours wait for the client to read.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.get().is_some()
    }

    /// Says how a request to switch protocols was answered.
    pub(crate) fn switched(&self, accepted: bool) {
        self.switch.set(if accepted { Switch::Accepted } else { Switch::Refused });
        self.wake();
    }

    /// An answer was finished: idleness counts from now.
    pub(crate) fn answered(&self, now: Instant) {
        if self.phase.get() == Phase::Idle {
            self.since.set(now);
        }
    }

    /// Compares the clock with the limits.
    pub(crate) fn pulse(&self, now: Instant) -> Pulse {
        if self.stalled.get().is_some_and(|since| now.duration_since(since) >= self.limits.write_timeout) {
            return Pulse::Stalled;
        }
        let silent = now.duration_since(self.since.get());
        let expired = match self.phase.get() {
            Phase::Idle => return Pulse::Idle(silent),
            Phase::Head if silent >= self.limits.header_timeout => Violation::HeadTimeout,
            Phase::Body if self.awaiting.get() && silent >= self.limits.body_timeout => {
                Violation::BodyTimeout
            }
            _ => return Pulse::Fine,
        };
        self.expired.set(Some(expired));
        self.wake();
        Pulse::Poll
    }

    /// Remembers whom to wake.
    fn listen(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Makes the reader look again.
    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }
}

/// A connection's byte stream with the framing of HTTP/1 enforced on what is read.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    stream: S,
    framing: Framing,
    shared: Rc<Shared>,
    /// Bytes of an incomplete head, or bytes to be read again.
    held: Vec<u8>,
    /// Bytes ready for the reader, before anything new from the stream.
    ready: Vec<u8>,
    /// How each message was delimited, for tests that compare it with what the HTTP library makes of it.
    #[cfg(any(test, fuzzing))]
    bodies: Vec<head::Body>,
}

/// What a look at the clock says about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// Within its limits.
    Fine,
    /// Between messages for this long.
    Idle(Duration),
    /// A limit was passed and dealt with: the connection must be polled.
    Poll,
    /// The client does not read what we send: close.
    Stalled,
}

impl<S> Guard<S> {
    /// Guards a stream that is about to speak HTTP/1.
    pub(crate) fn new(stream: S, limits: Limits) -> Self {
        let shared = Rc::new(Shared::new(limits));
        Self {
            stream,
            framing: Framing::Idle,
            shared,
            held: Vec::new(),
            ready: Vec::new(),
            #[cfg(any(test, fuzzing))]
            bodies: Vec::new(),
        }
    }

    /// The side the connection task keeps.
    pub(crate) fn shared(&self) -> Rc<Shared> {
        Rc::clone(&self.shared)
    }

    /// Gives bytes back that a reader took too many of; they are read again first.
    pub(crate) fn unread(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.ready.splice(0..0, bytes.iter().copied());
        }
    }

    /// The protocol was switched: from here on bytes pass as they are, starting with those held back.
    pub(crate) fn into_tunnel(mut self) -> Self {
        self.framing = Framing::Opaque;
        let held = std::mem::take(&mut self.held);
        self.ready.extend_from_slice(&held);
        self
    }

    /// The stream itself, to wait for readiness.
    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// Whether bytes wait here that the stream would not announce.
    pub(crate) fn has_buffered(&self) -> bool {
        !self.ready.is_empty() || !self.held.is_empty()
    }

    /// Deals with a time limit that was passed.
    fn expire(&mut self) {
        match self.shared.expired.take() {
            Some(Violation::HeadTimeout) if matches!(self.framing, Framing::Head) => {
                self.refuse(Violation::HeadTimeout)
            }
            Some(Violation::BodyTimeout)
                if matches!(self.framing, Framing::Body(_) | Framing::Chunked(_)) =>
            {
                self.shared.violation.set(Some(Violation::BodyTimeout));
                self.framing = Framing::Refused;
            }
            _ => {}
        }
    }

    fn refuse(&mut self, violation: Violation) {
        self.shared.violation.set(Some(violation));
        self.shared.enter(Phase::Other);
        self.framing = Framing::Refused;
        self.held = Vec::new();
        self.ready.extend_from_slice(SUBSTITUTE);
    }

    /// Follows the framing through `bytes`, which the reader is about to get. Returns how many of them it may have;
    /// the rest was moved to `held` (an incomplete head), to `ready` (a substitute) or dropped (after a refusal).
    fn inspect(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match &mut self.framing {
                Framing::Idle | Framing::Head => match self.inspect_head(rest) {
                    Some(used) => at += used,
                    None => return at,
                },
                Framing::Body(left) => {
                    let used = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= used as u64;
                    at += used;
                    if *left == 0 {
                        self.end_of_message();
                    }
                }
                Framing::Chunked(chunked) => match chunked.advance(rest) {
                    Ok(chunked::Progress::Within(used)) => at += used,
                    Ok(chunked::Progress::Done(used)) => {
                        at += used;
                        self.end_of_message();
                    }
                    Err(violation) => {
                        self.shared.violation.set(Some(violation));
                        self.framing = Framing::Refused;
                        return at;
                    }
                },
                Framing::Switching => {
                    self.held.extend_from_slice(rest);
                    return at;
                }
                Framing::Opaque => return bytes.len(),
                Framing::Refused => return at,
            }
        }
        at
    }

    /// A head begins (or goes on) at `rest`. `Some(used)`: complete, hand over that many. `None`: held or refused.
    fn inspect_head(&mut self, rest: &[u8]) -> Option<usize> {
        match head::inspect(rest, self.shared.limits.head_bytes, self.shared.limits.headers) {
            Ok(head::Head::Partial) => {
                if matches!(self.framing, Framing::Idle) {
                    self.framing = Framing::Head;
                    self.shared.enter(Phase::Head);
                }
                self.held.extend_from_slice(rest);
                None
            }
            Ok(head::Head::Complete { length, body }) => {
                self.begin_body(body);
                Some(length)
            }
            Err(violation) => {
                self.refuse(violation);
                None
            }
        }
    }

    fn begin_body(&mut self, body: head::Body) {
        #[cfg(any(test, fuzzing))]
        self.bodies.push(body);
        match body {
            head::Body::Length(0) => return self.end_of_message(),
            head::Body::Switch => self.shared.enter(Phase::Other),
            head::Body::Length(_) | head::Body::Chunked => self.shared.enter(Phase::Body),
        }
        match body {
            head::Body::Length(0) => {}
            head::Body::Length(length) => self.framing = Framing::Body(length),
            head::Body::Chunked => self.framing = Framing::Chunked(chunked::Chunked::default()),
            head::Body::Switch => {
                self.shared.switch.set(Switch::Undecided);
                self.framing = Framing::Switching;
            }
        }
    }

    fn end_of_message(&mut self) {
        self.framing = Framing::Idle;
        self.shared.enter(Phase::Idle);
    }

    /// Hands over what is ready. Bytes in `ready` were inspected already (or are meant to pass).
    fn drain_ready(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.ready.is_empty() {
            return false;
        }
        let n = self.ready.len().min(buf.remaining());
        buf.put_slice(&self.ready[..n]);
        self.ready.drain(..n);
        if self.ready.is_empty() {
            self.ready = Vec::new();
        }
        true
    }

    /// An incomplete head was held back and more has come: look at the whole again.
    fn inspect_held(&mut self, fresh: &[u8]) {
        let ends_no_line = !fresh.is_empty() && memchr::memchr2(b'\n', b'\r', fresh).is_none();
        if ends_no_line && self.held.len() + fresh.len() <= self.shared.limits.head_bytes {
            // a head that trickles in is looked at once a line, not once a byte
            self.held.extend_from_slice(fresh);
            return;
        }
        let mut whole = std::mem::take(&mut self.held);
        whole.extend_from_slice(fresh);
        let passed = self.inspect(&whole);
        // a refusal has put its substitute into `ready`; what was inspected before it comes first
        let substitute = std::mem::take(&mut self.ready);
        whole.truncate(passed);
        self.ready = whole;
        self.ready.extend_from_slice(&substitute);
    }

    /// What reading comes to after a refusal: an error inside a body, nothing at all between messages. The end of the
    /// stream would make the HTTP library give up the substitute before it is answered.
    fn refused(&self) -> Poll<io::Result<()>> {
        match self.shared.violation.get() {
            Some(violation) if violation.is_mid_body() => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation)))
            }
            _ => Poll::Pending,
        }
    }

    /// The silence of a body counts from when we began to wait for more of it.
    fn begin_waiting(&mut self) {
        if !self.shared.awaiting.replace(true) && self.shared.phase.get() == Phase::Body {
            self.shared.since.set(Instant::now());
        }
    }

    fn switching_blocks_read(&mut self, cx: &Context<'_>) -> bool {
        if !matches!(self.framing, Framing::Switching) {
            return false;
        }
        match self.shared.switch.get() {
            Switch::Undecided | Switch::Accepted => {
                self.shared.listen(cx);
                true
            }
            Switch::Refused => {
                self.end_of_message();
                false
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.expire();
        if this.drain_ready(buf) {
            return Poll::Ready(Ok(()));
        }
        if matches!(this.framing, Framing::Opaque) {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        if this.switching_blocks_read(cx) {
            return Poll::Pending;
        }
        if matches!(this.framing, Framing::Idle) && !this.held.is_empty() {
            // bytes that arrived while a switch was undecided
            this.inspect_held(&[]);
            if this.drain_ready(buf) {
                return Poll::Ready(Ok(()));
            }
        }
        loop {
            if matches!(this.framing, Framing::Refused) {
                return this.refused();
            }
            let before = buf.filled().len();
            match Pin::new(&mut this.stream).poll_read(cx, buf) {
                Poll::Pending => {
                    this.begin_waiting();
                    this.shared.listen(cx);
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
            if buf.filled().len() == before {
                return Poll::Ready(Ok(())); // end of stream
            }
            this.shared.awaiting.set(false);
            if this.held.is_empty() {
                let passed = this.inspect(&buf.filled()[before..]);
                buf.set_filled(before + passed);
            } else {
                this.inspect_held(&buf.filled()[before..]);
                buf.set_filled(before);
            }
            if buf.filled().len() > before || this.drain_ready(buf) {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Remembers since when the client has not been reading.
    fn written<T>(&mut self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &outcome {
            Poll::Pending => {
                if self.shared.stalled.get().is_none() {
                    self.shared.stalled.set(Some(Instant::now()));
                }
            }
            Poll::Ready(_) => self.shared.stalled.set(None),
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // over TLS it is the flush that finds the client not reading: the write went into the session's own buffer
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
