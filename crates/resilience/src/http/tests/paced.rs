//! A body no faster than its rate, on paused time.

use super::super::PacedBody;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn comes_at_its_rate_and_whole() {
    let sent: Bytes = (0..1_000_u32).map(|n| n as u8).collect();
    let start = Instant::now();
    let body = PacedBody::new(Full::new(sent.clone()), Some(500));
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(1_000));
    let received = body.collect().await.unwrap().to_bytes();
    assert_eq!(received, sent);
    // 20 pieces of 50 bytes, 100 ms each: the last wait is nobody's before the end is asked for
    assert!((1_900..=2_030).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn keeps_trailers_and_costs_nothing_without_a_rate() {
    let trailers = http::HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("x"))]);
    for (rate, took) in [(Some(10), true), (None, false)] {
        let frames = [
            Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from_static(b"abcdefghij"))),
            Ok(http_body::Frame::trailers(trailers.clone())),
        ];
        let start = Instant::now();
        let body = PacedBody::new(StreamBody::new(futures_util::stream::iter(frames)), rate);
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(start.elapsed().as_millis() >= 900, took);
    }
}
