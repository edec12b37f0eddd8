//! TLS towards clients.

use std::net::SocketAddr;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;

use super::certificates::{authority, certificate, revocations, serial};
use crate::harness::client::raw;
use crate::harness::program::{Script, run};
use crate::harness::{Folder, Gateway, Upstream, eventually};

const SHOP: &str = "certificates = [{ chain = \"shop.pem\", key = \"shop.key\" }]";

/// A gateway with a certificate for `shop.example` and this on top of it.
async fn secured(settings: &str) -> (Upstream, Gateway) {
    let folder = Folder::new();
    authority(&folder, "ca").await;
    certificate(&folder, "ca", "shop", "DNS:shop.example").await;
    let upstream = Upstream::fixed("ahoy").await;
    let listener = format!("[listener.tls]\n{SHOP}\n{settings}");
    let gateway = Gateway::with(folder, "", &listener, &upstream.service("")).await;
    (upstream, gateway)
}

/// What curl prints for a name that is looked for at the gateway, or its exit code.
async fn curl(folder: &Folder, address: SocketAddr, name: &str, args: &[&str]) -> Result<String, i32> {
    let place = format!("{name}:{}:127.0.0.1", address.port());
    let url = format!("https://{name}:{}/", address.port());
    let ca = folder.path("ca.pem");
    let fixed = ["--silent", "--max-time", "10", "--resolve", &place, "--cacert", ca.to_str().unwrap(), &url];
    let output = run("curl", &[&fixed[..], args].concat()).await;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8(output.stdout).unwrap()),
        code => Err(code.unwrap()),
    }
}

#[tokio::test]
async fn a_certificate_is_chosen_by_name() {
    let folder = Folder::new();
    authority(&folder, "ca").await;
    certificate(&folder, "ca", "shop", "DNS:shop.example").await;
    certificate(&folder, "ca", "wild", "DNS:*.wild.example").await;
    let upstream = Upstream::fixed("ahoy").await;
    let both = "[listener.tls]\ncertificates = [{ chain = \"shop.pem\", key = \"shop.key\" }, \
                { chain = \"wild.pem\", key = \"wild.key\" }]";
    let gateway = Gateway::with(folder, "", both, &upstream.service("")).await;
    for name in ["shop.example", "a.wild.example", "b.wild.example"] {
        assert_eq!(curl(&gateway.folder, gateway.address, name, &[]).await.as_deref(), Ok("ahoy"), "{name}");
    }
    // 60: the certificate does not verify
    for name in ["other.example", "a.b.wild.example", "wild.example"] {
        assert_eq!(curl(&gateway.folder, gateway.address, name, &[]).await, Err(60), "{name}");
    }
}

#[tokio::test]
async fn the_protocol_is_agreed_on() {
    let (upstream, gateway) = secured("").await;
    let shown = ["-w", " %{http_version} %header{strict-transport-security}"];
    let ask = |version| {
        let args = [&shown[..], &[version]].concat();
        let gateway = &gateway;
        async move { curl(&gateway.folder, gateway.address, "shop.example", &args).await.unwrap() }
    };
    assert_eq!(ask("--http2").await, "ahoy 2 max-age=31536000");
    assert_eq!(upstream.last().header("x-forwarded-proto"), "https");
    assert_eq!(ask("--http1.1").await, "ahoy 1.1 max-age=31536000");
    assert_eq!(upstream.last().header("x-forwarded-proto"), "https");
}

#[tokio::test]
async fn http2_may_be_off() {
    let folder = Folder::new();
    authority(&folder, "ca").await;
    certificate(&folder, "ca", "shop", "DNS:shop.example").await;
    let upstream = Upstream::fixed("ahoy").await;
    let listener = format!("http2 = false\n[listener.tls]\n{SHOP}");
    let gateway = Gateway::with(folder, "", &listener, &upstream.service("")).await;
    let args = ["--http2", "-w", " %{http_version}"];
    assert_eq!(curl(&gateway.folder, gateway.address, "shop.example", &args).await.unwrap(), "ahoy 1.1");
}

