//! Chromium at the gateway: what browsers do with its cookies, redirects and refusals, and not what we think they do.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::process::Command;

use super::oidc::provider::{GATEWAY_SECRET, Provider, packages};
use crate::harness::{Folder, Gateway, Seen, Upstream, answer, free_address};

const CHROMIUM: &str = "/usr/bin/chromium";
/// A scenario is over in seconds; a machine that has other things to do may take its time.
const LONGEST: Duration = Duration::from_secs(180);
const LONG: u32 = 3_600;

/// A provider, a gateway that sends people there, a service behind it, and a server of somebody else.
struct Stage {
    provider: Provider,
    gateway: Gateway,
    upstream: Upstream,
    evil: Upstream,
}

impl Stage {
    async fn new() -> Self {
        let (address, control) = (free_address(), free_address());
        let provider = Provider::start(address, LONG).await;
        let upstream = Upstream::start(|seen| async move { page(&seen) }).await;
        let evil = Upstream::start(|_| async { answer(200, &[HTML], "<title>trap</title><body>") }).await;
        let gateway = gateway(&provider, &upstream, (address, control)).await;
        Self { provider, gateway, upstream, evil }
    }

    /// What Chromium saw of a scenario of `browser.mjs`.
    async fn play(&self, scenario: &str) -> Value {
        assert!(Path::new(CHROMIUM).exists(), "no {CHROMIUM}: run `cargo xtask setup` to install it");
        let mut node = Command::new("node");
        node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/browser.mjs"));
        node.arg(packages()).args([scenario, &self.url("")]).arg(self.provider.issuer());
        node.arg(self.evil.address.port().to_string());
        // what it does, step by step, for when it fails
        node.env("DEBUG", "pw:api").stderr(Stdio::piped());
        node.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let output = tokio::time::timeout(LONGEST, node.spawn().unwrap().wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{scenario} took too long")).unwrap();
        let steps = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{scenario}: {}\n{steps}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A URL of the gateway.
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address)
    }
}

const HTML: (&str, &str) = ("content-type", "text/html");

/// A page that shows who is logged in, with a form.
fn page(seen: &Seen) -> Response<Full<Bytes>> {
    if seen.target.ends_with(".svg") {
        let image = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>";
        return answer(200, &[("content-type", "image/svg+xml")], image);
    }
    let who = seen.header("x-auth-subject");
    let page = format!(
        "<!doctype html><title>shop</title><p id=who>{who}</p>\
         <form method=post action=/orders><input name=item></form>"
    );
    answer(200, &[HTML], page)
}

async fn gateway(
    provider: &Provider,
    upstream: &Upstream,
    (address, control): (SocketAddr, SocketAddr),
) -> Gateway {
    let folder = Folder::new();
    folder.write("client.secret", GATEWAY_SECRET);
    let rest = format!(
        "{}\n[login.staff]\nissuer = \"{}\"\nclient_id = \"seaworthy\"\nclient_secret = \"client.secret\"\n\
         url = \"http://{address}\"\nafter_logout = \"http://{address}/bye\"\n\
         [[route]]\npath = \"/bye\"\nservice = \"shop\"\nauth = \"none\"\n\
         [[route]]\npath = \"/{{*rest}}\"\nservice = \"shop\"\nauth = \"session\"\n",
        upstream.service(""),
        provider.issuer(),
    );
    Gateway::written(folder, &Gateway::text(address, control, "", "", &rest), address, control).await
}

/// ASVS 3.3.1 to 3.3.4, 7.4.1: from the first page to the log-in, back to the page, out, and to the log-in again.
#[tokio::test]
async fn a_person_logs_in_and_out() {
    let stage = Stage::new().await;
    let saw = stage.play("session").await;
    let provider = json!(stage.provider.issuer());
    assert_eq!(saw["askedBy"], provider, "{saw:#}");
    assert_eq!((&saw["who"], &saw["told"]), (&json!("ann"), &json!("ann")), "{saw:#}");
    let cookies = saw["cookies"].as_array().unwrap();
    assert_eq!(cookies.len(), 1, "what the log-in needed is gone: {saw:#}");
    let session = &cookies[0];
    assert_eq!(
        (&session["name"], &session["httpOnly"], &session["sameSite"], &session["path"]),
        (&json!("seaworthy_staff"), &json!(true), &json!("Lax"), &json!("/")),
        "{saw:#}"
    );
    assert!(!saw["readable"].as_str().unwrap().contains("seaworthy"), "scripts see nothing of it: {saw:#}");
    // log-out
    assert_eq!(saw["left"], json!([]), "{saw:#}");
    assert_eq!(saw["askedAgainBy"], provider, "{saw:#}");
    assert_eq!(saw["thiefIsAt"], provider, "the old cookie is worth nothing: {saw:#}");
    let told = |seen: &Seen| seen.header("cookie").contains("seaworthy");
    assert!(!stage.upstream.seen().iter().any(told), "the session is nobody else's business");
}

