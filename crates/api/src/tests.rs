use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use seaworthy_gateway::settings::{Route, Service, Settings};
use seaworthy_gateway::{Gateway, Options};
use seaworthy_telemetry::traces::Tracer;
use tower::ServiceExt;

use super::*;

fn control() -> Control {
    let metrics = Registry::new();
    let upstream = "http://127.0.0.1:9".parse().unwrap();
    let mut service = Service::bare("shop", vec![upstream]);
    service.policies.total_timeout = Some(std::time::Duration::from_secs(1));
    let settings =
        Settings { services: vec![service], routes: vec![Route::everything("shop")], ..Settings::default() };
    let options = Options {
        threads: 1,
        cache_bytes: 1 << 20,
        metrics: metrics.clone(),
        access: None,
        tracer: Tracer::off(),
    };
    let gateway = Arc::new(Gateway::start(settings, options).unwrap());
    Control { gateway, metrics, lifecycle: Lifecycle::default() }
}

async fn ask(control: &Control, method: &str, path: &str, body: &'static str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
    let response = router(control.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn probes_tell_the_phase() {
    let control = control();
    for (phase, live, ready, startup) in
        [(Phase::Starting, 200, 503, 503), (Phase::Ready, 200, 200, 200), (Phase::Draining, 200, 503, 200)]
    {
        control.lifecycle.enter(phase);
        assert_eq!(ask(&control, "GET", "/healthz/live", "").await.0, live, "{phase:?}");
        assert_eq!(ask(&control, "GET", "/healthz/ready", "").await.0, ready, "{phase:?}");
        assert_eq!(ask(&control, "GET", "/healthz/startup", "").await.0, startup, "{phase:?}");
    }
}

#[tokio::test]
async fn policies_show_settings_state_and_effects() {
    let control = control();
    let (status, body) = ask(&control, "GET", "/api/v1/services/shop/policies", "").await;
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &value["service"]), (200, &"shop".into()));
    assert_eq!(value["policies"][0]["kind"], "total_timeout");
    let (status, body) = ask(&control, "GET", "/api/v1/services/nope/policies", "").await;
    assert!(status == 404 && body.contains("\"reason\":\"no_service\""), "{body}");
}

#[tokio::test]
async fn purging_asks_for_one_of_two() {
    let control = control();
    for bad in ["", "{}", "[]", r#"{"path":"/a","tag":"b"}"#, r#"{"path":"a"}"#, r#"{"pth":"/a"}"#] {
        let (status, body) = ask(&control, "POST", "/api/v1/cache/purge", bad).await;
        assert_eq!(status, 400, "{bad}: {body}");
    }
    assert_eq!(
        ask(&control, "POST", "/api/v1/cache/purge", r#"{"path":"/"}"#).await,
        (200, r#"{"purged":0}"#.into())
    );
    assert_eq!(ask(&control, "GET", "/api/v1/cache/purge", "").await.0, 405);
    assert_eq!(ask(&control, "GET", "/nowhere", "").await.0, 404);
}

#[tokio::test]
async fn metrics_are_scraped_and_the_document_is_served() {
    let control = control();
    let (status, body) = ask(&control, "GET", "/metrics", "").await;
    assert!(
        status == 200 && body.contains("seaworthy_policy_effects_total{") && body.ends_with("# EOF\n"),
        "{body}"
    );
    let (status, body) = ask(&control, "GET", "/api/v1/openapi.json", "").await;
    assert!(status == 200 && body.contains("/api/v1/services/{name}/policies"));
}

/// `UPDATE_EXPECT=1 cargo nextest run -p seaworthy-api` writes it anew.
#[test]
fn the_committed_document_is_current() {
    expect_test::expect_file!["../openapi.json"].assert_eq(&openapi());
}
