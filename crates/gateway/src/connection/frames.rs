//! Follows the frames of an HTTP/2 connection as they are read, for a clock that the HTTP library does not have: the
//! preface, a frame's head and a block of headers must each be complete in time. DATA may take as long as it likes;
//! the silence inside a body has a limit of its own.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Length, type, flags and stream (RFC 9113 §4.1).
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Since when something has been unfinished; shared with the clock.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Cell<Option<Instant>>);

impl Unfinished {
    /// When the oldest unfinished part began.
    pub(super) fn since(&self) -> Option<Instant> {
        self.0.get()
    }
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The preface, of which so many bytes are missing.
    Preface(usize),
    /// A frame's head.
    Head,
    /// A frame's payload, of which so many bytes are missing.
    Payload { left: usize, data: bool },
}

/// The state of the reading side.
#[derive(Debug)]
struct Follower {
    place: Place,
    head: [u8; HEAD],
    have: usize,
    /// Whether a block of headers goes on in the next frame.
    in_block: bool,
    unfinished: Rc<Unfinished>,
}

impl Follower {
    fn new(unfinished: Rc<Unfinished>) -> Self {
        // the client speaks first: its preface is awaited from the start
        unfinished.0.set(Some(Instant::now()));
        let place = Place::Preface(super::PREFACE.len());
        Self { place, head: [0; HEAD], have: 0, in_block: false, unfinished }
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::Preface(left) => {
                    let (rest, left) = skip(bytes, left);
                    self.place = if left == 0 { Place::Head } else { Place::Preface(left) };
                    rest
                }
                Place::Head => self.head(bytes),
                Place::Payload { left, data } => {
                    let (rest, left) = skip(bytes, left);
                    self.place = if left == 0 { Place::Head } else { Place::Payload { left, data } };
                    rest
                }
            };
            self.note();
        }
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (taken, rest) = bytes.split_at((HEAD - self.have).min(bytes.len()));
        for (to, from) in self.head.iter_mut().skip(self.have).zip(taken) {
            *to = *from;
        }
        self.have += taken.len();
        if self.have < HEAD {
            return rest;
        }
        self.have = 0;
        let [a, b, c, kind, flags, ..] = self.head;
        let left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_block = flags & END_HEADERS == 0;
        }
        if left > 0 {
            self.place = Place::Payload { left, data: kind == DATA };
        }
        rest
    }

    /// Keeps the clock: it starts with the first unfinished part and stops when nothing is.
    fn note(&self) {
        let waits = self.in_block
            || match self.place {
                Place::Preface(_) => true,
                Place::Head => self.have > 0,
                Place::Payload { data, .. } => !data,
            };
        let since = self.unfinished.0.get();
        self.unfinished.0.set(waits.then(|| since.unwrap_or_else(Instant::now)));
    }
}

fn skip(bytes: &[u8], left: usize) -> (&[u8], usize) {
    let taken = left.min(bytes.len());
    (bytes.get(taken..).unwrap_or_default(), left - taken)
}

/// A connection whose frames are followed as they are read.
#[derive(Debug)]
pub(super) struct Frames<S> {
    stream: S,
    follower: Follower,
}

impl<S> Frames<S> {
    /// Follows a stream from its first byte.
    pub(super) fn new(stream: S) -> (Self, Rc<Unfinished>) {
        let unfinished = Rc::new(Unfinished::default());
        (Self { stream, follower: Follower::new(Rc::clone(&unfinished)) }, unfinished)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.follower.follow(buf.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        [&[0, 0, length, kind, flags, 0, 0, 0, 1][..], &vec![0; usize::from(length)]].concat()
    }

    /// What is unfinished after each piece.
    fn unfinished(pieces: &[&[u8]]) -> Vec<bool> {
        let unfinished = Rc::new(Unfinished::default());
        let mut follower = Follower::new(Rc::clone(&unfinished));
        let follow = |piece: &&[u8]| {
            follower.follow(piece);
            unfinished.since().is_some()
        };
        pieces.iter().map(follow).collect()
    }

    #[test]
    fn what_is_begun_is_unfinished_until_its_end() {
        let preface = super::super::PREFACE;
        let (settings, headers, data) =
            (frame(4, 0, 6), frame(HEADERS, END_HEADERS, 20), frame(DATA, 0, 200));
        let (open, more) = (frame(HEADERS, 0, 5), frame(CONTINUATION, END_HEADERS, 5));
        for (pieces, expected) in [
            (&[&preface[..3], &preface[3..]][..], &[true, false][..]),
            (&[preface, &settings[..4], &settings[4..]], &[false, true, false]),
            (&[preface, &headers[..15], &headers[15..]], &[false, true, false]),
            (&[preface, &open, &more[..12], &more[12..]], &[false, true, true, false]),
            (&[preface, &data[..9], &data[9..100], &data[100..]], &[false, false, false, false]),
            (&[preface, &frame(4, 1, 0), &headers], &[false, false, false]),
        ] {
            assert_eq!(unfinished(pieces), expected);
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        let all = [super::super::PREFACE, &frame(4, 0, 6), &frame(HEADERS, 0, 5), &frame(CONTINUATION, 4, 9)]
            .concat();
        for size in 1..all.len() {
            let pieces: Vec<_> = all.chunks(size).collect();
            let states = unfinished(&pieces);
            assert_eq!(states.last(), Some(&false), "in pieces of {size}");
        }
    }
}
