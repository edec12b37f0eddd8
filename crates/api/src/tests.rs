use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use seaworthy_gateway::settings::{Route, Service, Settings};
use seaworthy_gateway::{Gateway, Options};
use seaworthy_telemetry::traces::Tracer;
use tower::ServiceExt;

use seaworthy_core::Secret;

use super::*;

pub(crate) const TOKEN: &str = "the operator's token";

pub(crate) fn control() -> Control {
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
        stories: None,
    };
    let gateway = Arc::new(Gateway::start(settings, options).unwrap());
    let guard = Guard::new("127.0.0.1:7700".parse().unwrap(), Vec::new(), false);
    Control {
        gateway,
        metrics,
        lifecycle: Lifecycle::default(),
        jobs: JobsDoor::shut(),
        fleet: FleetDoor::shut(),
        guard,
        access: AccessDoor::operator(&Secret::new(TOKEN.to_owned())),
        identity: IdentityDoor::shut(),
        certificates: CertificatesDoor::default(),
        insight: Insight::default(),
    }
}

pub(crate) async fn ask(control: &Control, method: &str, path: &str, body: &'static str) -> (u16, String) {
    ask_with(control, method, path, &[("authorization", &format!("Bearer {TOKEN}"))], body).await
}

async fn ask_with(
    control: &Control,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:7700");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).unwrap();
    answered(router(control.clone()), request).await
}

