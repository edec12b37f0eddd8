//! Jobs from the outside: through REST and the command line, through crashes, stops and a database that goes away.

mod crashes;
mod guards;
mod letters;
mod schedules;

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::harness::program::run;
use crate::harness::{Answer, Gateway, Upstream, answer, eventually, exchange};

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// An order to the control API.
pub(crate) async fn order(gateway: &Gateway, method: &str, path: &str, body: &Value) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    exchange(gateway.control, method, path, &[JSON], &text).await
}

/// What the control API answers.
pub(crate) async fn ask(gateway: &Gateway, path: &str) -> Value {
    let answer = exchange(gateway.control, "GET", path, &[], "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// Waits until jobs are to be had.
pub(crate) async fn open(gateway: &Gateway) {
    eventually("jobs are open", || async {
        let answer = exchange(gateway.control, "GET", "/api/v1/jobs", &[], "").await;
        (answer.status == 200).then_some(())
    })
    .await;
}

/// Enqueues a job; its number.
pub(crate) async fn add(gateway: &Gateway, job: &Value) -> i64 {
    let answer = order(gateway, "POST", "/api/v1/jobs", job).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_i64().unwrap()
}

/// Waits until a job is in this state.
pub(crate) async fn comes_to(gateway: &Gateway, id: i64, state: &str) -> Value {
    eventually(&format!("job {id} is {state}"), || async {
        // between a restart's beginning and its end nobody answers
        let answer = exchange(gateway.control, "GET", &format!("/api/v1/jobs/{id}"), &[], "").await;
        let job = (answer.status == 200).then(|| answer.json())?;
        (job["state"] == state).then_some(job)
    })
    .await
}

/// The command line, towards this gateway.
pub(crate) async fn cli(gateway: &Gateway, args: &[&str]) -> Output {
    let control = format!("--control={}", gateway.control);
    let token = format!("--token-file={}", gateway.folder.path("seaworthy.token").display());
    let mut all = vec![args[0], &control, &token];
    all.extend(&args[1..]);
    run(env!("CARGO_BIN_EXE_seaworthy"), &all).await
}

/// What it printed, having succeeded.
pub(crate) async fn says(gateway: &Gateway, args: &[&str]) -> String {
    let output = cli(gateway, args).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

/// A call of the upstream.
pub(crate) fn call(upstream: &Upstream, path: &str) -> Value {
    json!({ "kind": "http", "payload": { "url": format!("{}{path}", upstream.url()), "json": { "n": 1 } } })
}

/// How often each idempotency key was seen.
pub(crate) fn keys(upstream: &Upstream) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    for seen in upstream.seen() {
        *keys.entry(seen.header("idempotency-key").to_owned()).or_insert(0) += 1;
    }
    keys
}

#[tokio::test]
async fn a_job_calls_the_service_and_its_life_is_seen() {
    let count = Arc::new(AtomicU32::new(0));
    let upstream = Upstream::start(move |_| {
        let status = if count.fetch_add(1, Ordering::Relaxed) == 0 { 503 } else { 200 };
        async move { answer(status, &[], "thanks") }
    })
    .await;
    let gateway = Gateway::start(&format!("{}[jobs]\n", upstream.service(""))).await;
    open(&gateway).await;
    let mut job = call(&upstream, "/reports");
    job["retry"] = json!({ "max_attempts": 3, "backoff": "fixed", "delay": "10ms", "jitter": 0.0 });
    job["metadata"] = json!({ "for": "ann" });
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [JSON, ("traceparent", trace)];
    let accepted = exchange(gateway.control, "POST", "/api/v1/jobs", &headers, &job.to_string()).await;
    let id = accepted.json()["id"].as_i64().unwrap();
    assert_eq!(
        (accepted.status.as_u16(), accepted.header("location")),
        (201, &*format!("/api/v1/jobs/{id}"))
    );
    let done = comes_to(&gateway, id, "completed").await;
    assert_eq!((&done["attempt"], &done["status"]), (&json!(2), &json!("completed")));
    assert_eq!(done["result"], json!({ "status": 200, "body": "thanks" }));
    assert_eq!(done["attempts"][0]["error"]["code"], "http_503");
    assert_eq!(done["metadata"], json!({ "for": "ann" }));
    let seen = upstream.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/reports"));
    assert_eq!(seen[0].body, r#"{"n":1}"#);
    assert!(seen[0].header("traceparent").contains("0af7651916cd43dd8448eb211c80319c"), "the trace goes on");
    assert_eq!(keys(&upstream).into_values().collect::<Vec<_>>(), [2], "one key for both attempts");
    let shown = says(&gateway, &["job", "show", &id.to_string()]).await;
    assert!(shown.contains("completed") && shown.contains("http_503"), "{shown}");
    let listed = says(&gateway, &["job", "list", "--state", "completed"]).await;
    assert!(listed.starts_with("ID  ") && listed.contains(&id.to_string()), "{listed}");
    let queues = says(&gateway, &["queue", "list", "--json"]).await;
    assert!(serde_json::from_str::<Value>(&queues).unwrap()["queues"].is_array());
    let attempts = eventually("the metrics know it", || async {
        let attempts = gateway.metric("jobs_attempts_total", "completed").await;
        (attempts > 0.0).then_some(attempts)
    });
    assert!((attempts.await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn programs_run_and_what_they_say_is_kept() {
    let gateway = Gateway::start(
        "[jobs]\n[command.greet]\nprogram = \"/bin/sh\"\narguments = [\"-c\", \"echo hello $0; echo oh >&2\"]\n\
         accepts_arguments = true\n[command.fail]\nprogram = \"/bin/false\"\n\
         [service.none]\nupstreams = [\"http://127.0.0.1:9\"]",
    )
    .await;
    open(&gateway).await;
    let payload = r#"{"command": "greet", "arguments": ["world"]}"#;
    let watched = says(&gateway, &["job", "add", "command", payload, "--watch", "--tag", "t"]).await;
    assert!(watched.contains("completed"), "{watched}");
    let id: Vec<Value> = ask(&gateway, "/api/v1/jobs").await["jobs"].as_array().unwrap().clone();
    let id = id[0]["id"].to_string();
    let shown: Value = serde_json::from_str(&says(&gateway, &["job", "show", &id, "--json"]).await).unwrap();
    let said = (&shown["result"]["stdout"], &shown["result"]["stderr"]);
    assert_eq!(said, (&json!("hello world\n"), &json!("oh\n")), "{shown}");
    assert_eq!(shown["tags"], json!(["t"]));
    let failed =
        cli(&gateway, &["job", "add", "command", r#"{"command":"fail"}"#, "--attempts=1", "--watch"]).await;
    let shown = String::from_utf8(failed.stdout).unwrap();
    assert!(!failed.status.success() && shown.contains("discarded"), "{shown}");
    let unknown = cli(&gateway, &["job", "add", "command", r#"{"command":"rm"}"#, "--watch"]).await;
    assert!(!unknown.status.success(), "nothing is run that was not declared");
}

#[tokio::test]
async fn a_repeated_request_adds_nothing() {
    let upstream = Upstream::fixed("ok").await;
    let gateway = Gateway::start(&format!("{}[jobs]\n", upstream.service(""))).await;
    open(&gateway).await;
    let body = call(&upstream, "/once").to_string();
    let send = |key: &'static str, body: String| {
        let control = gateway.control;
        async move { exchange(control, "POST", "/api/v1/jobs", &[JSON, ("idempotency-key", key)], &body).await }
    };
    let answers = futures_util::future::join_all((0..20).map(|_| send("k1", body.clone()))).await;
    let ids: std::collections::BTreeSet<i64> =
        answers.iter().map(|answer| answer.json()["id"].as_i64().unwrap()).collect();
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!((ids.len(), created), (1, 1));
    assert_eq!(send("k1", call(&upstream, "/other").to_string()).await.reason(), "idempotency_mismatch");
    assert_eq!(send("k2", body.clone()).await.status, 201);
    // a unique key is another thing: it is the job's, and holds for everybody
    let mut unique = call(&upstream, "/unique");
    unique["unique"] = json!({ "key": "u", "for": "1h" });
    let sends = (0..50).map(|_| order(&gateway, "POST", "/api/v1/jobs", &unique));
    let answers = futures_util::future::join_all(sends).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.json()["duplicate"] == true).count(), 49);
}

#[tokio::test]
async fn queues_are_paused_and_limited() {
    let upstream = Upstream::fixed("ok").await;
    let rest = format!("{}[queue.default]\nmax_running = 3\n[queue.slow]\nworkers = 1", upstream.service(""));
    let gateway = Gateway::start(&rest).await;
    open(&gateway).await;
    says(&gateway, &["queue", "pause", "default"]).await;
    let jobs: Vec<Value> = (0..5).map(|_| call(&upstream, "/later")).collect();
    let bulk = order(&gateway, "POST", "/api/v1/jobs/bulk", &json!({ "jobs": jobs })).await;
    assert_eq!(bulk.status, 201, "{}", bulk.text());
    let queue = ask(&gateway, "/api/v1/queues/default").await;
    assert_eq!(
        (&queue["paused"], &queue["max_running"], &queue["depth"]["available"]),
        (&json!(true), &json!(3), &json!(5))
    );
    // the file's limits come back with a reload; that somebody paused it stays
    gateway.configure(&rest.replace("max_running = 3", "max_running = 4"));
    gateway.logs("a new configuration is in force").await;
    eventually("the new limit holds", || async {
        let queue = ask(&gateway, "/api/v1/queues/default").await;
        (queue["max_running"] == 4 && queue["paused"] == true).then_some(())
    })
    .await;
    assert!(upstream.seen().is_empty(), "nothing of a paused queue is begun");
    says(&gateway, &["queue", "resume", "default"]).await;
    eventually("all have run", || async { (upstream.seen().len() == 5).then_some(()) }).await;
    let limited = says(&gateway, &["queue", "limit", "slow", "--rate", "10/1s", "--burst", "2"]).await;
    assert!(limited.contains("10 per 1s"), "{limited}");
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let gateway =
        Gateway::start("[jobs]\nwork = false\n[service.none]\nupstreams = [\"http://127.0.0.1:9\"]").await;
    open(&gateway).await;
    let jobs: Vec<Value> = (0..7).map(|n| json!({ "kind": "mine", "payload": n })).collect();
    order(&gateway, "POST", "/api/v1/jobs/bulk", &json!({ "jobs": jobs })).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ask(&gateway, &format!("/api/v1/jobs?limit=3&kind=mine{cursor}")).await;
        seen.extend(page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!((seen.len(), &sorted), (7, &seen), "each once, newest first");
}

#[tokio::test]
async fn nonsense_is_refused_with_its_reason() {
    let gateway =
        Gateway::start("[jobs]\nwork = false\n[service.none]\nupstreams = [\"http://127.0.0.1:9\"]").await;
    open(&gateway).await;
    let deep = format!(r#"{{"kind":"x","payload":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let huge = format!(r#"{{"kind":"x","payload":"{}"}}"#, "a".repeat(2 << 20));
    for (body, reason) in [
        ("", "malformed_body"),
        ("not json", "malformed_body"),
        ("{\"kind\":\"\u{1}\"}", "malformed_body"),
        ("{}", "malformed_body"),
        (r#"{"kind":"x","knd":1}"#, "malformed_body"),
        (r#"{"kind":""}"#, "invalid_argument"),
        (r#"{"kind":"x","priority":11}"#, "invalid_argument"),
        (r#"{"kind":"x","run_at":"tomorrow"}"#, "invalid_argument"),
        (r#"{"kind":"x","delay":"-1s"}"#, "invalid_argument"),
        (r#"{"kind":"x","delay":"1s","run_at":"2026-11-21T00:00:00Z"}"#, "invalid_argument"),
        (r#"{"kind":"x","depends_on":{"jobs":[]}}"#, "invalid_argument"),
        (r#"{"kind":"x","depends_on":{"jobs":[1],"mode":"some"}}"#, "invalid_argument"),
        (r#"{"kind":"x","retry":{"max_attempts":0,"backoff":"fixed","delay":"1s"}}"#, "invalid_argument"),
        (&deep, "invalid_argument"),
        (&huge, "invalid_argument"),
    ] {
        let answer = exchange(gateway.control, "POST", "/api/v1/jobs", &[JSON], body).await;
        let head: String = body.chars().take(60).collect();
        assert_eq!(
            (answer.status.as_u16(), answer.reason().as_str()),
            (400, reason),
            "{head}: {}",
            answer.text()
        );
    }
    let not_utf8 = [&b"{\"kind\":\"x\",\"payload\":\""[..], &[0xff, 0xfe], b"\"}"].concat();
    let file = gateway.folder.write("bytes", not_utf8);
    let url = format!("http://{}/api/v1/jobs", gateway.control);
    let data = format!("@{}", file.display());
    let authorization = format!("authorization: Bearer {}", gateway.folder_text("seaworthy.token").trim());
    let said = crate::harness::program::curl(&[
        "--data-binary",
        &data,
        "-H",
        "content-type: application/json",
        "-H",
        &authorization,
        &url,
    ])
    .await;
    assert!(said.contains("malformed_body"), "{said}");
    for path in ["/api/v1/jobs/x", "/api/v1/jobs/77", "/api/v1/jobs/77/logs", "/api/v1/batches/5"] {
        assert_eq!(
            exchange(gateway.control, "GET", path, &[], "").await.reason(),
            "no_such_object",
            "{path}"
        );
    }
    for path in
        ["/api/v1/jobs?state=done", "/api/v1/jobs?limit=0", "/api/v1/jobs?cursor=x", "/api/v1/jobs?stat=x"]
    {
        assert_eq!(
            exchange(gateway.control, "GET", path, &[], "").await.reason(),
            "invalid_argument",
            "{path}"
        );
    }
    let many = json!({ "jobs": vec![json!({ "kind": "x" }); 10_001] });
    assert_eq!(order(&gateway, "POST", "/api/v1/jobs/bulk", &many).await.reason(), "invalid_argument");
    let queue = ask(&gateway, "/api/v1/queues").await;
    assert_eq!(queue["queues"], json!([]), "nothing was half-written");
}
