//! Clients as they come: curl, httpx, requests, grpcio, websockets, h2load.

use std::sync::OnceLock;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::harness::program::{Script, client, curl, run};
use crate::harness::{Folder, Gateway, Seen, Upstream, answer, get};

/// 2,048,000 bytes, the same as the Python clients make.
fn blob() -> Bytes {
    static BLOB: OnceLock<Bytes> = OnceLock::new();
    BLOB.get_or_init(|| (0..=255u8).collect::<Vec<_>>().repeat(8_000).into()).clone()
}

/// "squeezed", by gzip.
const GZIPPED: &[u8] =
    &[31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 46, 44, 77, 77, 173, 74, 77, 1, 0, 222, 38, 20, 0, 8, 0, 0, 0];

async fn site(seen: Seen) -> Response<Full<Bytes>> {
    let path = seen.target.split('?').next().unwrap();
    match path {
        "/blob" => blob_of(&seen),
        "/digest" => answer(200, &[], format!("{{\"sha\":\"{}\"}}", seen.body.len())),
        "/cookies" => {
            let all: Vec<_> = seen.headers.get_all("cookie").iter().map(|c| c.to_str().unwrap()).collect();
            answer(200, &[], serde_json::json!({ "cookie": all.join(" | ") }).to_string())
        }
        "/redirect" => answer(302, &[("location", "/hello")], ""),
        "/set-cookie" => answer(200, &[("set-cookie", "port=left; Path=/")], ""),
        "/empty" => answer(204, &[], ""),
        "/gzip" => answer(200, &[("content-encoding", "gzip")], GZIPPED),
        _ => {
            answer(200, &[], serde_json::json!({ "method": seen.method, "target": seen.target }).to_string())
        }
    }
}

fn blob_of(seen: &Seen) -> Response<Full<Bytes>> {
    let etag = [("etag", "\"1\""), ("accept-ranges", "bytes")];
    let Some(range) = seen.header("range").strip_prefix("bytes=") else { return answer(200, &etag, blob()) };
    let (from, to) = range.split_once('-').unwrap();
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let shown = format!("bytes {from}-{to}/{}", blob().len());
    answer(206, &[("content-range", &shown), ("etag", "\"1\"")], blob().slice(from..=to))
}

async fn behind_a_gateway() -> (Upstream, Gateway) {
    let upstream = Upstream::start(site).await;
    let gateway = Gateway::start(&upstream.service("")).await;
    (upstream, gateway)
}

#[tokio::test]
async fn curl_speaks_http1_and_http2() {
    let (_upstream, gateway) = behind_a_gateway().await;
    let url = format!("http://{}/hello", gateway.address);
    let shown = "\n%{http_version} %{http_code}";
    assert_eq!(
        curl(&["-w", shown, "--http1.1", &url]).await,
        "{\"method\":\"GET\",\"target\":\"/hello\"}\n1.1 200"
    );
    let prior = curl(&["-w", shown, "--http2-prior-knowledge", &url]).await;
    assert_eq!(prior, "{\"method\":\"GET\",\"target\":\"/hello\"}\n2 200");
    // an upgrade to h2c would lead past everything the gateway does: it is not taken up, the request is answered
    assert_eq!(
        curl(&["-w", shown, "--http2", &url]).await,
        "{\"method\":\"GET\",\"target\":\"/hello\"}\n1.1 200"
    );
    assert_eq!(
        curl(&["-w", shown, "--http1.0", &url]).await,
        "{\"method\":\"GET\",\"target\":\"/hello\"}\n1 200"
    );
}

#[tokio::test]
async fn heads_and_ranges_pass() {
    let (upstream, gateway) = behind_a_gateway().await;
    let url = format!("http://{}/blob", gateway.address);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let head = curl(&["--head", version, &url]).await.to_ascii_lowercase();
        assert!(head.contains("content-length: 2048000\r\n") && head.contains("etag: \"1\"\r\n"), "{head}");
        assert_eq!(upstream.last().method, "HEAD");
        let part =
            curl(&["--range", "65-70", "-w", "|%{http_code}|%header{content-range}", version, &url]).await;
        assert_eq!(part, "ABCDEF|206|bytes 65-70/2048000");
    }
}

