//! Alerts from the failing request to the message, over a real store, real receivers and a real Prometheus.

mod mail;
mod prometheus;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use aws_lc_rs::hmac;
use http::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::upstream::Seen;
use crate::harness::{Folder, Gateway, Upstream, answer, eventually, get};
use crate::jobs::{ask, open, says};

const SECRET: &str = "the receiver's secret";

/// An upstream whose status is set from outside.
struct Shop {
    upstream: Upstream,
    status: Arc<AtomicU16>,
}

impl Shop {
    async fn start() -> Self {
        let status = Arc::new(AtomicU16::new(500));
        let now = Arc::clone(&status);
        let upstream = Upstream::start(move |_| {
            let status = now.load(Ordering::Relaxed);
            async move { answer(status, &[], "") }
        });
        Self { upstream: upstream.await, status }
    }

    fn mended(&self) {
        self.status.store(200, Ordering::Relaxed);
    }
}

/// A gateway before it, that looks every second for requests that failed.
async fn watched(shop: &Shop, alerts: &str) -> Gateway {
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let text = format!(
        "{}[jobs]\n[telemetry.history]\nresolution = \"1s\"\n{alerts}\n\
         [alert.Failing]\nsummary = \"{{{{value}}}} requests failed\"\nseverity = \"critical\"\nabove = 0.0\n\
         [alert.Failing.query]\nmetric = \"http_server_request_duration_seconds\"\n\
         matchers = ['http_response_status_code=~\"5..\"']\nfunction = \"observations\"\nwindow = \"5s\"\n\
         by = [\"seaworthy_service\"]\n",
        shop.upstream.service("retry = false\nbreaker = false")
    );
    let gateway = Gateway::with(folder, "", "", &text).await;
    open(&gateway).await;
    gateway
}

/// Settings that lead to a webhook, with its messages grouped for no time.
fn to(receiver: &Upstream) -> String {
    format!(
        "[alerts]\ninterval = \"1s\"\ngroup_interval = \"1s\"\nreceiver = \"chat\"\n\
         [receiver.chat]\nwebhook = [{{ url = \"{}/alerts\", secret = \"secret\" }}]\n",
        receiver.url()
    )
}

/// Asks every 50 ms until it is dropped: what is measured is measured again and again.
fn traffic(gateway: &Gateway) -> Traffic {
    let address = gateway.address;
    Traffic(tokio::spawn(async move {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
        loop {
            tick.tick().await;
            // nobody answers while the gateway is being started again
            let _ = get(address, "/items").await;
        }
    }))
}

struct Traffic(JoinHandle<()>);

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The messages about `Failing`, in the order they came.
fn messages(receiver: &Upstream) -> Vec<Value> {
    let told = receiver.seen().iter().map(read).collect::<Vec<_>>();
    told.into_iter().filter(|told| told["commonLabels"]["alertname"] == "Failing").collect()
}

/// A message, once its signature holds.
fn read(seen: &Seen) -> Value {
    let signature = seen.header("x-seaworthy-signature");
    let (time, signature) = signature.split_once(',').unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let mut signed = format!("{time}.").into_bytes();
    signed.extend_from_slice(&seen.body);
    let signature = signature.strip_prefix("v1=").unwrap();
    let bytes: Vec<u8> = (0..signature.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&signature[i..i + 2], 16).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &signed, &bytes).expect("it is signed");
    serde_json::from_slice(&seen.body).unwrap()
}

/// The alert `Failing` as the API shows it, once a field of it is this.
async fn alert(gateway: &Gateway, field: &str, value: &str) -> Value {
    eventually(&format!("the alert's {field} is {value}"), || async {
        let answer = get(gateway.control, "/api/v1/alerts").await.ok()?;
        let all = (answer.status == StatusCode::OK).then(|| answer.json())?;
        let all = all["alerts"].as_array()?.clone();
        all.into_iter().find(|alert| alert["name"] == "Failing" && alert[field] == value)
    })
    .await
}

/// Waits until every rule was looked at three times more: there are five, four of them without a word.
async fn looks(gateway: &Gateway) {
    let looked = || async { gateway.metric("alerts_evaluations_total", "").await };
    let enough = looked().await + 20.0;
    eventually("rules are looked at", || async { (looked().await >= enough).then_some(()) }).await;
}

