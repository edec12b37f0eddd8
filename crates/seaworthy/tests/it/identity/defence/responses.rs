//! Answers of a service held against its contract: told, and never touched.

use std::sync::Arc;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::harness::client::exchange;
use crate::harness::upstream::{read_head, write};
use crate::harness::{Folder, Gateway, Seen, Upstream, answer, eventually, within};

const CONTRACT: &str = r##"{"openapi":"3.1.0","paths":{
    "/v1/{case}":{"parameters":[{"name":"case","in":"path","required":true,"schema":{"type":"string"}}],
        "get":{"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Item"}}}},
            "404":{"description":"none"}}},
        "head":{"responses":{"200":{"content":{"application/json":{}}}}},
        "delete":{"responses":{"204":{"description":"gone"}}}}},
    "components":{"schemas":{"Item":{"type":"object","required":["name"],"properties":{
        "name":{"type":"string"},"notes":{"type":"object","additionalProperties":{"type":"integer"}}}}}}}"##;
const JSON: (&str, &str) = ("content-type", "application/json");
const GOOD: &str = r#"{"name":"a","notes":{"b":1}}"#;
/// What must never be told.
const SECRET: &str = "4111-1111-ann";

/// A gateway that reports on the answers of this service, bodies of up to 1 KiB whole. `route`: more of the route.
async fn reporting(upstream: &Upstream, route: &str) -> Gateway {
    let folder = Folder::new();
    folder.write("contract.json", CONTRACT);
    let rest = format!(
        "{}\n[[route]]\npath = \"/v1/{{*rest}}\"\nservice = \"shop\"\n\
         defence = {{ rules = \"off\", openapi = \"contract.json\", responses = \"report\", judged_bytes = \"1KiB\" }}\n{route}",
        upstream.service("")
    );
    Gateway::with(folder, "", "", &rest).await
}

/// Answers judged so far: whole, and by their heads.
async fn judged(gateway: &Gateway) -> (f64, f64) {
    let count = |how: &'static str| gateway.metric("seaworthy_defence_responses_total", how);
    (count("judged=\"whole\"").await, count("judged=\"head\"").await)
}

/// Waits until so many are judged.
async fn until(gateway: &Gateway, wanted: (f64, f64)) {
    let reached = eventually("answers are judged", || async {
        let now = judged(gateway).await;
        (now.0 + now.1 >= wanted.0 + wanted.1).then_some(now)
    });
    assert_eq!(reached.await, wanted, "whole and by head");
}

/// Deviations of one reason, or, with nothing, of all.
async fn deviations(gateway: &Gateway, reason: &str) -> f64 {
    let label = if reason.is_empty() { String::new() } else { format!("reason=\"{reason}\"") };
    gateway.metric("seaworthy_defence_response_deviations_total", &label).await
}

/// A body of so many bytes that breaks the contract.
fn long(bytes: usize) -> String {
    format!("{{\"wrong\":\"{}\"}}", "x".repeat(bytes - 12))
}

fn service(seen: &Seen) -> Response<Full<Bytes>> {
    let case = seen.target.trim_start_matches("/v1/");
    match (seen.method.as_str(), case) {
        ("DELETE", _) => answer(204, &[], ""),
        (_, "schema") => answer(200, &[JSON], format!("{{\"name\":\"{SECRET}\",\"{SECRET}\":\"{SECRET}\"}}")),
        (_, "notes") => {
            answer(200, &[JSON], format!("{{\"name\":\"a\",\"notes\":{{\"{SECRET}\":\"{SECRET}\"}}}}"))
        }
        (_, "empty") => answer(200, &[JSON], ""),
        (_, "json") => answer(200, &[JSON], "{\"name\":"),
        (_, "html") => answer(200, &[("content-type", "text/html")], "<p>"),
        (_, "status") => answer(418, &[JSON], GOOD),
        (_, "none") => answer(404, &[("content-type", "text/plain")], "nothing here"),
        (_, "encoded") => answer(200, &[JSON, ("content-encoding", "x-own")], "\u{1}\u{2}"),
        (_, "fits") => answer(200, &[JSON], format!("{:<1024}", GOOD)),
        (_, "long") => answer(200, &[JSON], long(1_025)),
        (_, "longest") => answer(200, &[JSON], long(300_000)),
        (_, "same") if seen.headers.contains_key("if-none-match") => answer(304, &[("etag", "\"1\"")], ""),
        _ => answer(200, &[JSON], GOOD),
    }
}

