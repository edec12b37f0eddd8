//! Bytes meant to be read in two ways: every one is refused, and neither it nor what follows reaches the upstream.

mod cases;

use std::net::SocketAddr;

use cases::{CHUNKS, Case, FRAMING, LINES, TARGETS};
use serde_json::Value;

use crate::harness::client::raw;
use crate::harness::program::client;
use crate::harness::{Gateway, Upstream, answer};

/// What a smuggler would like to see answered.
const FOLLOWING: &[u8] = b"GET /smuggled HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const CHUNKED: &[u8] = b"POST /begun HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

async fn behind_a_gateway() -> (Upstream, Gateway) {
    let upstream = Upstream::fixed("served").await;
    let limits = "limits = { head_bytes = \"8KiB\", headers = 50 }";
    let gateway = Gateway::listening(limits, &upstream.service("")).await;
    (upstream, gateway)
}

/// Checks that bytes are answered once, as a problem, and that nothing more comes.
async fn refused(address: SocketAddr, bytes: &[u8], status: u16) -> Result<(), String> {
    let got = raw(address, bytes).await;
    let text = String::from_utf8_lossy(&got);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {text:?}"))?;
    if !head.starts_with(&format!("HTTP/1.1 {status} ")) {
        return Err(format!("not {status}: {text}"));
    }
    for header in ["content-type: application/problem+json", "connection: close", "x-request-id: "] {
        if !head.contains(header) {
            return Err(format!("no {header:?}: {text}"));
        }
    }
    let problem: Value = serde_json::from_str(body).map_err(|error| format!("{error}: {text}"))?;
    let code = if status == 408 { "timeout" } else { "invalid" };
    let kind = problem["type"].as_str().unwrap_or_default();
    let id = problem["request_id"].as_str().unwrap_or_default();
    let right = problem["status"] == status && problem["code"] == code && kind.contains(&format!("/{code}#"));
    if right && id.len() == 26 && head.contains(id) {
        Ok(())
    } else {
        Err(format!("not the problem: {text}"))
    }
}

