//! What dies, and what happens all the same.

use std::time::Duration;

use rustix::process::Signal;
use seaworthy_store::testing::Postgres;
use serde_json::{Value, json};

use super::{add, call, comes_to, keys, open, order};
use crate::harness::{Gateway, Upstream, answer, eventually, exchange};

fn on_postgres(server: &Postgres, upstream: &Upstream) -> String {
    format!(
        "{}[store]\nurl = \"{}\"\nacquire_timeout = \"500ms\"\n[jobs]\nlease = \"2s\"\n",
        upstream.service(""),
        server.url("postgres")
    )
}

#[tokio::test]
async fn killed_in_the_middle_every_job_still_runs_under_its_one_key() {
    let upstream = Upstream::start(|_| async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        answer(200, &[], "ok")
    })
    .await;
    let mut gateway = Gateway::start(&format!("{}[jobs]\nlease = \"1s\"\n", upstream.service(""))).await;
    open(&gateway).await;
    let jobs: Vec<Value> = (0..60).map(|_| call(&upstream, "/effect")).collect();
    let accepted = order(&gateway, "POST", "/api/v1/jobs/bulk", &json!({ "jobs": jobs })).await;
    assert_eq!(accepted.status, 201, "{}", accepted.text());
    for round in 0..3 {
        let before = upstream.seen().len();
        eventually("some more have run", || async { (upstream.seen().len() > before + 5).then_some(()) })
            .await;
        gateway.signal(Signal::KILL);
        gateway.ended().await;
        gateway.restart(&format!("log-{round}")).await;
        open(&gateway).await;
    }
    for accepted in accepted.json()["jobs"].as_array().unwrap() {
        comes_to(&gateway, accepted["id"].as_i64().unwrap(), "completed").await;
    }
    assert_eq!(keys(&upstream).len(), 60, "one key for each job, however often it was begun");
}

#[tokio::test]
async fn a_stop_lets_jobs_finish_and_gives_back_what_cannot() {
    let upstream = Upstream::start(|seen| async move {
        let wait = if seen.target == "/long" { 60_000 } else { 300 };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        answer(200, &[], "ok")
    })
    .await;
    let rest = format!("{}[jobs]\ndrain_timeout = \"1s\"\n", upstream.service(""));
    let mut gateway = Gateway::start(&rest).await;
    open(&gateway).await;
    let (short, long) =
        (add(&gateway, &call(&upstream, "/short")).await, add(&gateway, &call(&upstream, "/long")).await);
    eventually("both run", || async { (upstream.seen().len() == 2).then_some(()) }).await;
    gateway.signal(Signal::TERM);
    assert!(gateway.ended().await.success());
    gateway.restart("log-2").await;
    open(&gateway).await;
    assert_eq!(comes_to(&gateway, short, "completed").await["attempt"], 1, "it was waited for");
    let again = comes_to(&gateway, long, "running").await;
    assert_eq!(again["attempt"], 1, "a stop costs no attempt: {again}");
}

#[tokio::test]
async fn the_database_goes_away_and_comes_back() {
    let mut server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let (begun, upstream) = {
        let begun = std::sync::Arc::new(tokio::sync::Notify::new());
        let told = std::sync::Arc::clone(&begun);
        let upstream = Upstream::start(move |seen| {
            let told = std::sync::Arc::clone(&told);
            async move {
                if seen.target == "/during" {
                    told.notified().await;
                }
                answer(200, &[], "ok")
            }
        });
        (begun, upstream.await)
    };
    let gateway = Gateway::start(&on_postgres(&server, &upstream)).await;
    open(&gateway).await;
    let during = add(&gateway, &call(&upstream, "/during")).await;
    eventually("it runs", || async {
        upstream.seen().iter().any(|seen| seen.target == "/during").then_some(())
    })
    .await;
    let mut server = tokio::task::spawn_blocking(move || {
        server.kill();
        server
    })
    .await
    .unwrap();
    let refused = order(&gateway, "POST", "/api/v1/jobs", &call(&upstream, "/refused")).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!((refused.reason().as_str(), refused.header("retry-after")), ("store_unavailable", "2"));
    for _ in 0..20 {
        assert_eq!(gateway.get("/traffic").await.status, 200, "traffic does not notice");
    }
    assert_eq!(exchange(gateway.control, "GET", "/healthz/ready", &[], "").await.status, 200);
    // it ends while there is nowhere to write that down
    begun.notify_one();
    let _server = tokio::task::spawn_blocking(move || {
        server.run();
        server
    })
    .await
    .unwrap();
    comes_to(&gateway, during, "completed").await;
    let runs = upstream.seen().iter().filter(|seen| seen.target == "/during").count();
    assert_eq!(runs, 1, "its end was kept, and recorded when the database was back");
    let after = add(&gateway, &call(&upstream, "/after")).await;
    comes_to(&gateway, after, "completed").await;
}

#[tokio::test]
async fn without_a_database_at_the_start_traffic_flows_and_jobs_come_later() {
    let mut server = tokio::task::spawn_blocking(|| {
        let mut server = Postgres::start();
        server.kill();
        server
    })
    .await
    .unwrap();
    let upstream = Upstream::fixed("ok").await;
    let gateway = Gateway::start(&on_postgres(&server, &upstream)).await;
    assert_eq!(gateway.get("/").await.status, 200);
    let refused = order(&gateway, "POST", "/api/v1/jobs", &call(&upstream, "/x")).await;
    assert_eq!((refused.status.as_u16(), refused.reason().as_str()), (503, "store_unavailable"));
    assert!(!refused.text().contains("postgres://"), "{}", refused.text());
    let _server = tokio::task::spawn_blocking(move || {
        server.run();
        server
    })
    .await
    .unwrap();
    open(&gateway).await;
    let id = add(&gateway, &call(&upstream, "/x")).await;
    comes_to(&gateway, id, "completed").await;
}
