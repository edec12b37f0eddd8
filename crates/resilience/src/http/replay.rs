use crate::lock::lock;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

/// A body in many tiny pieces costs more to keep than its bytes: beyond this it counts as too large.
const MOST_PIECES: usize = 1_024;

/// A request body that streams through while it is kept for another attempt, as long as it is small enough.
///
/// The first attempt copies nothing: keeping a piece is a reference count. What the first attempt had not read when it
/// failed, the next one reads from the same stream.
#[derive(Debug)]
pub struct ReplayBody<B> {
    source: Source<B>,
}

#[derive(Debug)]
enum Source<B> {
    /// Nothing is kept: a body that is too large, or a request that is not made twice.
    Through(B),
    /// There never was anything to keep.
    Empty,
    /// Boxed: a body moves through every layer, and most requests have none.
    Kept(Box<Player<B>>),
}

/// One attempt's reading of the tape, and of the stream behind its end.
#[derive(Debug)]
struct Player<B> {
    tape: Arc<Mutex<Reel<B>>>,
    /// The stream, where this is the attempt that reads it.
    rest: Option<B>,
    next: usize,
    trailers_sent: bool,
    /// How many bytes are still to come, where that is known.
    left: Option<u64>,
}

/// What is kept of a body for another attempt.
#[derive(Debug)]
pub struct Tape<B> {
    /// `None`: the body was empty from the start.
    reel: Option<Arc<Mutex<Reel<B>>>>,
    length: Option<u64>,
}

#[derive(Debug)]
struct Reel<B> {
    pieces: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    size: usize,
    max: usize,
    state: ReelState,
    /// The stream, between two attempts.
    rest: Option<B>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReelState {
    /// More may come.
    Open,
    /// All of it is here.
    Complete,
    /// It is not all here and never will be: too large, or the caller's stream broke.
    Lost,
}

impl<B> ReplayBody<B> {
    /// A body of which nothing is kept.
    pub const fn through(inner: B) -> Self {
        Self { source: Source::Through(inner) }
    }
}

impl<B: Body> ReplayBody<B> {
    /// A body of which up to `max` bytes are kept, and the tape; no tape where it is known to be larger.
    pub fn keeping(inner: B, max: usize) -> (Self, Option<Tape<B>>) {
        if inner.is_end_stream() {
            return (Self::through(inner), Some(Tape { reel: None, length: Some(0) }));
        }
        let hint = inner.size_hint();
        if hint.lower() > max as u64 {
            return (Self::through(inner), None);
        }
        let length = hint.exact();
        let reel =
            Reel { pieces: Vec::new(), trailers: None, size: 0, max, state: ReelState::Open, rest: None };
        let reel = Arc::new(Mutex::new(reel));
        let tape = Tape { reel: Some(Arc::clone(&reel)), length };
        (Self { source: Source::Kept(Box::new(Player::new(reel, Some(inner), length))) }, Some(tape))
    }
}

impl<B> Tape<B> {
    /// The body again, or `None` where it was too large, broke, or is still being read by another attempt.
    pub fn play(&self) -> Option<ReplayBody<B>> {
        let Some(reel) = &self.reel else { return Some(ReplayBody { source: Source::Empty }) };
        let (state, rest) = {
            let mut kept = lock(reel);
            (kept.state, kept.rest.take())
        };
        let playable = match state {
            ReelState::Complete => true,
            ReelState::Open => rest.is_some(),
            ReelState::Lost => false,
        };
        let player = || Player::new(Arc::clone(reel), rest, self.length);
        playable.then(|| ReplayBody { source: Source::Kept(Box::new(player())) })
    }

    /// Whether the whole body was read from the caller.
    pub fn is_complete(&self) -> bool {
        self.reel.as_ref().is_none_or(|reel| lock(reel).state == ReelState::Complete)
    }
}

impl<B> Player<B> {
    const fn new(tape: Arc<Mutex<Reel<B>>>, rest: Option<B>, left: Option<u64>) -> Self {
        Self { tape, rest, next: 0, trailers_sent: false, left }
    }

    fn sent(&mut self, bytes: usize) {
        self.left = self.left.map(|left| left.saturating_sub(bytes as u64));
    }

    /// The next frame from the tape; `None` where the tape is at its end.
    fn rewind_frame(&mut self) -> Option<Option<Frame<Bytes>>> {
        let tape = Arc::clone(&self.tape);
        let reel = lock(&tape);
        if let Some(piece) = reel.pieces.get(self.next) {
            self.next += 1;
            self.sent(piece.len());
            return Some(Some(Frame::data(piece.clone())));
        }
        if reel.state != ReelState::Complete {
            return None;
        }
        if let Some(trailers) = &reel.trailers
            && !self.trailers_sent
        {
            self.trailers_sent = true;
            return Some(Some(Frame::trailers(trailers.clone())));
        }
        Some(None)
    }
}

impl<B> Reel<B> {
    /// Keeps a piece; tells whether it could.
    fn keep(&mut self, piece: &Bytes) -> bool {
        if self.state != ReelState::Open {
            return false;
        }
        if self.size + piece.len() > self.max || self.pieces.len() >= MOST_PIECES {
            self.lose();
            return false;
        }
        self.size += piece.len();
        self.pieces.push(piece.clone());
        true
    }

    fn lose(&mut self) {
        self.state = ReelState::Lost;
        self.pieces = Vec::new();
    }

    fn complete(&mut self) {
        if self.state == ReelState::Open {
            self.state = ReelState::Complete;
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Player<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(frame) = self.rewind_frame() {
            return Poll::Ready(frame.map(Ok));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *rest).poll_frame(cx));
        let ended = rest.is_end_stream();
        let mut reel = lock(&self.tape);
        match &frame {
            None => reel.complete(),
            Some(Err(_)) => reel.lose(),
            Some(Ok(frame)) => {
                let mut length = 0;
                if let Some(data) = frame.data_ref() {
                    length = data.len();
                    let kept = reel.keep(data);
                    self.next = if kept { self.next + 1 } else { 0 };
                } else if let Some(trailers) = frame.trailers_ref() {
                    reel.trailers = Some(trailers.clone());
                    self.trailers_sent = true;
                    reel.complete();
                }
                if ended {
                    // whoever reads may stop here, without asking for the end
                    reel.complete();
                }
                drop(reel);
                self.sent(length);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let reel = lock(&self.tape);
        if self.next < reel.pieces.len() {
            return false;
        }
        match reel.state {
            ReelState::Complete => self.trailers_sent || reel.trailers.is_none(),
            ReelState::Open | ReelState::Lost => self.rest.as_ref().is_none_or(Body::is_end_stream),
        }
    }
}

impl<B> Drop for Player<B> {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take() {
            lock(&self.tape).rest = Some(rest);
        }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.get_mut().source {
            Source::Through(inner) => Pin::new(inner).poll_frame(cx),
            Source::Empty => Poll::Ready(None),
            Source::Kept(player) => player.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Through(inner) => inner.is_end_stream(),
            Source::Empty => true,
            Source::Kept(player) => player.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Through(inner) => inner.size_hint(),
            Source::Empty => SizeHint::with_exact(0),
            Source::Kept(player) => player.left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
