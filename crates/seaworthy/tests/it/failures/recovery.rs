//! Ways around a failing upstream: the breaker, fallbacks, stale answers, another upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::load::{After, Load};
use crate::harness::program::Script;
use crate::harness::{Gateway, Upstream, answer, eventually, exchange, free_address, get};

/// An upstream that can be switched to failure.
async fn switchable() -> (Upstream, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let upstream = Upstream::start(move |_| {
        let broken = switch.load(Ordering::Relaxed);
        async move { if broken { answer(500, &[], "broken") } else { answer(200, &[], "fine") } }
    })
    .await;
    (upstream, broken)
}

#[tokio::test]
async fn a_breaker_opens_and_closes_again() {
    let (upstream, broken) = switchable().await;
    let settings =
        "retry = false\nbreaker = { consecutive_failures = 3, open_for = \"700ms\", open_max = \"1s\" }";
    let gateway = Gateway::start(&upstream.service(settings)).await;
    broken.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(gateway.get("/").await.status, 500);
    }
    let refused = gateway.get("/").await;
    assert_eq!((refused.status.as_u16(), refused.reason().as_str()), (503, "breaker_open"));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.json()["code"], "unavailable");
    assert_eq!(upstream.count(), 3, "an open breaker let a request through");
    let policy = gateway.policy("shop", "breaker").await;
    assert_eq!(policy["state"]["phase"], "open", "{policy}");
    let services = get(gateway.control, "/api/v1/services").await.unwrap().json();
    let endpoint = &services["services"][0]["endpoints"][0];
    assert_eq!((&endpoint["breaker"], &endpoint["ejected"]), (&"open".into(), &false.into()), "{services}");
    gateway.logs("circuit breaker opened").await;
    assert!(gateway.metric("seaworthy_policy_effects_total", "policy=\"breaker\"").await >= 1.0);

    // still broken: the probe fails and it stays open
    eventually("a probe is let through", || async { (gateway.get("/").await.status == 500).then_some(()) })
        .await;
    assert_eq!(gateway.get("/").await.reason(), "breaker_open");
    broken.store(false, Ordering::Relaxed);
    eventually("the breaker closes", || async { (gateway.get("/").await.text() == "fine").then_some(()) })
        .await;
    eventually("the state is closed", || async {
        gateway.get("/").await;
        (gateway.policy("shop", "breaker").await["state"]["phase"] == "closed").then_some(())
    })
    .await;
    gateway.logs("circuit breaker closed").await;
}

#[tokio::test]
async fn an_ejected_endpoint_is_shown_by_its_address_and_comes_back() {
    let (bad, broken) = switchable().await;
    broken.store(true, Ordering::Relaxed);
    let good = Upstream::fixed("fine").await;
    let config = format!(
        "[service.shop]\nupstreams = [\"{}\", \"{}\"]\nretry = false\nbreaker = false\n\
         outlier = {{ consecutive = 2, base = \"3s\", max = \"3s\" }}",
        bad.url(),
        good.url()
    );
    let gateway = Gateway::start(&config).await;
    eventually("it is ejected, and shown", || async {
        gateway.get("/").await;
        let services = get(gateway.control, "/api/v1/services").await.unwrap().json();
        let ejected = |at: usize| services["services"][0]["endpoints"][at]["ejected"] == true;
        let shown = gateway.policy("shop", "outlier").await["state"]["ejected"][0]["endpoint"].clone();
        (ejected(0) && !ejected(1) && shown == bad.url()).then_some(())
    })
    .await;
    assert!(gateway.log().contains("endpoint was ejected after repeated failures"), "{}", gateway.log());
    gateway.logs("the ejection of an endpoint is over").await;
}

#[tokio::test]
async fn a_fixed_answer_stands_in() {
    let (upstream, broken) = switchable().await;
    let fallback = "[[route]]\nservice = \"shop\"\n\
        fallback = { status = 203, content_type = \"application/json\", body = '{\"items\":[]}' }";
    let config = format!("{}{fallback}", upstream.service("retry = false\nbreaker = false"));
    let gateway = Gateway::start(&config).await;
    assert_eq!(gateway.get("/").await.text(), "fine");
    broken.store(true, Ordering::Relaxed);
    let got = gateway.get("/").await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (203, "{\"items\":[]}"));
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("x-seaworthy-fallback"), "static");
    assert_eq!(gateway.policy("shop", "fallback").await["effects"]["static"], 1);
}

#[tokio::test]
async fn another_service_stands_in() {
    let spare =
        Upstream::start(|seen| async move { answer(200, &[], format!("spare {}", seen.target)) }).await;
    let down = free_address();
    let config = format!(
        "[service.shop]\nupstreams = [\"http://{down}\"]\nretry = false\n\
         [service.spare]\nupstreams = [\"{}\"]\n\
         [[route]]\nservice = \"shop\"\nfallback = {{ service = \"spare\" }}",
        spare.url()
    );
    let gateway = Gateway::start(&config).await;
    let got = gateway.get("/x?y=1").await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (200, "spare /x?y=1"));
    assert_eq!(got.header("x-seaworthy-fallback"), "service");
}

#[tokio::test]
async fn a_stale_copy_is_better_than_an_error() {
    let (upstream, broken) = switchable().await;
    let route = "[[route]]\nservice = \"shop\"\ncache = { default_ttl = \"1s\", stale_if_error = \"1m\" }";
    let config = format!("{}{route}", upstream.service("retry = false\nbreaker = false"));
    let gateway = Gateway::start(&config).await;
    assert_eq!(gateway.get("/a").await.text(), "fine");
    broken.store(true, Ordering::Relaxed);
    let stale = eventually("the copy is stale", || async {
        let got = gateway.get("/a").await;
        got.header("cache-status").contains("detail=service-failed").then_some(got)
    })
    .await;
    assert_eq!((stale.status.as_u16(), stale.text().as_str()), (200, "fine"));
    assert!(stale.header("age").parse::<u32>().unwrap() >= 1);
    assert_eq!(exchange(gateway.address, "HEAD", "/a", &[], "").await.status, 200);
    assert_eq!(gateway.get("/b").await.status, 500, "there is no copy of this one");
}

#[tokio::test]
async fn a_killed_upstream_costs_no_request() {
    let mut servers = Vec::new();
    for name in ["one", "two"] {
        let mut server = Script::start("plain_server.py", &[name]);
        let port = server.line().await;
        servers.push((server, port));
    }
    let urls: Vec<_> = servers.iter().map(|(_, port)| format!("\"http://127.0.0.1:{port}\"")).collect();
    let gateway = Gateway::start(&format!("[service.shop]\nupstreams = [{}]", urls.join(", "))).await;
    let load = Load::start(gateway.address, "/", 8, After::Reconnect);
    load.more(500).await;
    servers[0].0.kill().await;
    load.more(2_000).await;
    let (good, failures) = load.finish().await;
    assert!(failures.is_empty() && good >= 2_500, "{} of {good}: {failures:?}", failures.len());
    let log = gateway.log();
    let first = format!("endpoint=http://127.0.0.1:{}", servers[0].1);
    assert!(log.contains(&first), "the killed upstream never had any traffic");
    assert!(log.contains("attempts=2"), "nothing was tried again: the kill came too late");
}
