//! Whatever a name, a payload or a reason holds, it is shown and does nothing.

use std::sync::Arc;

use seaworthy_gateway::settings::{Route, Service, Settings};
use seaworthy_gateway::{Gateway, Options};
use seaworthy_jobs::dead::ImportOptions;
use seaworthy_jobs::{Jobs, NewJob};
use seaworthy_store::{Options as StoreOptions, Store};
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::traces::Tracer;

use super::*;
use crate::{JobsDoor, JobsState, OpenJobs};

const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}'&amp;";

/// Services whose names are not meant to be shown.
fn with_service(name: &str) -> Control {
    let metrics = Registry::new();
    let upstream = "http://127.0.0.1:9".parse().unwrap();
    let service = Service::bare(name, vec![upstream]);
    let settings =
        Settings { services: vec![service], routes: vec![Route::everything(name)], ..Settings::default() };
    let options = Options {
        threads: 1,
        cache_bytes: 1 << 20,
        metrics: metrics.clone(),
        access: None,
        tracer: Tracer::off(),
        stories: None,
    };
    let gateway = Arc::new(Gateway::start(settings, options).unwrap());
    Control { gateway, metrics, ..control() }
}

fn is_harmless(page: &str, path: &str) {
    assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}: {page}");
    assert!(!page.contains('\u{202e}'), "{path}: what turns writing around is shown as what it is");
    assert!(page.len() < 200_000, "{path}: {} bytes", page.len());
}

#[tokio::test]
async fn names_of_services_are_text() {
    for name in [EVIL.to_owned(), "a/b?c#d%2f".to_owned(), "x".repeat(10_000)] {
        let control = with_service(&name);
        let mut tab = Tab::of_operator(&control).await;
        let page = tab.page("/dashboard").await;
        is_harmless(&page, "/dashboard");
        let link = format!("/dashboard/services/{}", super::super::text::segment(&name));
        assert!(page.contains(&format!("href=\"{link}\"")), "{page}");
        let page = tab.page(&link).await;
        is_harmless(&page, &link);
    }
}

async fn with_jobs(folder: &str) -> (Control, OpenJobs) {
    let url = seaworthy_core::Secret::new(format!("sqlite://{folder}/jobs.db"));
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    let open =
        OpenJobs::new(Jobs::open(store, seaworthy_jobs::Settings::default()).await.unwrap()).await.unwrap();
    let state = tokio::sync::watch::channel(JobsState::Open(open.clone())).1;
    let jobs = JobsDoor::new(state, tokio::sync::watch::channel(Vec::new()).1);
    (Control { jobs, ..control() }, open)
}

#[tokio::test]
async fn what_jobs_bring_is_text() {
    let folder = std::env::temp_dir().join(format!("dashboard-hostile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (control, open) = with_jobs(folder.to_str().unwrap()).await;
    let long = format!("{EVIL}{}", "y".repeat(10_000));
    let mut ids = Vec::new();
    for text in [EVIL, &long] {
        let job = NewJob::new("http", &serde_json::json!({ "text": text }))
            .queue("q")
            .metadata("for", EVIL)
            .tag("<b>");
        ids.push(open.jobs.enqueue(job).await.unwrap().id);
    }
    let line = serde_json::json!({
        "original_message": { "text": long }, "original_queue": "q", "error": long, "timestamp": "2026-01-01T00:00:00Z",
        "retry_count": 3,
    });
    let mut import =
        open.dead.import(ImportOptions { kind: Some("http".into()), ..ImportOptions::default() });
    import.push(format!("{line}\n").as_bytes()).await.unwrap();
    let done = import.finish().await.unwrap();
    assert_eq!(done.imported, 1, "{done:?}");
    let letter = open.dead.list(&Default::default(), None, 10).await.unwrap()[0].id;
    open.dead.park(letter, EVIL).await.unwrap();
    open.dead.edit(letter, serde_json::json!({ "x": EVIL }).to_string(), EVIL).await.unwrap();

    let mut tab = Tab::of_operator(&control).await;
    let mut paths =
        vec!["/dashboard".to_owned(), "/dashboard/jobs".into(), "/dashboard/dead-letters?parked=only".into()];
    paths.extend(ids.iter().map(|id| format!("/dashboard/jobs/{id}")));
    paths.push(format!("/dashboard/dead-letters/{letter}"));
    let evil = super::super::text::segment(EVIL);
    for name in ["queue", "signature", "kind", "state", "cursor", "parked"] {
        paths.push(format!("/dashboard/jobs?{name}={evil}"));
        paths.push(format!("/dashboard/dead-letters?{name}={evil}"));
    }
    for path in paths {
        let page = tab.page(&path).await;
        is_harmless(&page, &path);
    }
    let page = tab.page(&format!("/dashboard/dead-letters/{letter}")).await;
    assert!(page.contains("data-path=\"/api/v1/dead-letters/") && page.contains("Unpark"), "{page}");
    let page = tab.page("/dashboard/jobs").await;
    assert!(page.contains("data-path=\"/api/v1/queues/q/pause\""), "{page}");
    open.jobs.store().close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_store_that_is_away_leaves_the_rest_of_a_page() {
    let state = tokio::sync::watch::channel(JobsState::Opening("connection refused".into())).1;
    let jobs = JobsDoor::new(state, tokio::sync::watch::channel(Vec::new()).1);
    let control = Control { jobs, ..control() };
    let mut tab = Tab::of_operator(&control).await;
    assert!(tab.page("/dashboard").await.contains("/dashboard/services/shop"));
    for path in ["/dashboard/jobs", "/dashboard/dead-letters"] {
        let page = tab.page(path).await;
        assert!(page.contains("Not to be had now") && page.contains("connection refused"), "{page}");
    }
}
