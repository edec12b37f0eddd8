//! Every policy of a route shows what it is set to, its state, and what it did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Gateway, Upstream, answer, exchange};

/// An upstream whose answers may be kept for a minute, until it is told to fail.
async fn switchable() -> (Upstream, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&broken);
    let upstream = Upstream::start(move |_| {
        let status = if state.load(Ordering::Relaxed) { 503 } else { 200 };
        async move { answer(status, &[("cache-control", "max-age=60")], "fine") }
    });
    (upstream.await, broken)
}

#[tokio::test]
async fn the_policies_of_routes_count_what_they_do() {
    let (upstream, broken) = switchable().await;
    let spare = Upstream::start(|_| async { answer(500, &[], "spare") }).await;
    let rest = format!(
        "{}[service.spare]\nupstreams = [\"{}\"]\nretry = false\n\
         [[route]]\npath = \"/cached/{{*rest}}\"\nservice = \"shop\"\ncache = {{}}\n\
         rate_limit = [{{ key = \"header:x-key\", requests = 4, per = \"1h\" }}]\n\
         [[route]]\npath = \"/fixed\"\nservice = \"shop\"\nfallback = {{ status = 203, body = \"later\" }}\n\
         [[route]]\npath = \"/spared\"\nservice = \"shop\"\nfallback = {{ service = \"spare\" }}\n\
         [[route]]\npath = \"/spared\"\nhosts = [\"other.example\"]\nservice = \"shop\"\nfallback = {{ service = \"spare\" }}",
        upstream.service("retry = false\nbreaker = false"),
        spare.url()
    );
    let gateway = Gateway::start(&rest).await;
    let ask = async |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        exchange(gateway.address, method, path, headers, body).await.status.as_u16()
    };
    let mut statuses = Vec::new();
    for path in ["/cached/a", "/cached/a", "/cached/b", "/cached/b", "/cached/a"] {
        statuses.push(ask("GET", path, &[("x-key", "ann")], "").await);
    }
    statuses.push(ask("GET", "/cached/a", &[("x-key", "bob")], "").await);
    assert_eq!(statuses, [200, 200, 200, 200, 429, 200]);
    broken.store(true, Ordering::Relaxed);
    assert_eq!(ask("GET", "/fixed", &[], "").await, 203);
    assert_eq!(ask("GET", "/spared", &[], "").await, 500);
    assert_eq!(ask("GET", "/spared", &[("host", "other.example")], "").await, 500);
    assert_eq!(ask("POST", "/spared", &[], "a body").await, 503);

    let limit = gateway.policy("shop", "keyed_rate_limit").await;
    assert_eq!(
        (&limit["route"], &limit["settings"]["key"]),
        (&json!("/cached/{*rest}"), &json!("header:x-key"))
    );
    assert_eq!(limit["state"], json!({ "keys": 2 }));
    assert_eq!((&limit["effects"]["allowed"], &limit["effects"]["limited"]), (&json!(5), &json!(1)));
    let cache = gateway.policy("shop", "cache").await;
    assert_eq!((&cache["effects"]["miss"], &cache["effects"]["hit"]), (&json!(2), &json!(3)));
    assert_eq!((&cache["effects"]["stored"], &cache["state"]["resources"]), (&json!(2), &json!(2)));
    assert!(cache["state"]["bytes"].as_u64().unwrap() > 1_000, "{cache}");

    let fixed = gateway.policy_of("shop", "fallback", "/fixed").await;
    assert_eq!((&fixed["effects"]["static"], &fixed["settings"]["status"]), (&json!(1), &json!(203)));
    let spared = gateway.policy_of("shop", "fallback", "/spared").await;
    let effects = json!({ "service": 1, "static": 0, "failed_too": 1, "not_replayable": 1 });
    assert_eq!(spared["effects"], effects);

    let policy = async |label: &str| gateway.metric("seaworthy_policy_effects_total{", label).await;
    assert_eq!(policy("effect=\"limited\",key=\"header:x-key\",policy=\"keyed_rate_limit\"").await, 1.0);
    assert_eq!(policy("effect=\"hit\",policy=\"cache\",route=\"/cached/{*rest}\"").await, 3.0);
    // two routes of one template
    assert_eq!(policy("effect=\"service\",policy=\"fallback\",route=\"/spared\"").await, 2.0);
}

#[tokio::test]
async fn what_a_purge_took_and_what_had_no_room_is_counted() {
    let large = vec![b'x'; 100 << 10];
    let upstream = Upstream::start(move |_| {
        let large = large.clone();
        async move { answer(200, &[("cache-control", "max-age=60")], large) }
    });
    let upstream = upstream.await;
    let route = "[[route]]\nservice = \"shop\"\ncache = { object_size = \"200KiB\" }";
    let folder = crate::harness::Folder::new();
    let config = format!("{}{route}", upstream.service(""));
    let gateway = Gateway::with(folder, "cache_size = \"1MiB\"", "", &config).await;
    for n in 0..40 {
        gateway.get(&format!("/{n}")).await;
    }
    let cache = crate::harness::eventually("the cache is within its bound", || async {
        let cache = gateway.policy("shop", "cache").await;
        (cache["state"]["bytes"].as_u64().unwrap() <= 1 << 20).then_some(cache)
    });
    let cache = cache.await;
    let held = cache["state"]["resources"].as_u64().unwrap();
    assert_eq!(cache["effects"]["evicted"].as_u64().unwrap(), 40 - held, "{cache}");
    let order = [("content-type", "application/json")];
    exchange(gateway.control, "POST", "/api/v1/cache/purge", &order, "{\"path\":\"/\"}").await;
    let cache = gateway.policy("shop", "cache").await;
    assert_eq!(cache["state"], json!({ "bytes": 0, "resources": 0 }));
    assert_eq!(cache["effects"]["purged"].as_u64().unwrap(), held);
}

#[tokio::test]
async fn a_reload_keeps_the_counts_of_routes_that_stay() {
    let (upstream, broken) = switchable().await;
    broken.store(true, Ordering::Relaxed);
    let route =
        "[[route]]\npath = \"/a\"\nservice = \"shop\"\nfallback = { status = 203, body = \"later\" }\n";
    let config = format!("{}{route}", upstream.service("retry = false\nbreaker = false"));
    let gateway = Gateway::start(&config).await;
    assert_eq!(gateway.get("/a").await.status, 203);
    gateway.configure(&format!("{config}[[route]]\npath = \"/b\"\nservice = \"shop\"\n"));
    gateway.signal(Signal::HUP);
    gateway.logs("a new configuration is in force").await;
    assert_eq!(gateway.policy("shop", "fallback").await["effects"]["static"], 1);
}
