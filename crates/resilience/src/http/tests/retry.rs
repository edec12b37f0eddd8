//! What is tried again, and what is not.

use super::super::*;
use crate::effects::PolicyStatus;
use crate::rejection::{AsRejection, Rejection, Scope};
use crate::retry::{Attempt, Backoff, Jitter, Retry, RetryLayer, Settings};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use tower::{BoxError, Layer, ServiceExt, service_fn};

#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Everything,
    Nothing,
}

struct Seen {
    answers: u32,
    bodies: Vec<Bytes>,
    attempts: Vec<Option<Attempt>>,
    took: Duration,
    not_replayable: u64,
}

/// Sends a request to a service that always answers `status` (0: breaks), with three attempts.
async fn send(request: Request<Full<Bytes>>, status: u16, retry_after: Option<&str>, reads: Reads) -> Seen {
    let backoff = Backoff { base: Duration::from_millis(100), jitter: Jitter::None, ..Backoff::default() };
    let settings = Settings { max_attempts: 3, backoff, longest_retry_after: Duration::from_secs(10) };
    let retry = Arc::new(Retry::new(settings, None));
    let log = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let service = RetryLayer::new(retry.clone(), HttpRetry::default()).layer(service_fn(
        |request: Request<ReplayBody<Full<Bytes>>>| {
            let log = log.clone();
            async move {
                log.lock().unwrap().1.push(request.extensions().get::<Attempt>().copied());
                if reads == Reads::Everything {
                    let body = request.into_body().collect().await?.to_bytes();
                    log.lock().unwrap().0.push(body);
                }
                if status == 0 {
                    return Err::<_, BoxError>("connection reset".into());
                }
                let response = Response::builder().status(status);
                let response = match retry_after {
                    Some(text) => response.header("retry-after", text),
                    None => response,
                };
                Ok(response.body(())?)
            }
        },
    ));
    let start = Instant::now();
    let result = service.oneshot(request).await;
    assert_eq!(result.is_err(), status == 0);
    let count = |name| retry.effects().into_iter().find(|effect| effect.name == name).unwrap().count;
    let (bodies, attempts) = std::mem::take(&mut *log.lock().unwrap());
    Seen {
        answers: attempts.len() as u32,
        bodies,
        attempts,
        took: start.elapsed(),
        not_replayable: count("not_replayable"),
    }
}

fn request(method: Method, body: &'static [u8]) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri("/").body(Full::new(Bytes::from_static(body))).unwrap()
}

#[tokio::test(start_paused = true)]
async fn statuses_that_may_pass_are_retried_and_no_others() {
    for (status, expected) in [
        (200, 1),
        (400, 1),
        (404, 1),
        (408, 3),
        (409, 1),
        (429, 3),
        (500, 3),
        (501, 1),
        (503, 3),
        (505, 1),
        (0, 3),
    ] {
        let seen = send(request(Method::GET, b""), status, None, Reads::Everything).await;
        assert_eq!(seen.answers, expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_safe_to_repeat_is_repeated() {
    let mut keyed = request(Method::POST, b"pay");
    keyed.headers_mut().insert("idempotency-key", http::HeaderValue::from_static("k1"));
    let mut upgrade = request(Method::GET, b"");
    upgrade.headers_mut().insert("upgrade", http::HeaderValue::from_static("websocket"));
    for (request, expected) in [
        (request(Method::PUT, b"x"), 3),
        (request(Method::DELETE, b""), 3),
        (request(Method::POST, b"pay"), 1),
        (request(Method::PATCH, b"x"), 1),
        (keyed, 3),
        (upgrade, 1),
        (request(Method::CONNECT, b""), 1),
    ] {
        let method = request.method().clone();
        assert_eq!(send(request, 503, None, Reads::Everything).await.answers, expected, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_sends_the_whole_body_and_knows_its_number() {
    let seen = send(request(Method::PUT, b"whole"), 503, None, Reads::Everything).await;
    assert_eq!(seen.bodies, vec![Bytes::from_static(b"whole"); 3]);
    let second = Attempt { number: 2, last: false };
    let third = Attempt { number: 3, last: true };
    assert_eq!(seen.attempts, [None, Some(second), Some(third)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_bodys_end_is_final_but_a_broken_connection_is_not() {
    let answered = send(request(Method::PUT, b"unread"), 503, None, Reads::Nothing).await;
    assert_eq!((answered.answers, answered.not_replayable), (1, 1));
    assert_eq!(send(request(Method::PUT, b"unread"), 0, None, Reads::Nothing).await.answers, 3);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_a_floor_and_too_much_of_it_the_end() {
    let none = send(request(Method::GET, b""), 429, None, Reads::Everything).await;
    assert_eq!(none.took.as_millis(), 100 + 200);
    let asked = send(request(Method::GET, b""), 429, Some("2"), Reads::Everything).await;
    assert_eq!((asked.answers, asked.took.as_millis()), (3, 4_000));
    let too_long = send(request(Method::GET, b""), 429, Some("11"), Reads::Everything).await;
    assert_eq!((too_long.answers, too_long.took.as_millis()), (1, 0));
}

#[test]
fn a_boxed_time_out_is_recognised() {
    let late = Rejection::TimedOut { scope: Scope::Attempt, after: Duration::from_secs(1) };
    let boxed: BoxError = late.clone().into();
    assert_eq!(boxed.as_rejection(), Some(&late));
}