#[tokio::test]
async fn a_failing_upstream_is_told_signed_and_its_end_too() {
    let (shop, receiver) = (Shop::start().await, Upstream::fixed("").await);
    let gateway = watched(&shop, &to(&receiver)).await;
    let _traffic = traffic(&gateway);
    let told = eventually("it is told", || async { messages(&receiver).first().cloned() }).await;
    assert_eq!((&told["status"], &told["receiver"]), (&json!("firing"), &json!("chat")));
    let first = &told["alerts"][0];
    assert_eq!(first["labels"]["seaworthy_service"], "shop");
    assert!(first["annotations"]["summary"].as_str().unwrap().ends_with(" requests failed"), "{told}");
    let firing = alert(&gateway, "state", "firing").await;
    let listed = says(&gateway, &["alert", "list"]).await;
    assert!(listed.contains("Failing") && listed.contains("critical"), "{listed}");
    let job = ask(&gateway, "/api/v1/jobs?queue=alerts").await;
    assert!(!job["jobs"].as_array().unwrap().is_empty(), "deliveries are jobs: {job}");

    shop.mended();
    let over = || async { messages(&receiver).into_iter().find(|told| told["status"] == "resolved") };
    let over = eventually("its end is told", over).await;
    assert_eq!(over["groupKey"], told["groupKey"]);
    assert_eq!(over["alerts"][0]["startsAt"], first["startsAt"]);
    let resolved = alert(&gateway, "state", "resolved").await;
    assert_eq!(resolved["id"], firing["id"]);
    let keys: Vec<_> = receiver.seen().iter().map(|seen| read(seen)["key"].clone()).collect();
    let unique: std::collections::BTreeSet<_> = keys.iter().map(Value::to_string).collect();
    assert_eq!(keys.len(), unique.len(), "nothing is told twice: {keys:?}");
}

#[tokio::test]
async fn a_killed_process_goes_on_where_it_was() {
    let (shop, receiver) = (Shop::start().await, Upstream::fixed("").await);
    let mut gateway = watched(&shop, &to(&receiver)).await;
    let _traffic = traffic(&gateway);
    eventually("it is told", || async { messages(&receiver).first().cloned() }).await;
    let before = alert(&gateway, "state", "firing").await;
    says(&gateway, &["alert", "ack", before["id"].as_str().unwrap(), "-c", "on it"]).await;
    // a delivery that is not written down yet is made again, which receivers know by its key
    eventually("the delivery is written down", || async {
        let jobs = ask(&gateway, "/api/v1/jobs?queue=alerts").await["jobs"].as_array()?.clone();
        jobs.iter().all(|job| job["state"] == "completed").then_some(())
    })
    .await;
    gateway.signal(Signal::KILL);
    gateway.ended().await;
    gateway.restart("second").await;
    open(&gateway).await;
    let after = alert(&gateway, "state", "firing").await;
    assert_eq!((&after["id"], &after["starts_at"]), (&before["id"], &before["starts_at"]));
    assert_eq!(after["acknowledged"]["comment"], "on it");
    looks(&gateway).await;
    assert_eq!(messages(&receiver).len(), 1, "{:?}", messages(&receiver));
    shop.mended();
    let over = || async { messages(&receiver).into_iter().find(|told| told["status"] == "resolved") };
    eventually("its end is told", over).await;
    assert_eq!(messages(&receiver).len(), 2);
}

#[tokio::test]
async fn what_is_silenced_or_snoozed_is_shown_and_not_told() {
    let (shop, receiver) = (Shop::start().await, Upstream::fixed("").await);
    let gateway = watched(&shop, &to(&receiver)).await;
    let matcher = "alertname=\"Failing\"";
    says(&gateway, &["silence", "add", matcher, "--for", "1h", "-c", "we know"]).await;
    let traffic = traffic(&gateway);
    let silenced = alert(&gateway, "held", "silenced").await;
    looks(&gateway).await;
    assert_eq!(messages(&receiver), Vec::<Value>::new());
    let listed = ask(&gateway, "/api/v1/silences").await;
    let id = listed["silences"][0]["id"].as_str().unwrap().to_owned();
    // somebody is told once it is snoozed no more, and not before
    let alert_id = silenced["id"].as_str().unwrap();
    says(&gateway, &["alert", "snooze", alert_id, "--for", "1h"]).await;
    says(&gateway, &["silence", "expire", &id]).await;
    alert(&gateway, "held", "snoozed").await;
    looks(&gateway).await;
    assert_eq!(messages(&receiver), Vec::<Value>::new());
    drop(traffic);
    let told = ask(&gateway, &format!("/api/v1/alerts/{alert_id}")).await;
    assert!(told.to_string().contains("snooze"), "{told}");
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again() {
    let shop = Shop::start().await;
    let count = Arc::new(AtomicU16::new(0));
    let receiver = Upstream::start(move |_| {
        let status = if count.fetch_add(1, Ordering::Relaxed) == 0 { 503 } else { 200 };
        async move { answer(status, &[], "") }
    })
    .await;
    let gateway = watched(&shop, &to(&receiver)).await;
    let _traffic = traffic(&gateway);
    let told = eventually("it is told again", || async {
        let told = messages(&receiver);
        (told.len() >= 2).then_some(told)
    })
    .await;
    assert_eq!(told[0]["key"], told[1]["key"], "the same message, for receivers to know it by");
}
