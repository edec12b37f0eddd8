//! What is tried again, and what never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::gateway::timed;
use crate::harness::upstream::{read_head, write};
use crate::harness::{Gateway, Upstream, answer, exchange};

/// Quick waits, a budget that never runs out, no breaker: retries alone are looked at.
const RETRIES: &str = "retry = { attempts = 3, base = \"10ms\", max = \"20ms\" }\nbreaker = false\n\
                       budget = { min_per_second = 1000 }";

/// An upstream that answers 503 this many times, then 200 with the number of the attempt.
async fn failing(times: usize) -> Upstream {
    let count = Arc::new(AtomicUsize::new(0));
    Upstream::start(move |_| {
        let attempt = count.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            match attempt {
                n if n <= times => answer(503, &[("x-own", "yes")], "the service's own words"),
                n => answer(200, &[], n.to_string()),
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_get_is_tried_again() {
    let upstream = failing(2).await;
    let gateway = Gateway::start(&upstream.service(RETRIES)).await;
    let got = gateway.get("/").await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (200, "3"));
    gateway.logs("attempts=3").await;
    let ids: Vec<_> = upstream.seen().iter().map(|seen| seen.header("x-request-id").to_owned()).collect();
    assert!(ids.iter().all(|id| id == got.header("x-request-id")), "{ids:?}");
}

#[tokio::test]
async fn attempts_are_bounded_and_the_last_answer_is_the_services_own() {
    let upstream = failing(usize::MAX - 1).await;
    let gateway = Gateway::start(&upstream.service(RETRIES)).await;
    let got = gateway.get("/").await;
    let text = got.text();
    assert_eq!(
        (got.status.as_u16(), text.as_str(), got.header("x-own")),
        (503, "the service's own words", "yes")
    );
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn a_post_is_not_tried_again() {
    let upstream = failing(2).await;
    let gateway = Gateway::start(&upstream.service(RETRIES)).await;
    let got = exchange(gateway.address, "POST", "/", &[], "order").await;
    assert_eq!((got.status.as_u16(), upstream.count()), (503, 1));
}

#[tokio::test]
async fn a_post_that_nobody_got_is_sent_elsewhere() {
    let upstream = failing(0).await;
    let dead = crate::harness::free_address();
    let upstreams = format!("[service.shop]\nupstreams = [\"{}\", \"http://{dead}\"]\n", upstream.url());
    let gateway = Gateway::start(&format!("{upstreams}{RETRIES}\noutlier = false\n")).await;
    for sent in 1..=20 {
        let got = exchange(gateway.address, "POST", "/", &[], "order").await;
        assert_eq!((got.status.as_u16(), upstream.count()), (200, sent), "{}", got.text());
    }
    assert!(gateway.policy("shop", "retry").await["effects"]["retries"].as_u64() > Some(0));
}

#[tokio::test]
async fn a_post_with_an_idempotency_key_is_sent_again_whole() {
    let upstream = failing(2).await;
    let gateway = Gateway::start(&upstream.service(RETRIES)).await;
    let body = "order ".repeat(10_000);
    let got = exchange(gateway.address, "POST", "/", &[("idempotency-key", "k1")], &body).await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (200, "3"));
    for seen in upstream.seen() {
        assert!(seen.body == body, "the body was sent again with {} bytes", seen.body.len());
        assert_eq!((seen.method.as_str(), seen.header("idempotency-key")), ("POST", "k1"));
    }
}

#[tokio::test]
async fn a_body_too_large_to_keep_is_sent_once() {
    let upstream = failing(2).await;
    let gateway = Gateway::start(&upstream.service(RETRIES)).await;
    let body = "order ".repeat(20_000);
    let got = exchange(gateway.address, "PUT", "/", &[("idempotency-key", "k1")], &body).await;
    assert_eq!((got.status.as_u16(), upstream.count()), (503, 1));
    assert!(upstream.last().body == body);
}

#[tokio::test]
async fn errors_of_the_client_are_not_tried_again() {
    for status in [400, 404, 409, 422, 501] {
        let upstream = Upstream::start(move |_| async move { answer(status, &[], "no") }).await;
        let gateway = Gateway::start(&upstream.service(RETRIES)).await;
        assert_eq!((gateway.get("/").await.status.as_u16(), upstream.count()), (status, 1));
    }
}

#[tokio::test]
async fn an_upstream_says_when_to_come_back() {
    let count = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::start(move |_| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move { if first { answer(503, &[("retry-after", "1")], "") } else { answer(200, &[], "now") } }
    })
    .await;
    let gateway = Gateway::start(&upstream.service(RETRIES)).await;
    let (got, took) = timed(gateway.get("/")).await;
    assert_eq!(got.text(), "now");
    assert!(took >= Duration::from_secs(1), "came back after {took:?}");
}

#[tokio::test]
async fn a_budget_bounds_what_retries_add() {
    let upstream = failing(usize::MAX - 1).await;
    let settings = "retry = { attempts = 3, base = \"1ms\", max = \"1ms\" }\nbreaker = false\n\
                    budget = { ratio = 0.1, min_per_second = 0 }";
    let gateway = Gateway::start(&upstream.service(settings)).await;
    for _ in 0..100 {
        gateway.get("/").await;
    }
    let extra = upstream.count() - 100;
    assert!((1..=11).contains(&extra), "{extra} retries for 100 requests and a budget of a tenth");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_failure() {
    // answers one request and hangs up without a word: the pool learns of it when it uses the connection again
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nahoy").await;
    })
    .await;
    let gateway = Gateway::start(&upstream.service("retry = false\nbreaker = false")).await;
    for _ in 0..50 {
        let got = exchange(gateway.address, "GET", "/", &[], "").await;
        assert_eq!(got.text(), "ahoy");
    }
}