#[tokio::test]
async fn a_large_body_waits_for_its_100() {
    let (upstream, gateway) = behind_a_gateway().await;
    let folder = Folder::new();
    let file = folder.write("body", blob());
    let (data, url) = (format!("@{}", file.display()), format!("http://{}/digest", gateway.address));
    let trace = folder.path("trace");
    let args = [
        "--data-binary",
        &data,
        "-H",
        "Expect: 100-continue",
        "--trace-ascii",
        trace.to_str().unwrap(),
        &url,
    ];
    assert_eq!(curl(&args).await, "{\"sha\":\"2048000\"}");
    let trace = std::fs::read_to_string(&trace).unwrap();
    assert!(trace.contains("HTTP/1.1 100 Continue"), "curl was not told to go on");
    assert!(upstream.last().body == blob(), "the body arrived changed");
}

#[tokio::test]
async fn a_body_that_is_refused_is_never_sent() {
    let upstream = Upstream::start(site).await;
    let gateway =
        Gateway::start(&upstream.service("[[route]]\nservice = \"shop\"\nbody_bytes = \"1KiB\"")).await;
    let folder = Folder::new();
    let file = folder.write("body", blob());
    let (data, url) = (format!("@{}", file.display()), format!("http://{}/digest", gateway.address));
    let shown = "|%{http_code}|%{size_upload}";
    let answer = curl(&["--data-binary", &data, "-H", "Expect: 100-continue", "-w", shown, &url]).await;
    assert!(answer.ends_with("|413|0") && answer.contains("\"reason\":\"body_too_large\""), "{answer}");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn httpx_over_http1() {
    let (_upstream, gateway) = behind_a_gateway().await;
    assert_eq!(client("httpx_client.py", &[&format!("http://{}", gateway.address), "1"]).await, "ok\n");
}

#[tokio::test]
async fn httpx_over_http2() {
    let (_upstream, gateway) = behind_a_gateway().await;
    assert_eq!(client("httpx_client.py", &[&format!("http://{}", gateway.address), "2"]).await, "ok\n");
}

#[tokio::test]
async fn requests_keeps_its_connection() {
    let (_upstream, gateway) = behind_a_gateway().await;
    assert_eq!(client("requests_client.py", &[&format!("http://{}", gateway.address)]).await, "ok\n");
}

#[tokio::test]
async fn grpc_calls_streams_statuses_and_trailers() {
    let mut server = Script::start("grpc_server.py", &[]);
    let port = server.line().await;
    let service = format!("[service.pilot]\nupstreams = [\"http://127.0.0.1:{port}\"]\nprotocol = \"http2\"");
    let gateway = Gateway::start(&service).await;
    assert_eq!(client("grpc_client.py", &[&gateway.address.to_string()]).await, "ok\n");
    server.kill().await;
    assert_eq!(client("grpc_status.py", &[&gateway.address.to_string()]).await, "UNAVAILABLE\n");
}

#[tokio::test]
async fn websockets_with_large_messages_and_close_codes() {
    let mut server = Script::start("websocket_server.py", &[]);
    let port = server.line().await;
    let service = format!("[service.radio]\nupstreams = [\"http://127.0.0.1:{port}\"]");
    let gateway = Gateway::start(&service).await;
    assert_eq!(client("websocket_client.py", &[&format!("ws://{}", gateway.address)]).await, "ok\n");
    assert_eq!(server.line().await, "closed 4321 done here", "the service heard of another end");
    // the tunnels are gone, and with them their connections
    crate::harness::eventually("no tunnel is left", || async {
        (gateway.metric("seaworthy_gateway_tunnels", "").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn h2load_sees_no_failure() {
    let upstream = Upstream::fixed("ahoy").await;
    let gateway = Gateway::start(&upstream.service("")).await;
    let url = format!("http://{}/", gateway.address);
    let output = run("h2load", &["-n", "10000", "-c", "10", "-m", "20", &url]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    let requests = text.lines().find(|line| line.starts_with("requests:")).unwrap_or(&text);
    assert_eq!(
        requests,
        "requests: 10000 total, 10000 started, 10000 done, 10000 succeeded, 0 failed, 0 errored, 0 timeout"
    );
    assert_eq!(upstream.count(), 10_000);
    assert!(
        upstream.connections() < 2_000,
        "{} connections: they are not used again",
        upstream.connections()
    );
    assert_eq!(get(gateway.address, "/").await.unwrap().text(), "ahoy");
}
