//! Chromium at the dashboard: every button pressed and every form submitted as each role, and every page looked at.
//!
//! What the browser does stands in `clients/npm/dashboard.mjs`; what has to come of it stands here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Folder, Gateway, Upstream, answer, free_address};
use crate::services::replica;

const CHROMIUM: &str = "/usr/bin/chromium";
/// A scenario is over within a minute; a machine that has other things to do may take its time.
const LONGEST: Duration = Duration::from_secs(600);

/// What everybody who is logged in can press.
const OF_ALL: [&str; 6] = [
    "Change password PUT account/password",
    "End DELETE account/sessions/*",
    "Go on",
    "Log in",
    "Log out",
    "Pause",
];
/// What users can press besides.
const OF_USERS: [&str; 2] = ["Call off POST jobs/*/cancel", "Run now POST jobs/*/retry"];
/// What operators can press besides.
const OF_OPERATORS: [&str; 21] = [
    "Acknowledge POST alerts/*/acknowledge",
    "Begin a redrive POST dead-letters/redrives",
    "Change arguments PUT dead-letters/*/payload",
    "End DELETE silences/*",
    "End POST dead-letters/redrives/*/cancel",
    "Give back POST alerts/*/unacknowledge",
    "Park POST dead-letters/*/park",
    "Pause POST dead-letters/redrives/*/pause",
    "Pause POST queues/*/pause",
    "Replay POST dead-letters/*/replay",
    "Replay all POST dead-letters/replay",
    "Resolve POST alerts/*/resolve",
    "Restart POST services/*/restart",
    "Resume POST dead-letters/redrives/*/resume",
    "Resume POST queues/*/resume",
    "Scale PUT services/*/replicas",
    "Silence POST silences",
    "Start POST services/*/start",
    "Stop POST services/*/stop",
    "Try one POST dead-letters/replay",
    "Unpark POST dead-letters/*/unpark",
];
/// What admins can press besides.
const OF_ADMINS: [&str; 2] = ["End sessions DELETE users/*/sessions", "Revoke DELETE keys/*"];
const ROLES: [&str; 4] = ["viewer", "user", "operator", "admin"];

/// A gateway with something of everything: a service that answers, one that never does, one that is run here.
struct Stage {
    gateway: Gateway,
    upstream: Upstream,
    /// Takes connections and says nothing: a port where nobody listens could become somebody else's.
    _gone: Upstream,
}

impl Stage {
    async fn new() -> Self {
        let upstream = Upstream::start(|seen| async move {
            let asked = seen.target.strip_prefix("/status/").and_then(|status| status.parse().ok());
            answer(asked.unwrap_or(200), &[("content-type", "application/json")], "{\"ok\":true}")
        })
        .await;
        let gone = Upstream::raw(|stream, _| async move { drop(stream) }).await;
        let (address, control) = (free_address(), free_address());
        let text = configuration(&upstream, &gone).replace("LISTEN", &address.to_string());
        let text = text.replace("CONTROL", &control.to_string());
        let gateway = Gateway::written(Folder::new(), &text, address, control).await;
        Self { gateway, upstream, _gone: gone }
    }

    /// What Chromium saw of a scenario. Whatever the scenario, no page may do what no page may do.
    async fn play(&self, scenario: &[&str]) -> Value {
        assert!(Path::new(CHROMIUM).exists(), "no {CHROMIUM}: run `cargo xtask setup` to install it");
        let mut node = Command::new("node");
        node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/npm/dashboard.mjs"));
        node.arg(packages()).arg(scenario[0]);
        node.args([self.gateway.control, self.gateway.address].map(|address| format!("http://{address}")));
        node.arg(self.upstream.url()).args(&scenario[1..]);
        node.env("TOKEN", self.gateway.folder_text("seaworthy.token").trim());
        // what it does, step by step, for when it fails
        node.env("DEBUG", "pw:api").stderr(Stdio::piped());
        node.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let output = tokio::time::timeout(LONGEST, node.spawn().unwrap().wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{scenario:?} took too long")).unwrap();
        let steps = String::from_utf8_lossy(&output.stderr);
        let last = steps.lines().rev().take(80).collect::<Vec<_>>();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        assert!(output.status.success(), "{scenario:?}: {}\n{last}", output.status);
        let saw: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(saw["wrong"], json!([]), "{saw:#}");
        saw
    }
}

/// The folder with the packages of npm.
fn packages() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/e2e-node");
    let path = std::env::var_os("SEAWORTHY_E2E_NODE").map_or_else(own, PathBuf::from);
    let there = path.join("node_modules/playwright-core").exists();
    assert!(there, "{} has no playwright-core: run `cargo xtask setup` to install it", path.display());
    path
}

