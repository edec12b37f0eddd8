//! Replicas are replaced, and no request is lost.

use serde_json::json;

use super::Running;
use crate::harness::load::{After, Load};
use crate::jobs::says;

/// How often; SEAWORTHY_ROLLOUTS asks for more.
fn rounds() -> usize {
    std::env::var("SEAWORTHY_ROLLOUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

#[tokio::test]
async fn a_rolling_restart_loses_no_request() {
    let run = Running::start(3, "", "").await;
    run.settles(3).await;
    let load = Load::start(run.gateway.address, "/", 8, After::Reconnect);
    for _ in 0..rounds() {
        let before = run.pids().await;
        says(&run.gateway, &["service", "restart", "shop"]).await;
        run.stands("replaced", |status| super::pids(status).is_disjoint(&before)).await;
        run.settles(3).await;
        load.more(100).await;
    }
    let (good, failed) = load.finish().await;
    assert!(failed.is_empty(), "{} of {good}: {failed:?}", failed.len());
}

#[tokio::test]
async fn a_changed_command_is_rolled_out_and_no_request_is_lost() {
    let run = Running::start(2, "one", "").await;
    run.settles(2).await;
    let load = Load::start(run.gateway.address, "/", 4, After::Reconnect);
    load.more(100).await;
    run.configure(2, "two", "");
    run.stands("as configured", |status| status["template"] != json!(null) && status["updated"] == 2).await;
    crate::harness::eventually("the new command answers", || async {
        let told = run.gateway.get("/").await.json();
        (told["args"][1] == "two").then_some(())
    })
    .await;
    run.settles(2).await;
    assert_eq!(run.gateway.get("/").await.json()["args"][1], "two");
    // only the number: nothing that runs is touched
    let before = run.pids().await;
    run.configure(3, "two", "");
    run.settles(3).await;
    assert!(before.is_subset(&run.pids().await));
    load.more(100).await;
    let (good, failed) = load.finish().await;
    assert!(failed.is_empty(), "{} of {good}: {failed:?}", failed.len());
}

#[tokio::test]
async fn a_replacement_that_never_gets_ready_changes_nothing_for_clients() {
    let settings =
        "readiness = { http = \"/healthz\", period = \"1s\" }\nrollout = { progress_deadline = \"2s\" }";
    let run = Running::start(2, "", settings).await;
    run.settles(2).await;
    let before = run.pids().await;
    let load = Load::start(run.gateway.address, "/", 4, After::Reconnect);
    run.configure(2, "dies", settings);
    let failed = run.stands("given up", |status| status["rollout"]["state"] == "Failed").await;
    assert_eq!(failed["health"], "Degraded");
    load.more(100).await;
    let (good, lost) = load.finish().await;
    assert!(lost.is_empty(), "{} of {good}: {lost:?}", lost.len());
    assert!(run.pids().await.is_superset(&before), "the old ones stay");
}

#[tokio::test]
async fn answers_under_way_are_finished() {
    let run = Running::start(1, "", "").await;
    run.settles(1).await;
    let address = run.gateway.address;
    let slow = tokio::spawn(async move { crate::harness::get(address, "/slow").await.unwrap().status });
    crate::harness::eventually("the slow request is under way", || async {
        let busy = run.gateway.metric("http_client_active_requests", "").await;
        let open = run.gateway.metric("http_client_open_connections", "shop").await;
        (busy + open > 0.0).then_some(())
    })
    .await;
    says(&run.gateway, &["service", "restart", "shop"]).await;
    assert_eq!(slow.await.unwrap(), 200);
}
