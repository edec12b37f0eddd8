//! Schedules: declared, changed while it runs, made by hand, explained.

use serde_json::{Value, json};

use super::{ask, cli, open, order, says};
use crate::harness::program::run;
use crate::harness::{Gateway, Upstream, eventually};

fn declared(upstream: &Upstream, schedules: &str) -> String {
    format!("{}[jobs]\n{}", upstream.service(""), schedules.replace("URL", &upstream.url()))
}

#[tokio::test]
async fn declared_schedules_fire_change_and_go() {
    let upstream = Upstream::fixed("ok").await;
    let every = "[schedule.tick]\nevery = \"1s\"\nhttp = { url = \"URL/tick\" }\n";
    let gateway = Gateway::start(&declared(&upstream, every)).await;
    open(&gateway).await;
    eventually("it has fired twice", || async {
        (upstream.seen().iter().filter(|seen| seen.target == "/tick").count() >= 2).then_some(())
    })
    .await;
    let runs = ask(&gateway, "/api/v1/schedules/tick/runs").await;
    assert_eq!(runs["runs"][0]["cause"], "tick");
    // changed by hand: shown as drift, and kept
    let mut definition = ask(&gateway, "/api/v1/schedules/tick").await["definition"].clone();
    definition["trigger"]["every"] = json!("1h");
    let changed = order(&gateway, "PUT", "/api/v1/schedules/tick", &definition).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let differs = cli(&gateway, &["schedule", "diff"]).await;
    let said = String::from_utf8(differs.stdout).unwrap();
    assert!(!differs.status.success() && said.contains("changed by hand: trigger"), "{said}");
    // another declaration wins, and what is no longer declared goes
    gateway.configure(&declared(&upstream, "[schedule.other]\nhttp = { url = \"URL/other\" }\n"));
    eventually("the schedules are as declared", || async {
        let all = ask(&gateway, "/api/v1/schedules").await;
        let names: Vec<_> =
            all["schedules"].as_array()?.iter().map(|schedule| schedule["name"].clone()).collect();
        (names == ["other"]).then_some(())
    })
    .await;
    assert_eq!(says(&gateway, &["schedule", "diff"]).await, "schedules are as declared\n");
    let triggered = says(&gateway, &["schedule", "trigger", "other", "--watch"]).await;
    assert!(triggered.contains("completed"), "{triggered}");
    assert!(upstream.seen().iter().any(|seen| seen.target == "/other"));
}

#[tokio::test]
async fn schedules_are_made_and_switched_by_hand() {
    let upstream = Upstream::fixed("ok").await;
    let gateway = Gateway::start(&declared(&upstream, "")).await;
    open(&gateway).await;
    let payload = json!({ "url": upstream.url() }).to_string();
    let args =
        ["schedule", "add", "nightly", "http", &payload, "--cron", "30 2 * * *", "--tz", "Europe/Berlin"];
    assert!(says(&gateway, &args).await.starts_with("nightly is made; next: 2"));
    assert!(says(&gateway, &args).await.starts_with("nightly is made"), "the same again is no conflict");
    let other = ["schedule", "add", "nightly", "http", &payload, "--every", "1h"];
    assert!(!cli(&gateway, &other).await.status.success());
    assert_eq!(
        says(&gateway, &["schedule", "pause", "nightly", "--reason", "closed"]).await,
        "nightly is paused\n"
    );
    let listed = says(&gateway, &["schedule", "list", "--status", "paused"]).await;
    assert!(listed.contains("30 2 * * * Europe/Berlin"), "{listed}");
    let shown = says(&gateway, &["schedule", "show", "nightly"]).await;
    assert!(shown.contains("closed") && shown.contains("created"), "{shown}");
    assert_eq!(says(&gateway, &["schedule", "resume", "nightly"]).await, "nightly is active\n");
    says(&gateway, &["schedule", "remove", "nightly", "--yes"]).await;
    assert!(!cli(&gateway, &["schedule", "show", "nightly"]).await.status.success());
    for (definition, reason) in [
        (json!({ "name": "x" }), "malformed_body"),
        (
            json!({ "name": "x", "trigger": { "type": "cron", "expression": "61 * * * *" }, "job": { "kind": "x" } }),
            "invalid_argument",
        ),
        (
            json!({ "name": "x", "trigger": { "type": "cron", "expression": "0 0 30 2 *" }, "job": { "kind": "x" } }),
            "invalid_argument",
        ),
        (
            json!({ "name": "x", "trigger": { "type": "interval", "every": "1ms" }, "job": { "kind": "x" } }),
            "invalid_argument",
        ),
        (
            json!({ "name": "x", "trigger": { "type": "manual" }, "job": { "kind": "x" }, "overlp": "skip" }),
            "malformed_body",
        ),
    ] {
        assert_eq!(
            order(&gateway, "POST", "/api/v1/schedules", &definition).await.reason(),
            reason,
            "{definition}"
        );
    }
}

#[tokio::test]
async fn expressions_are_explained_to_anybody() {
    let args = ["schedule", "explain", "30 2 * * MON-FRI", "--tz", "Europe/Berlin", "--json"];
    let output = run(env!("CARGO_BIN_EXE_seaworthy"), &args).await;
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explained["next"].as_array().unwrap().len(), 5);
    assert!(explained["next"][0]["local"].as_str().unwrap().contains("T02:30:00+0"), "{explained}");
    for (expression, zone) in
        [("* * *", "UTC"), ("0 0 31 2 *", "UTC"), ("0 0 * * *", "Mars/Base"), ("\u{1b}[2J", "UTC")]
    {
        let output =
            run(env!("CARGO_BIN_EXE_seaworthy"), &["schedule", "explain", expression, "--tz", zone]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.starts_with("error: "), "{expression}: {said}");
    }
}