async fn answered(router: Router, request: Request<Body>) -> (u16, String) {
    let response = router.oneshot(request).await.unwrap();
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
async fn every_problem_links_to_a_page_that_explains_it() {
    let control = control();
    let mut explained = std::collections::BTreeSet::new();
    for (method, path, body) in [
        ("GET", "/nowhere", ""),
        ("GET", "/api/v1/cache/purge", ""),
        ("POST", "/api/v1/cache/purge", "{}"),
        ("GET", "/api/v1/services/nope/policies", ""),
        ("GET", "/.well-known/seaworthy/errors/nonsense", ""),
        ("GET", "/api/v1/jobs", ""),
        ("POST", "/api/v1/cron/explain", r#"{"expression":"* * *"}"#),
    ] {
        let (status, problem) = ask(&control, method, path, body).await;
        let problem: serde_json::Value = serde_json::from_str(&problem).unwrap();
        assert!((400..500).contains(&status) && problem["status"] == status, "{method} {path}: {problem}");
        let (page, heading) = problem["type"].as_str().unwrap().split_once('#').unwrap();
        let (status, text) = ask(&control, "GET", page, "").await;
        assert_eq!(status, 200, "{page}");
        assert!(text.contains(&format!("\n## {heading}\n")), "{page} does not explain {heading}");
        explained.insert(heading.to_owned());
    }
    for reason in [
        "foreign_host",
        "foreign_origin",
        "remote_changes_off",
        "wrong_state",
        "idempotency_mismatch",
        "no_such_object",
        "store_unavailable",
        "store_timed_out",
        "store_failed",
    ] {
        let pages = seaworthy_core::ErrorCode::ALL.map(|code| error_docs::page(code.as_str()).unwrap());
        assert!(
            pages.iter().any(|page| page.contains(&format!("\n## {reason}\n"))),
            "{reason} is not explained"
        );
    }
    assert_eq!(
        Vec::from_iter(explained),
        ["invalid_argument", "jobs_off", "malformed_body", "method_not_allowed", "no_route", "no_service"]
    );
}

/// ASVS 8.2.1, 8.3.1: whatever the document holds answers nobody who shows nothing, or nonsense.
#[tokio::test]
async fn a_crawl_without_a_credential_sees_nothing() {
    let control = control();
    let table = access::Table::of(&serde_json::from_str(&openapi()).unwrap()).unwrap();
    let pages = serde_json::to_value(dashboard::documented().split_for_parts().1).unwrap();
    let table = table.and(access::Table::of(&pages).unwrap());
    let bearer = |token: &str| format!("Bearer {token}");
    let (wrong, cut) = (bearer("nonsense"), bearer(&TOKEN[..TOKEN.len() - 1]));
    let (double, longer) = (bearer(&format!(" {TOKEN}")), bearer(&format!("{TOKEN}.")));
    let basic = format!("Basic {TOKEN}");
    let (mut asked, router) = (0, router(control.clone()));
    for (method, path, needs) in table.rows() {
        let path = path.replace("{id}", "1").replace(['{', '}'], "");
        let wanted = if *needs == access::Needs::Nothing { 0 } else { 401 };
        for credential in ["", &wrong, &cut, &double, &longer, &basic, "Bearer", "Bearer ", TOKEN] {
            let mut request = Request::builder().method(method).uri(&path).header("host", "localhost:7700");
            if !credential.is_empty() {
                request = request.header("authorization", credential);
            }
            let (status, body) = answered(router.clone(), request.body(Body::empty()).unwrap()).await;
            let refused = if status == 429 { 401 } else { status };
            assert!(
                wanted == 0 && status != 401 || refused == wanted,
                "{method} {path} {credential:?}: {status} {body}"
            );
            asked += 1;
        }
    }
    assert!(asked > 500, "{asked}");
    assert_eq!(ask_with(&control, "GET", "/nowhere", &[], "").await.0, 401);
    assert_eq!(ask_with(&control, "TRACE", "/api/v1/jobs", &[], "").await.0, 401);
}

/// A credential that is shown twice is none: two programs could each believe another one.
#[tokio::test]
async fn two_credentials_are_none() {
    let control = control();
    let good = format!("Bearer {TOKEN}");
    let both = [("authorization", good.as_str()), ("authorization", "Bearer other")];
    let (status, body) = ask_with(&control, "GET", "/metrics", &both, "").await;
    assert!(status == 401 && body.contains("credential_malformed"), "{body}");
}

#[tokio::test]
async fn metrics_are_scraped_and_the_document_is_served() {
    let control = control();
    let (status, body) = ask(&control, "GET", "/metrics", "").await;
    assert!(status == 200 && body.contains("# TYPE seaworthy_policy_effects_total counter\n"), "{body}");
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let openmetrics = [("accept", accept), ("authorization", &format!("Bearer {TOKEN}"))];
    let (status, body) = ask_with(&control, "GET", "/metrics", &openmetrics, "").await;
    assert!(status == 200 && body.contains("# TYPE seaworthy_policy_effects counter\n"), "{body}");
    assert!(body.contains("seaworthy_policy_effects_total{") && body.ends_with("# EOF\n"), "{body}");
    let (status, body) = ask(&control, "GET", "/api/v1/openapi.json", "").await;
    assert!(status == 200 && body.contains("/api/v1/services/{name}/policies"));
}

/// `UPDATE_EXPECT=1 cargo nextest run -p seaworthy-api` writes it anew.
#[test]
fn the_committed_document_is_current() {
    expect_test::expect_file!["../openapi.json"].assert_eq(&openapi());
}

/// The shape in the document is written beside the type that reads it: they must name the same fields.
#[test]
fn a_schedules_shape_is_that_of_its_reader() {
    let whole = serde_json::json!({
        "name": "n", "description": "d", "trigger": { "type": "manual" }, "overlap": "skip", "misfire_grace": "1h",
        "catch_up": { "policy": "latest" }, "jitter": "1s", "start": "2026-01-01T00:00:00Z",
        "end": "2027-01-01T00:00:00Z", "max_executions": 1, "max_failures": 3,
        "job": { "kind": "k", "queue": "q", "payload": 1, "priority": 5, "retry": { "max_attempts": 1, "backoff": "fixed",
            "delay": "1s" }, "timeout": "1s", "metadata": { "a": "b" }, "tags": ["t"] },
    });
    let read: seaworthy_jobs::schedule::Definition = serde_json::from_value(whole).unwrap();
    let written = serde_json::to_value(&read).unwrap();
    let document: serde_json::Value = serde_json::from_str(&openapi()).unwrap();
    let shape =
        |name: &str| document["components"]["schemas"][name]["properties"].as_object().unwrap().clone();
    for (name, value) in [("ScheduleDefinition", &written), ("ScheduleJob", &written["job"])] {
        let mut shown: Vec<_> = shape(name).keys().cloned().collect();
        let mut there: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        shown.sort();
        there.sort();
        assert_eq!(shown, there, "{name}");
    }
}

#[tokio::test]
async fn a_guard_stands_before_everything() {
    let control = control();
    let request =
        Request::builder().uri("/healthz/live").header("host", "evil.example").body(Body::empty()).unwrap();
    let response = router(control.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 403);
    let (status, body) = ask(&control, "GET", "/api/v1/jobs", "").await;
    assert!(status == 404 && body.contains("jobs_off"), "{body}");
    let (status, body) = ask(&control, "POST", "/api/v1/cron/explain", r#"{"expression":"0 0 * * *"}"#).await;
    assert!(status == 200 && body.contains("\"words\""), "{body}");
}
