use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How many pieces a second's worth of bytes is cut into.
const PIECES: u64 = 10;

pin_project! {
    /// A body that comes no faster than a rate, or as it comes where there is none.
    #[derive(Debug)]
    pub struct PacedBody<B> {
        #[pin]
        inner: B,
        pace: Option<Box<Pace>>,
    }
}

#[derive(Debug)]
struct Pace {
    bytes_per_second: u64,
    /// Read, but not yet handed on.
    held: Bytes,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// The next piece, and the wait it has to be followed by.
    fn piece(&mut self) -> Bytes {
        let most = (self.bytes_per_second / PIECES).max(1);
        let length = self.held.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let piece = self.held.split_to(length);
        let wait = Duration::from_secs_f64(length as f64 / self.bytes_per_second as f64);
        self.wait = Some(Box::pin(sleep(wait)));
        piece
    }
}

impl<B> PacedBody<B> {
    /// The body, at a rate where there is one.
    pub fn new(inner: B, bytes_per_second: Option<u64>) -> Self {
        let pace = bytes_per_second
            .map(|rate| Box::new(Pace { bytes_per_second: rate.max(1), held: Bytes::new(), wait: None }));
        Self { inner, pace }
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        let Some(pace) = this.pace else { return this.inner.poll_frame(cx) };
        if let Some(wait) = &mut pace.wait {
            ready!(wait.as_mut().poll(cx));
            pace.wait = None;
        }
        while pace.held.is_empty() {
            let frame = match ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) => pace.held = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(pace.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.pace.as_ref().is_none_or(|pace| pace.held.is_empty()) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.pace.as_ref().map_or(0, |pace| pace.held.len() as u64);
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}