fn configuration(upstream: &Upstream, gone: &Upstream) -> String {
    let (url, gone, replica) = (upstream.url(), gone.url(), replica());
    format!(
        r#"
[gateway]
threads = 2
[control]
listen = "CONTROL"
[[listener]]
address = "LISTEN"
[telemetry]
history = {{ resolution = "1s" }}
[alerts]
interval = "1s"
[store]
[jobs]
[queue.mail]
[queue.archive]
[service.shop]
upstreams = ["{url}"]
[service.gone]
upstreams = ["{gone}"]
[service.till]
command = "exec python3 {replica} {{port}}"
orphans = "stop"
readiness = {{ http = "/healthz" }}
[[route]]
path = "/gone/{{*rest}}"
service = "gone"
[[route]]
path = "/till/{{*rest}}"
service = "till"
[[route]]
path = "/{{*rest}}"
service = "shop"
[objective.shop]
service = "shop"
target = 99.0
[alert.Unreachable]
query = {{ metric = "http_server_request_duration_seconds", matchers = ['http_response_status_code=~"5.."', 'seaworthy_service="gone"'], function = "observations", window = "1h", by = ["seaworthy_service"] }}
above = 0
severity = "critical"
summary = "{{{{value}}}} requests to {{{{labels.seaworthy_service}}}} failed"
runbook = "https://runbooks.example.org/unreachable"
"#
    )
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// What there is to be pressed of this rank and those below.
fn to_press(rank: usize) -> BTreeSet<&'static str> {
    let all: [&[&str]; 4] = [&OF_ALL, &OF_USERS, &OF_OPERATORS, &OF_ADMINS];
    all[..=rank].iter().flat_map(|names| names.iter().copied()).collect()
}