/// ASVS 3.5.1, 3.5.3, 4.4.2: what pages of others make a logged-in browser send reaches no service.
#[tokio::test]
async fn pages_of_others_change_nothing() {
    let stage = Stage::new().await;
    let saw = stage.play("attacks").await;
    // the same from the page itself arrives
    assert_eq!((&saw["own"]["who"], &saw["own"]["form"]), (&json!("ann"), &json!("ann")), "{saw:#}");
    assert_eq!((&saw["own"]["fetch"], &saw["own"]["image"]), (&json!("basic"), &json!("loaded")), "{saw:#}");
    let seen = stage.upstream.seen();
    let find = |method: &str, target: &str| {
        let found = seen.iter().find(|seen| seen.method == method && seen.target == target);
        found.unwrap_or_else(|| panic!("{method} {target} did not arrive: {saw:#}"))
    };
    assert_eq!(find("POST", "/orders").body, "item=own");
    assert_eq!(find("PUT", "/orders/own").header("x-auth-subject"), "ann");
    assert_eq!(find("GET", "/orders/own-socket").header("upgrade"), "websocket");
    let changes = seen.iter().filter(|seen| seen.method != "GET").count();
    assert_eq!(changes, 2, "and nothing else: {seen:#?}");
    let forged: Vec<_> = seen.iter().filter(|seen| seen.target.contains("forged")).collect();
    assert!(forged.is_empty(), "{forged:#?}");
    // from elsewhere the browser sends no session, from the same site it does, and the gateway refuses it
    for (place, status) in [("far", 401), ("near", 403)] {
        let told = &saw["seen"][place];
        assert_eq!(told["form"], status, "{place}: {saw:#}");
        for what in ["post", "form", "socket"] {
            stage.gateway.logs(&format!("/orders/forged-{place}-{what} {status} ")).await;
        }
        for what in ["change", "read", "socket"] {
            assert_eq!(told[what], "failed", "{place} {what}: {saw:#}");
        }
    }
    assert_eq!(saw["seen"]["far"]["image"], "failed", "{saw:#}");
    stage.gateway.logs("/orders/forged-far-image 401 ").await;
    assert_eq!(saw["link"], "ann", "a link from another site is no harm: {saw:#}");
}

/// ASVS 7.2.4: who planted a cookie before a log-in has nothing of what comes after.
#[tokio::test]
async fn a_log_in_makes_a_session_that_nobody_knew_before() {
    let stage = Stage::new().await;
    let saw = stage.play("fixation").await;
    let rounds = saw.as_array().unwrap();
    for (round, attacker) in rounds.iter().zip(["asked", "bob"]) {
        assert_eq!((&round["who"], &round["attackerIs"]), (&json!("ann"), &json!(attacker)), "{round:#}");
        let used = round["used"].as_array().unwrap();
        assert_eq!(used.len(), 1, "{round:#}");
        assert_ne!(used[0], round["planted"], "{round:#}");
    }
    assert_eq!(rounds.len(), 2);
}

/// ASVS 3.7.2: whatever the link to a log-in says, nobody ends up elsewhere.
#[tokio::test]
async fn log_ins_lead_nowhere_else() {
    let stage = Stage::new().await;
    let saw = stage.play("redirects").await;
    let ends = saw.as_object().unwrap();
    assert_eq!(ends.len(), 50);
    for (wanted, end) in ends {
        assert!(end.as_str().unwrap().starts_with(&stage.url("/")), "{wanted:?} leads to {end}");
    }
    assert_eq!(ends["/page?a=b"], stage.url("/page?a=b"), "where people wanted to go");
    assert_eq!(stage.evil.count(), 0, "{:#?}", stage.evil.seen());
}