async fn all_refused(cases: &[Case], before: &[u8]) -> Upstream {
    let (upstream, gateway) = behind_a_gateway().await;
    let mut wrong = Vec::new();
    for (name, bytes, status) in cases {
        let bytes = [before, bytes, FOLLOWING].concat();
        if let Err(why) = refused(gateway.address, &bytes, *status).await {
            wrong.push(format!("{name}: {why}"));
        }
        let seen = upstream.seen();
        if seen.iter().any(|seen| seen.whole || seen.target == "/smuggled") {
            wrong.push(format!("{name}: the upstream saw {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    // the gateway is none the worse for it
    assert_eq!(gateway.get("/after").await.text(), "served");
    upstream
}

#[tokio::test]
async fn ambiguous_framing_is_refused() {
    assert_eq!(all_refused(&FRAMING, b"").await.count(), 1);
}

#[tokio::test]
async fn lines_that_are_none_are_refused() {
    assert_eq!(all_refused(&LINES, b"").await.count(), 1);
}

#[tokio::test]
async fn request_lines_and_hosts_are_strict() {
    assert_eq!(all_refused(&TARGETS, b"").await.count(), 1);
}

#[tokio::test]
async fn chunks_are_followed_to_the_letter() {
    all_refused(&CHUNKS, CHUNKED).await;
}

#[tokio::test]
async fn oversized_heads_are_431() {
    let (upstream, gateway) = behind_a_gateway().await;
    let start = b"GET /bad HTTP/1.1\r\nhost: a\r\n";
    let heads = [
        ("a long value", [&start[..], b"x: ", &[b'y'; 9_000], b"\r\n\r\n"].concat()),
        ("a long name", [&start[..], &[b'y'; 9_000], b": x\r\n\r\n"].concat()),
        ("a long target", [&b"GET /"[..], &[b'y'; 9_000], b" HTTP/1.1\r\nhost: a\r\n\r\n"].concat()),
        ("a line without end", [&start[..], &[b'y'; 20_000]].concat()),
        ("a method without end", vec![b'G'; 20_000]),
        ("too many headers", [start.to_vec(), b"x: y\r\n".repeat(60), b"\r\n".to_vec()].concat()),
        ("headers without end", [start.to_vec(), b"x: y\r\n".repeat(5_000)].concat()),
    ];
    for (name, head) in heads {
        let bytes = [&head[..], FOLLOWING].concat();
        refused(gateway.address, &bytes, 431).await.unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    assert_eq!(upstream.count(), 0);
    // at the limit is within it
    let fits = [&start[..], &b"x: y\r\n".repeat(48), b"connection: close\r\n\r\n"].concat();
    assert!(raw(gateway.address, &fits).await.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn what_came_before_is_answered_first() {
    let (upstream, gateway) = behind_a_gateway().await;
    let good = b"GET /good HTTP/1.1\r\nhost: a\r\n\r\n";
    let bad =
        b"POST /bad HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let got = raw(gateway.address, &[&good[..], good, bad, FOLLOWING].concat()).await;
    let text = String::from_utf8_lossy(&got);
    let statuses: Vec<_> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "200", "400"], "{text}");
    let targets: Vec<_> = upstream.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/good", "/good"]);
}

#[tokio::test]
async fn a_body_is_never_read_as_a_request() {
    let (upstream, gateway) = behind_a_gateway().await;
    let inner = String::from_utf8_lossy(FOLLOWING);
    let bytes = format!(
        "POST /one HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{inner}\
         POST /two HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n\
         GET /three HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        inner.len(),
        inner.len(),
    );
    let got = raw(gateway.address, bytes.as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&got).matches("HTTP/1.1 200 OK").count(), 3);
    let seen: Vec<_> = upstream.seen().into_iter().map(|seen| (seen.target, seen.body.len())).collect();
    assert_eq!(
        seen,
        [("/one".to_owned(), inner.len()), ("/two".to_owned(), inner.len()), ("/three".to_owned(), 0)]
    );
}

#[tokio::test]
async fn absolute_targets_name_the_host() {
    let upstream = Upstream::start(|seen| async move {
        answer(200, &[], format!("{} {}", seen.target, seen.header("host")))
    });
    let upstream = upstream.await;
    let gateway = Gateway::start(&upstream.service("")).await;
    let bytes = b"GET http://real.example/x?y HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n";
    let got = String::from_utf8(raw(gateway.address, bytes).await).unwrap();
    assert!(got.ends_with("\r\n\r\n/x?y real.example"), "{got}");
}

#[tokio::test]
async fn http2_cannot_say_more_than_http1() {
    let (upstream, gateway) = behind_a_gateway().await;
    let outcomes = client("h2_hostile.py", &[&gateway.address.to_string()]).await;
    let served: Vec<_> = outcomes.lines().filter(|line| line.ends_with(": 200")).collect();
    // the host is what `:authority` says, whatever else there is
    assert_eq!((served, outcomes.lines().count()), (vec!["two hosts that differ: 200"], 22), "{outcomes}");
    let seen: Vec<_> = upstream.seen().into_iter().filter(|seen| seen.whole).collect();
    assert_eq!(
        (seen.len(), seen[0].headers.get_all("host").iter().count(), seen[0].header("host")),
        (1, 1, "a")
    );
}

#[tokio::test]
async fn the_log_shows_nothing_that_the_client_did_not_send() {
    let (_upstream, gateway) = behind_a_gateway().await;
    refused(gateway.address, b"GET /a HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400).await.unwrap();
    // what is refused inside its body has a head that was understood
    raw(gateway.address, &[CHUNKED, b"nonsense\r\n"].concat()).await;
    gateway.logs("POST a /begun ").await;
    gateway.logs("reason=malformed_request").await;
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains(" 400 ") && !line.contains("/begun")).unwrap();
    assert!(line.contains("Z - - - 400 ") && line.contains(" reason=malformed_request"), "{line}");
    assert!(!log.contains("refused.invalid"), "{log}");
    let counted = "http_request_method=\"_OTHER\",http_response_status_code=\"400\"";
    assert_eq!(gateway.metric("http_server_request_duration_seconds_count", counted).await, 1.0);
}
