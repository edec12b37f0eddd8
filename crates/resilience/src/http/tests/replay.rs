//! Bodies that are read twice.

use super::super::{ReplayBody, Tape};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A caller's stream: pieces, then perhaps trailers; fails where a piece is missing.
#[derive(Debug)]
struct Upload {
    frames: VecDeque<Option<Frame<Bytes>>>,
}

impl Upload {
    fn new(pieces: &[Vec<u8>], trailers: bool) -> Self {
        let mut frames: VecDeque<_> =
            pieces.iter().map(|piece| Some(Frame::data(Bytes::from(piece.clone())))).collect();
        if trailers {
            frames.push_back(Some(Frame::trailers(trailer())));
        }
        Self { frames }
    }
}

fn trailer() -> HeaderMap {
    HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("sum"))])
}

impl Body for Upload {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.frames.pop_front().map(|frame| frame.ok_or("the caller went away")))
    }
}

fn next<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Result<Frame<Bytes>, B::Error>> {
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(frame) => frame,
        Poll::Pending => panic!("everything here is ready"),
    }
}

fn read<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> (Vec<u8>, Option<HeaderMap>) {
    let (mut bytes, mut trailers) = (Vec::new(), None);
    while let Some(frame) = next(body) {
        let Ok(frame) = frame else { panic!("broken") };
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    (bytes, trailers)
}

fn keeping(upload: Upload, max: usize) -> (ReplayBody<Upload>, Tape<Upload>) {
    let (body, tape) = ReplayBody::keeping(upload, max);
    (body, tape.expect("its size is not known"))
}

proptest! {
    /// Attempts that stop anywhere: the next one reads all of it again, for as long as all fits; the first always
    /// reads exactly what the caller sent.
    #[test]
    fn every_attempt_reads_the_same(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        trailers in any::<bool>(),
        stops in prop::collection::vec(0..14_usize, 0..4),
        max in 0..400_usize,
    ) {
        let whole: Vec<u8> = pieces.concat();
        let expected = trailers.then(trailer);
        let (body, tape) = keeping(Upload::new(&pieces, trailers), max);
        let mut attempt = Some(body);
        let mut furthest = 0;
        for stop in stops {
            let Some(mut body) = attempt.take() else { break };
            let seen = (0..stop).map_while(|_| next(&mut body)).count();
            prop_assert!(tape.play().is_none() || tape.is_complete(), "the stream has one reader at a time");
            drop(body);
            furthest = furthest.max(seen);
            attempt = tape.play();
            let read_so_far: usize = pieces.iter().take(furthest).map(Vec::len).sum();
            prop_assert_eq!(attempt.is_some(), read_so_far <= max);
        }
        if let Some(mut last) = attempt {
            prop_assert_eq!(read(&mut last), (whole.clone(), expected.clone()));
            prop_assert_eq!(last.is_end_stream(), whole.len() <= max);
            drop(last);
            prop_assert_eq!(tape.is_complete(), whole.len() <= max);
            match tape.play() {
                Some(mut again) => prop_assert_eq!(read(&mut again), (whole, expected)),
                None => prop_assert!(whole.len() > max),
            }
        }
    }
}

#[test]
fn a_known_length_is_kept_and_a_known_excess_refused() {
    let (mut body, tape) = ReplayBody::keeping(Full::new(Bytes::from_static(b"hello")), 5);
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(read(&mut body).0, b"hello");
    assert_eq!(body.size_hint().exact(), Some(0));
    let again = tape.unwrap().play().unwrap();
    assert_eq!(again.size_hint().exact(), Some(5));
    let (mut body, tape) = ReplayBody::keeping(Full::new(Bytes::from_static(b"hello!")), 5);
    assert!(tape.is_none());
    assert_eq!(read(&mut body).0, b"hello!");
}

#[test]
fn pieces_are_not_copied() {
    let sent = Bytes::from(vec![7; 1_000]);
    let (mut body, tape) = ReplayBody::keeping(Full::new(sent.clone()), 2_000);
    let first = next(&mut body).unwrap().unwrap().into_data().unwrap();
    let second = next(&mut tape.unwrap().play().unwrap()).unwrap().unwrap().into_data().unwrap();
    assert_eq!([first.as_ptr(), second.as_ptr()], [sent.as_ptr(); 2]);
}

#[tokio::test]
async fn an_empty_body_is_empty_every_time() {
    let (body, tape) = ReplayBody::keeping(Empty::<Bytes>::new(), 5);
    let tape = tape.unwrap();
    assert!(body.is_end_stream() && tape.is_complete());
    for _ in 0..2 {
        let again = tape.play().unwrap();
        assert!(again.is_end_stream());
        assert_eq!(again.collect().await.unwrap().to_bytes(), Bytes::new());
    }
}

#[test]
fn a_broken_upload_is_not_played_again() {
    let mut upload = Upload::new(&[vec![1]], false);
    upload.frames.push_back(None);
    let (mut body, tape) = keeping(upload, 100);
    assert!(next(&mut body).unwrap().is_ok());
    assert_eq!(next(&mut body).unwrap().err(), Some("the caller went away"));
    drop(body);
    assert!(!tape.is_complete() && tape.play().is_none());
}

#[test]
fn a_body_in_dust_is_too_large() {
    let (mut body, tape) = keeping(Upload::new(&vec![vec![1]; 1_025], false), 1 << 16);
    assert_eq!(read(&mut body).0.len(), 1_025);
    drop(body);
    assert!(tape.play().is_none());
}
