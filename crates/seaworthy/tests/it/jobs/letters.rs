//! Dead letters through the command line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{add, ask, call, cli, comes_to, open, says};
use crate::harness::{Gateway, Upstream, answer, eventually};

/// A service that is broken until it is mended.
async fn broken() -> (Upstream, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&mended);
    let upstream = Upstream::start(move |_| {
        let status = if state.load(Ordering::Relaxed) { 200 } else { 422 };
        async move { answer(status, &[], "no") }
    });
    (upstream.await, mended)
}

#[tokio::test]
async fn what_failed_for_good_is_understood_mended_and_brought_back() {
    let (upstream, mended) = broken().await;
    let gateway = Gateway::start(&format!("{}[jobs]\n", upstream.service(""))).await;
    open(&gateway).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(add(&gateway, &call(&upstream, "/orders")).await);
    }
    for id in &ids {
        comes_to(&gateway, *id, "discarded").await;
    }
    let groups: Value =
        serde_json::from_str(&says(&gateway, &["dead-letter", "groups", "--json"]).await).unwrap();
    assert_eq!((groups["groups"].as_array().unwrap().len(), &groups["groups"][0]["count"]), (1, &json!(5)));
    let first = ids[0].to_string();
    let body = json!({ "url": format!("{}/mended", upstream.url()), "method": "POST" }).to_string();
    says(&gateway, &["dead-letter", "edit", &first, &body, "--editor", "ann"]).await;
    let shown = says(&gateway, &["dead-letter", "show", &first]).await;
    assert!(shown.contains("ann") && shown.contains("/mended") && shown.contains("http_422"), "{shown}");
    let parked = ids[4].to_string();
    says(&gateway, &["dead-letter", "park", &parked, "--reason", "asks a lawyer"]).await;

    mended.store(true, Ordering::Relaxed);
    says(&gateway, &["dead-letter", "replay", &first]).await;
    comes_to(&gateway, ids[0], "completed").await;
    assert!(upstream.seen().iter().any(|seen| seen.target == "/mended"), "with its new arguments");
    let sample = says(&gateway, &["dead-letter", "replay", "--sample", "1"]).await;
    assert_eq!(sample, "1 are back\n");
    let begun = says(&gateway, &["dead-letter", "redrive", "--rate", "100/1s", "--asked-by", "ann"]).await;
    assert!(begun.contains("brings 2 back") || begun.contains("brings 3 back"), "{begun}");
    for id in &ids[1..4] {
        comes_to(&gateway, *id, "completed").await;
    }
    eventually("the redrive is done", || async {
        let all = ask(&gateway, "/api/v1/dead-letters/redrives").await;
        (all["redrives"][0]["state"] == "done").then_some(())
    })
    .await;
    assert_eq!(comes_to(&gateway, ids[4], "discarded").await["parked"], "asks a lawyer");
    let twice = cli(&gateway, &["dead-letter", "replay", &first]).await;
    assert!(!twice.status.success(), "it is no dead letter any more");
}

#[tokio::test]
async fn letters_leave_and_come_as_files() {
    let (upstream, mended) = broken().await;
    let gateway = Gateway::start(&format!("{}[jobs]\n", upstream.service(""))).await;
    open(&gateway).await;
    for _ in 0..3 {
        let id = add(&gateway, &call(&upstream, "/orders")).await;
        comes_to(&gateway, id, "discarded").await;
    }
    let file = gateway.folder.path("letters.jsonl");
    let file = file.to_str().unwrap();
    says(&gateway, &["dead-letter", "export", "--output", file]).await;
    let lines = std::fs::read_to_string(file).unwrap();
    assert_eq!(lines.lines().count(), 3);
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    for field in ["original_message", "original_queue", "error", "timestamp", "retry_count"] {
        assert!(line.get(field).is_some(), "{field}: {line}");
    }
    let purged = says(&gateway, &["dead-letter", "purge", "--yes"]).await;
    assert_eq!(purged, "3 removed\n");
    // twice: what is there already is not doubled
    assert!(
        says(&gateway, &["dead-letter", "import", file]).await.starts_with("3 imported, 0 there already")
    );
    assert!(
        says(&gateway, &["dead-letter", "import", file]).await.starts_with("0 imported, 3 there already")
    );
    mended.store(true, Ordering::Relaxed);
    says(&gateway, &["dead-letter", "replay", "--sample", "10"]).await;
    eventually("all are done", || async {
        let done = ask(&gateway, "/api/v1/jobs?state=completed").await;
        (done["jobs"].as_array().unwrap().len() == 3).then_some(())
    })
    .await;
    // another system's lines, and lines that are none
    let foreign = json!({ "original_message": { "url": upstream.url() }, "original_queue": "default", "error": "timeout",
        "timestamp": "2026-11-20T08:00:00Z", "retry_count": 3 });
    let theirs = gateway.folder.write("theirs.jsonl", format!("{foreign}\n"));
    let said = says(&gateway, &["dead-letter", "import", theirs.to_str().unwrap(), "--kind", "http"]).await;
    assert!(said.starts_with("1 imported"), "{said}");
    let bad = gateway.folder.write("bad.jsonl", "{}\nnot json\n");
    let refused = cli(&gateway, &["dead-letter", "import", bad.to_str().unwrap(), "--kind", "http"]).await;
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(!refused.status.success() && said.contains("line 1:") && said.contains("line 2:"), "{said}");
}