#[tokio::test]
async fn old_versions_are_refused() {
    for (settings, with_12) in [("", Ok("ahoy".to_owned())), ("min_version = \"1.3\"", Err(35))] {
        let (_upstream, gateway) = secured(settings).await;
        let ask =
            |args: &'static [&'static str]| curl(&gateway.folder, gateway.address, "shop.example", args);
        assert_eq!(ask(&["--tlsv1.2", "--tls-max", "1.2"]).await, with_12, "{settings}");
        assert_eq!(ask(&["--tlsv1.3"]).await.unwrap(), "ahoy");
        assert_eq!(ask(&["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]).await, Err(35));
    }
}

#[tokio::test]
async fn clients_must_show_a_certificate() {
    let (upstream, gateway) = secured("client_auth = \"required\"\nclient_ca = \"ca.pem\"").await;
    authority(&gateway.folder, "stranger").await;
    certificate(&gateway.folder, "ca", "alice", "DNS:alice").await;
    certificate(&gateway.folder, "stranger", "mallory", "DNS:alice").await;
    let path = |name: &str| gateway.folder.path(name).to_str().unwrap().to_owned();
    let ask = |who: Option<&'static str>| {
        let files = who.map(|who| (path(&format!("{who}.pem")), path(&format!("{who}.key"))));
        let gateway = &gateway;
        async move {
            let args = match &files {
                Some((pem, key)) => vec!["--cert", pem, "--key", key],
                None => Vec::new(),
            };
            curl(&gateway.folder, gateway.address, "shop.example", &args).await
        }
    };
    assert_eq!(ask(Some("alice")).await.unwrap(), "ahoy");
    assert_eq!(upstream.last().header("x-client-verify"), "SUCCESS");
    // 56 and 35: refused in the handshake, which TLS 1.3 tells after its client is done with it
    for who in [None, Some("mallory")] {
        let refused = ask(who).await.unwrap_err();
        assert!([35, 55, 56].contains(&refused), "{who:?}: {refused}");
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn clients_may_show_a_certificate() {
    let (upstream, gateway) = secured("client_auth = \"optional\"\nclient_ca = \"ca.pem\"").await;
    certificate(&gateway.folder, "ca", "alice", "DNS:alice").await;
    let forged = ["-H", "x-client-verify: SUCCESS"];
    assert_eq!(curl(&gateway.folder, gateway.address, "shop.example", &forged).await.unwrap(), "ahoy");
    assert_eq!(upstream.last().header("x-client-verify"), "NONE");
    let (pem, key) = (gateway.folder.path("alice.pem"), gateway.folder.path("alice.key"));
    let args = ["--cert", pem.to_str().unwrap(), "--key", key.to_str().unwrap()];
    assert_eq!(curl(&gateway.folder, gateway.address, "shop.example", &args).await.unwrap(), "ahoy");
    assert_eq!(upstream.last().header("x-client-verify"), "SUCCESS");
}

/// ASVS 12.3.5: a certificate that was revoked is none, from the next reload on.
#[tokio::test]
async fn revoked_clients_are_refused() {
    let folder = Folder::new();
    for ca in ["ca", "other"] {
        authority(&folder, ca).await;
    }
    certificate(&folder, "ca", "shop", "DNS:shop.example").await;
    for (ca, who) in [("ca", "alice"), ("ca", "bob"), ("other", "carol")] {
        certificate(&folder, ca, who, &format!("DNS:{who}")).await;
    }
    let both = std::fs::read_to_string(folder.path("ca.pem")).unwrap()
        + &std::fs::read_to_string(folder.path("other.pem")).unwrap();
    folder.write("both.pem", &both);
    revocations(&folder, "ca", &["alice"]).await;
    let upstream = Upstream::fixed("ahoy").await;
    let listener = format!(
        "[listener.tls]\n{SHOP}\nclient_auth = \"required\"\nclient_ca = \"both.pem\"\nclient_crl = \"ca.crl\""
    );
    let gateway = Gateway::with(folder, "", &listener, &upstream.service("")).await;
    let ask = |who: &'static str| {
        let gateway = &gateway;
        async move {
            let path = |end: &str| gateway.folder.path(&format!("{who}.{end}")).to_str().unwrap().to_owned();
            let args = ["--cert", &path("pem"), "--key", &path("key")];
            curl(&gateway.folder, gateway.address, "shop.example", &args).await
        }
    };
    assert_eq!(ask("bob").await.unwrap(), "ahoy");
    // carol's authority has no list: nobody knows
    for who in ["alice", "carol"] {
        let refused = ask(who).await.unwrap_err();
        assert!([35, 55, 56].contains(&refused), "{who}: {refused}");
    }
    revocations(&gateway.folder, "ca", &["alice", "bob"]).await;
    gateway.signal(Signal::HUP);
    eventually("bob is refused, too", || async { ask("bob").await.err() }).await;
}

#[tokio::test]
async fn clear_text_on_a_tls_port_is_closed() {
    let (upstream, gateway) = secured("").await;
    let got = raw(gateway.address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!got.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&got));
    assert_eq!(upstream.count(), 0);
    assert_eq!(curl(&gateway.folder, gateway.address, "shop.example", &[]).await.unwrap(), "ahoy");
}

/// Waits until new connections are shown this certificate, while the old connection goes on.
async fn shows(client: &mut Script, serial: &str) {
    let deadline = tokio::time::Instant::now() + crate::harness::PATIENCE;
    loop {
        client.input.write_all(b"go\n").await.unwrap();
        let line = client.line().await;
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(&words[..3], ["200", "ahoy", "same"], "the open connection was lost: {line}");
        if words[3] == serial {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "still the old certificate: {line}");
    }
}

#[tokio::test]
async fn certificates_are_replaced_while_running() {
    let (_upstream, gateway) = secured("").await;
    let (port, ca) = (gateway.address.port().to_string(), gateway.folder.path("ca.pem"));
    let mut client = Script::start("tls_client.py", &[&port, ca.to_str().unwrap(), "shop.example"]);
    let first = serial(&gateway.folder, "shop").await;
    shows(&mut client, &first).await;
    // by itself, because the files have changed
    certificate(&gateway.folder, "ca", "shop", "DNS:shop.example").await;
    let second = serial(&gateway.folder, "shop").await;
    assert_ne!(first, second);
    shows(&mut client, &second).await;
    // a key that does not belong to its certificate is refused, and the old pair stays
    std::fs::write(gateway.folder.path("shop.key"), std::fs::read(gateway.folder.path("ca.key")).unwrap())
        .unwrap();
    gateway.signal(Signal::HUP);
    gateway.logs("the new configuration was refused; the old one stays").await;
    shows(&mut client, &second).await;
    certificate(&gateway.folder, "ca", "shop", "DNS:shop.example").await;
    gateway.signal(Signal::HUP);
    let third = serial(&gateway.folder, "shop").await;
    shows(&mut client, &third).await;
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut() {
    let folder = Folder::new();
    authority(&folder, "ca").await;
    certificate(&folder, "ca", "shop", "DNS:shop.example").await;
    let upstream = Upstream::fixed("ahoy").await;
    let listener = format!("limits = {{ handshake_timeout = \"500ms\" }}\n[listener.tls]\n{SHOP}");
    let gateway = Gateway::with(folder, "", &listener, &upstream.service("")).await;
    // the first bytes of a greeting, and no more: this returns when the gateway closes
    assert_eq!(raw(gateway.address, b"\x16\x03\x01\x02\x00\x01").await, b"");
    eventually("it is counted", || async {
        (gateway.metric("seaworthy_gateway_handshake_errors_total", "").await >= 1.0).then_some(())
    })
    .await;
}