/// Every kind of answer arrives as the service gave it, and is judged as far as that is possible.
#[tokio::test]
async fn answers_pass_untouched_and_deviations_are_told() {
    let upstream = Upstream::start(|seen| async move { service(&seen) }).await;
    let gateway = reporting(&upstream, "").await;
    let mut wanted = (0.0, 0.0);
    for (method, case, whole, reason) in [
        ("GET", "good", true, ""),
        ("GET", "schema", true, "schema"),
        ("GET", "notes", true, "schema"),
        ("GET", "empty", true, "schema"),
        ("GET", "json", true, "json"),
        ("GET", "html", false, "content_type"),
        ("GET", "status", true, "status"),
        ("GET", "none", false, ""),
        ("GET", "encoded", false, ""),
        ("GET", "fits", true, ""),
        ("GET", "long", false, ""),
        ("GET", "longest", false, ""),
        ("HEAD", "good", false, ""),
        ("HEAD", "html", false, "content_type"),
        ("DELETE", "good", false, ""),
    ] {
        let reasons = ["schema", "json", "content_type", "status"];
        let mut counts = Vec::new();
        for one in reasons {
            counts.push(deviations(&gateway, one).await + f64::from(u8::from(one == reason)));
        }
        let path = format!("/v1/{case}");
        let direct = exchange(upstream.address, method, &path, &[], "").await;
        let proxied = exchange(gateway.address, method, &path, &[], "").await;
        assert_eq!((proxied.status, &proxied.body), (direct.status, &direct.body), "{method} {case}");
        for name in ["content-type", "content-length", "content-encoding"] {
            assert_eq!(proxied.header(name), direct.header(name), "{method} {case} {name}");
        }
        if whole {
            wanted.0 += 1.0
        } else {
            wanted.1 += 1.0
        }
        until(&gateway, wanted).await;
        for (one, count) in reasons.into_iter().zip(counts) {
            let counted = deviations(&gateway, one).await;
            assert!((counted - count).abs() < 0.5, "{method} {case} {one}: {counted}");
        }
    }
    gateway.logs("an answer breaks the contract").await;
    let told = gateway.log();
    assert!(told.contains("body.notes.*: type") && told.contains("/v1/{case}"), "{told}");
    assert!(!told.contains(SECRET), "no value, and no name that the contract does not know");
    let inspection = gateway.policy_of("shop", "inspection", "/v1/{*rest}").await;
    assert_eq!(inspection["effects"]["responses_followed"], 15, "{inspection}");
}

/// Not before the judged one after them is counted can it be said that these are not.
#[tokio::test]
async fn only_what_the_service_answers_is_judged() {
    let upstream = Upstream::start(|seen| async move {
        match seen.target.as_str() {
            "/v1/cached" => answer(200, &[JSON, ("cache-control", "max-age=600")], GOOD),
            "/v1/down" => answer(503, &[], "down"),
            _ => service(&seen),
        }
    })
    .await;
    let route = "cache = {}\nfallback = { status = 203, body = \"later\" }\n";
    let gateway = reporting(&upstream, route).await;
    let ask = |path: &'static str, headers: &'static [(&str, &str)]| {
        let address = gateway.address;
        async move { exchange(address, "GET", path, headers, "").await }
    };
    // 304: HTTP's own
    assert_eq!(ask("/v1/same", &[("if-none-match", "\"1\""), ("range", "bytes=0-")]).await.status, 304);
    // the gateway's own
    assert_eq!(ask("/v1/good?unknown=1", &[]).await.reason(), "contract_broken");
    // the first of these alone is the service's
    for status in ["fwd=uri-miss", "hit", "hit"] {
        let answer = ask("/v1/cached", &[]).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, GOOD));
        assert!(answer.header("cache-status").contains(status), "{}", answer.header("cache-status"));
    }
    until(&gateway, (1.0, 0.0)).await;
    // the answer of a fallback fits no contract; what it stands in for is the service's, of which only the head came
    let answer = ask("/v1/down", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (203, "later"));
    until(&gateway, (1.0, 1.0)).await;
    ask("/v1/good?", &[]).await;
    until(&gateway, (2.0, 1.0)).await;
    assert!((deviations(&gateway, "").await - 1.0).abs() < 0.5);
    assert!((deviations(&gateway, "status").await - 1.0).abs() < 0.5, "503");
}