/// The call that an order is; none for what only the page itself does.
fn call(order: &'static str) -> Option<&'static str> {
    ["POST ", "PUT ", "DELETE "].iter().find_map(|method| Some(&order[order.find(method)?..]))
}

/// A role sees what it may see, presses all it is shown, and is refused what it is not.
async fn presses(rank: usize) {
    let stage = Stage::new().await;
    let saw = stage.play(&["presses", ROLES[rank]]).await;
    let wanted = to_press(rank);
    assert_eq!(names(&saw["shown"]), wanted, "shown: {saw:#}");
    assert_eq!(names(&saw["pressed"]), wanted, "pressed: {saw:#}");

    let others: BTreeSet<_> = to_press(3).difference(&wanted).filter_map(|order| call(order)).collect();
    let mut refused = saw["refused"].as_object().unwrap().clone();
    for forged in ["without its token", "as a form"] {
        assert_eq!(refused.remove(forged).unwrap()[0], 403, "{forged}: {saw:#}");
    }
    assert_eq!(refused.keys().map(String::as_str).collect::<BTreeSet<_>>(), others, "{saw:#}");
    for (order, why) in &refused {
        assert_eq!(*why, json!([403, "permission_missing"]), "{order}: {saw:#}");
    }
    assert_eq!(saw["changed"], false, "what was refused changed nothing: {saw:#}");

    for (path, status) in saw["statuses"].as_object().unwrap() {
        let least = match path.split('/').nth(2) {
            Some("requests") => 2,
            Some("people" | "audit") => 3,
            _ => 0,
        };
        assert_eq!(*status, if rank >= least { 200 } else { 403 }, "{path}: {saw:#}");
    }
    let ways: &[&str] = match rank {
        3 => &["Overview", "Requests", "Jobs", "Dead letters", "Alerts", "People", "Audit"],
        2 => &["Overview", "Requests", "Jobs", "Dead letters", "Alerts"],
        _ => &["Overview", "Jobs", "Dead letters", "Alerts"],
    };
    assert_eq!(saw["ways"], json!(ways), "{saw:#}");
    let own = ["log_in", "log_out", "session.revoke", "user.change_password"];
    let mut did: BTreeSet<_> = own.into();
    did.extend(["jobs:write"].iter().filter(|_| rank >= 1));
    let of_operators = ["alerts:write", "dead_letters:write", "queues:write", "services:write"];
    did.extend(of_operators.iter().filter(|_| rank >= 2));
    did.extend(["key.revoke", "session.revoke_all", "token.revoke_all"].iter().filter(|_| rank >= 3));
    assert_eq!(names(&saw["did"]), did, "what was pressed stands in the audit log: {saw:#}");
}

#[tokio::test]
async fn a_viewer_presses_everything() {
    presses(0).await;
}

#[tokio::test]
async fn a_user_presses_everything() {
    presses(1).await;
}

#[tokio::test]
async fn an_operator_presses_everything() {
    presses(2).await;
}

#[tokio::test]
async fn an_admin_presses_everything() {
    presses(3).await;
}

#[tokio::test]
async fn nobody_comes_in_but_by_the_door() {
    let stage = Stage::new().await;
    let saw = stage.play(&["doors"]).await;
    for (path, end) in saw["led"].as_object().unwrap() {
        let end = end.as_str().unwrap();
        assert!(end.starts_with("/dashboard/login?return_to=%2Fdashboard"), "{path} leads to {end}");
    }
    assert_eq!(
        saw["told"],
        json!({
            "password": "Name and password do not go together.",
            "token": "This is not the operator’s token.",
            "code": "This code is not accepted. Codes are good for half a minute, and once.",
        }),
        "{saw:#}"
    );
    assert!(saw["operator"].as_str().unwrap().starts_with("operator"), "{saw:#}");
    assert_eq!(saw["plain"], json!(["Jobs", true, false]), "without scripts: {saw:#}");
    assert!(names(&saw["shown"]).contains("Log in as operator"), "{saw:#}");
}

#[tokio::test]
async fn pages_go_on_by_themselves() {
    let stage = Stage::new().await;
    let saw = stage.play(&["live"]).await;
    assert_eq!(saw["mark"], "the same document", "no page was loaded again: {saw:#}");
    assert_eq!(saw["focused"], "/dashboard/dead-letters?queue=mail", "the focus stays: {saw:#}");
    assert_eq!(saw["held"], json!(["2", "Paused"]), "{saw:#}");
    assert_eq!(saw["written"], "half a sen", "{saw:#}");
}

/// Contrast, width, keyboard and what is left without scripts, in light and dark, from 320 to 1,440 pixels.
#[tokio::test]
async fn every_page_is_for_everybody() {
    let stage = Stage::new().await;
    let saw = stage.play(&["every_page"]).await;
    assert_eq!(saw["faults"], json!({}), "{saw:#}");
    let pages = names(&saw["pages"]);
    for page in [
        "/dashboard",
        "/dashboard/account",
        "/dashboard/alerts",
        "/dashboard/audit",
        "/dashboard/dead-letters",
        "/dashboard/dead-letters/*",
        "/dashboard/dead-letters cursor",
        "/dashboard/dead-letters parked",
        "/dashboard/dead-letters signature",
        "/dashboard/jobs",
        "/dashboard/jobs/*",
        "/dashboard/jobs state",
        "/dashboard/people",
        "/dashboard/requests",
        "/dashboard/requests/*",
        "/dashboard/requests class",
        "/dashboard/services/shop",
        "/dashboard/services/gone range",
        "/dashboard/services/till",
    ] {
        assert!(pages.contains(page), "no link leads to {page}: {saw:#}");
    }
}
