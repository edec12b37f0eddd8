//! Starting, and what stands in the way of it.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::harness::{Folder, Gateway, Upstream, answer, free_address, get};

/// What a gateway says that cannot start.
async fn refusal(address: std::net::SocketAddr, control: std::net::SocketAddr) -> String {
    let folder = Folder::new();
    let service = "[service.shop]\nupstreams = [\"http://127.0.0.1:9\"]";
    let file = folder.write("seaworthy.toml", Gateway::text(address, control, "", "", service));
    let up = ["up", "--config", file.to_str().unwrap()];
    let output = crate::harness::program::run(env!("CARGO_BIN_EXE_seaworthy"), &up).await;
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let taken = TcpListener::bind(free_address()).unwrap();
    let address = taken.local_addr().unwrap();
    let expected = format!("error: cannot listen on {address}: Address already in use (os error 98)\n");
    assert!(refusal(address, free_address()).await.ends_with(&expected));
    assert!(refusal(free_address(), address).await.ends_with(&expected));
}

#[tokio::test]
async fn two_gateways_never_share_a_port() {
    let upstream = Upstream::fixed("first").await;
    let gateway = Gateway::start(&upstream.service("")).await;
    let error = refusal(gateway.address, free_address()).await;
    assert!(error.contains("Address already in use"), "{error}");
    for _ in 0..20 {
        assert_eq!(gateway.get("/").await.text(), "first");
    }
}

#[tokio::test]
async fn killed_and_started_again() {
    let upstream = Upstream::fixed("ahoy").await;
    let takeover = "takeover = \"takeover.sock\"";
    let mut gateway = Gateway::with(Folder::new(), takeover, "", &upstream.service("")).await;
    assert_eq!(gateway.get("/").await.text(), "ahoy");
    gateway.signal(Signal::KILL);
    gateway.ended().await;
    assert!(get(gateway.address, "/").await.is_err(), "somebody answers for a killed process");
    // its take-over socket and its closing connections are still there
    assert!(gateway.folder.path("takeover.sock").exists());
    gateway.restart("log-2").await;
    assert_eq!(gateway.get("/").await.text(), "ahoy");
}

#[tokio::test]
async fn one_upstream_needs_no_file() {
    let upstream = Upstream::start(|seen| async move { answer(200, &[], seen.target) }).await;
    let (address, control, folder) = (free_address().to_string(), free_address(), Folder::new());
    let mut up = tokio::process::Command::new(env!("CARGO_BIN_EXE_seaworthy"));
    up.args(["up", "--upstream", &upstream.url(), "--listen", &address, "--control", &control.to_string()]);
    up.current_dir(folder.path("."));
    let mut child = up.stdout(std::process::Stdio::null()).kill_on_drop(true).spawn().unwrap();
    crate::harness::eventually("it is ready", || async {
        get(control, "/healthz/ready").await.ok().filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!(get(address.parse().unwrap(), "/x").await.unwrap().text(), "/x");
    for probe in ["live", "startup"] {
        assert_eq!(get(control, &format!("/healthz/{probe}")).await.unwrap().status, 200);
    }
    assert_eq!(get(control, "/metrics").await.unwrap().status, 401);
    crate::harness::client::tokens::learn(control, folder.path("seaworthy.token"));
    assert!(get(control, "/metrics").await.unwrap().text().contains("http_server_request_duration_seconds"));
    child.kill().await.unwrap();
}