/// A stream reaches its client piece by piece while it is read along, and whole.
#[tokio::test]
async fn streams_arrive_while_they_are_read() {
    let more = Arc::new(Notify::new());
    let go_on = Arc::clone(&more);
    let upstream = Upstream::raw(move |mut stream, _| {
        let go_on = Arc::clone(&go_on);
        async move {
            read_head(&mut stream).await;
            write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n")
                .await;
            // nothing more until the client has this
            go_on.notified().await;
            write(&mut stream, "1\r\n5\r\n1\r\n}\r\n0\r\n\r\n").await;
            read_head(&mut stream).await;
        }
    })
    .await;
    let gateway = reporting(&upstream, "").await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"GET /v1/x HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await.unwrap();
    let (mut got, mut piece) = (String::new(), [0; 4_096]);
    while !got.contains("{\"name\":") {
        let read = within("the first piece", stream.read(&mut piece)).await.unwrap();
        assert_ne!(read, 0, "{got}");
        got.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    assert_eq!(judged(&gateway).await, (0.0, 0.0), "it is not over");
    more.notify_one();
    within("the rest", stream.read_to_string(&mut got)).await.unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(unchunked(body), "{\"name\":5}");
    until(&gateway, (1.0, 0.0)).await;
    assert!((deviations(&gateway, "schema").await - 1.0).abs() < 0.5);
}

/// The data of a chunked body.
fn unchunked(mut body: &str) -> String {
    let mut data = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        data.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    data
}

/// An answer that breaks off is not taken for one that breaks the contract.
#[tokio::test]
async fn what_breaks_off_is_judged_by_its_head() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
        write(&mut stream, format!("{head}{{\"name\":")).await;
    })
    .await;
    let gateway = reporting(&upstream, "").await;
    let got = crate::harness::client::raw(gateway.address, b"GET /v1/x HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    assert!(String::from_utf8_lossy(&got).ends_with("{\"name\":"));
    until(&gateway, (0.0, 1.0)).await;
    assert!(deviations(&gateway, "").await < 0.5);
}

/// A service that breaks its contract with every answer does not fill the log.
#[tokio::test]
async fn the_log_is_told_a_few() {
    let upstream = Upstream::start(|_| async move { answer(200, &[JSON], "{}") }).await;
    let gateway = reporting(&upstream, "").await;
    for _ in 0..50 {
        assert_eq!(exchange(gateway.address, "GET", "/v1/x", &[], "").await.text(), "{}");
    }
    until(&gateway, (50.0, 0.0)).await;
    assert!((deviations(&gateway, "schema").await - 50.0).abs() < 0.5);
    gateway.logs("an answer breaks the contract").await;
    let told = gateway.log().matches("an answer breaks the contract").count();
    assert!((1..50).contains(&told), "{told}");
}

/// Without the setting answers are nobody's business.
#[tokio::test]
async fn by_default_answers_are_not_looked_at() {
    let upstream = Upstream::start(|_| async move { answer(200, &[JSON], "{}") }).await;
    let folder = Folder::new();
    folder.write("contract.json", CONTRACT);
    let rest = format!(
        "{}\n[[route]]\npath = \"/v1/{{*rest}}\"\nservice = \"shop\"\ndefence = {{ openapi = \"contract.json\" }}\n",
        upstream.service("")
    );
    let gateway = Gateway::with(folder, "", "", &rest).await;
    assert_eq!(exchange(gateway.address, "GET", "/v1/x", &[], "").await.status, 200);
    let inspection = gateway.policy_of("shop", "inspection", "/v1/{*rest}").await;
    assert_eq!(inspection["effects"]["responses_followed"], 0, "{inspection}");
    assert!(!get_metrics(&gateway).await.contains("seaworthy_defence_response"));
}

async fn get_metrics(gateway: &Gateway) -> String {
    crate::harness::get(gateway.control, "/metrics").await.unwrap().text()
}
