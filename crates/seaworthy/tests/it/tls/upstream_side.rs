//! TLS towards upstreams.

use super::certificates::{authority, certificate};
use crate::harness::program::Script;
use crate::harness::{Answer, Folder, Gateway};

/// Asks an upstream that shows a certificate for `names`, with these settings of the service.
async fn through(names: &str, settings: &str, asks_for_certificates: bool) -> Answer {
    let folder = Folder::new();
    for name in ["ca", "stranger"] {
        authority(&folder, name).await;
    }
    certificate(&folder, "ca", "server", names).await;
    certificate(&folder, "ca", "gateway", "DNS:gateway.example").await;
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let mut args = vec![path("server.pem"), path("server.key")];
    if asks_for_certificates {
        args.push(path("ca.pem"));
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let mut server = Script::start("tls_server.py", &args);
    let port = server.line().await;
    let service =
        format!("[service.shop]\nupstreams = [\"https://127.0.0.1:{port}\"]\nretry = false\n{settings}");
    let gateway = Gateway::with(folder, "", "", &service).await;
    gateway.get("/").await
}

fn unreachable(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (502, "upstream_unreachable"));
    assert!(!answer.text().contains("secret"), "{answer:?}");
}

#[tokio::test]
async fn an_authority_of_ones_own() {
    let got = through("IP:127.0.0.1", "tls = { ca = \"ca.pem\" }", false).await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (200, "secret harbour for nobody"));
}

#[tokio::test]
async fn an_authority_that_did_not_sign_it() {
    unreachable(&through("IP:127.0.0.1", "tls = { ca = \"stranger.pem\" }", false).await);
    unreachable(&through("IP:127.0.0.1", "", false).await);
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    unreachable(&through("DNS:shop.internal", "tls = { ca = \"ca.pem\" }", false).await);
    let named = "tls = { ca = \"ca.pem\", server_name = \"shop.internal\" }";
    assert_eq!(through("DNS:shop.internal", named, false).await.status, 200);
}

#[tokio::test]
async fn an_upstream_that_asks_who_we_are() {
    let silent = through("IP:127.0.0.1", "tls = { ca = \"ca.pem\" }", true).await;
    assert_eq!(silent.status, 502, "{silent:?}");
    let shown = "tls = { ca = \"ca.pem\", identity = { chain = \"gateway.pem\", key = \"gateway.key\" } }";
    assert_eq!(through("IP:127.0.0.1", shown, true).await.text(), "secret harbour for gateway");
}
