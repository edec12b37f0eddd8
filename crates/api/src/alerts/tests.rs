use std::sync::Arc;

use seaworthy_alerts::Settings;
use seaworthy_core::SystemClock;
use seaworthy_jobs::executor::http::{Addresses, Direct};
use seaworthy_telemetry::history::History;
use serde_json::Value;

use super::*;
use crate::tests::{ask, control};

/// Alerts without a database: what people do cannot be kept, what others send is taken.
fn watched() -> Control {
    let mut control = control();
    let history = History::new(&control.metrics, seaworthy_telemetry::history::Settings::default());
    let (transport, clock) = (Arc::new(Direct::new(Addresses::Any)), Arc::new(SystemClock));
    let alerts =
        Alerts::new(Settings::default(), Arc::new(history), transport, clock, &control.metrics).unwrap();
    control.insight.alerts = Some(alerts);
    control
}

async fn json(control: &Control, path: &str) -> Value {
    let (status, body) = ask(control, "GET", path, "").await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Three alerts, one of which is over.
const POSTED: &str = r#"[
    {"labels":{"alertname":"Slow","severity":"critical","team":"a,b"},"annotations":{"summary":"x"},
     "startsAt":"2025-11-21T13:20:00Z","generatorURL":"http://prometheus/graph"},
    {"labels":{"alertname":"Full"}},
    {"labels":{"alertname":"Late","severity":"info"}}]"#;
const OVER: &str = r#"[{"labels":{"alertname":"Late","severity":"info"},"endsAt":"2025-11-21T13:20:00Z"}]"#;

#[tokio::test]
async fn what_a_prometheus_posts_is_listed_filtered_and_paged() {
    let control = watched();
    assert_eq!(ask(&control, "POST", "/api/v2/alerts", POSTED).await.0, 200);
    assert_eq!(ask(&control, "POST", "/api/v2/alerts", OVER).await.0, 200);
    let names = |page: &Value| {
        let all = page["alerts"].as_array().unwrap().iter();
        all.map(|alert| alert["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", vec!["Full", "Slow", "Late"]),
        ("?state=firing", vec!["Full", "Slow"]),
        ("?state=resolved", vec!["Late"]),
        ("?severity=critical", vec!["Slow"]),
        ("?severity=warning", vec!["Full"]),
        ("?matchers=team%3D%22a,b%22", vec!["Slow"]),
        ("?matchers=%7Balertname%3D~%22S.*%22,severity!%3Dinfo%7D", vec!["Slow"]),
        ("?matchers=alertname%3Dnone", vec![]),
    ] {
        assert_eq!(names(&json(&control, &format!("/api/v1/alerts{query}")).await), expected, "{query}");
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = json(&control, &format!("/api/v1/alerts?limit=1{next}")).await;
        seen.extend(names(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(seen, ["Full", "Slow", "Late"]);
    let first = json(&control, "/api/v1/alerts?severity=critical").await["alerts"][0].clone();
    let whole = json(&control, &format!("/api/v1/alerts/{}", first["id"].as_str().unwrap())).await;
    assert_eq!(whole["transitions"][0]["change"], "fired");
    assert_eq!((&whole["source"], &whole["starts_at"]), (&"external".into(), &"2025-11-21T13:20:00Z".into()));
    assert!(first["transitions"].is_null());

    let there = json(&control, "/api/v2/alerts?filter=alertname%3DSlow&active=true").await;
    assert_eq!(
        (there.as_array().unwrap().len(), &there[0]["generatorURL"]),
        (1, &"http://prometheus/graph".into())
    );
    assert_eq!(there[0]["status"]["state"], "active");
    assert_eq!(json(&control, "/api/v2/alerts?active=false").await, Value::Array(Vec::new()));
    assert_eq!(json(&control, "/api/v2/status").await["cluster"]["status"], "disabled");
    // that one of them is over has not been told yet
    assert_eq!(json(&control, "/api/v1/alert-groups").await["groups"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_reason() {
    let control = watched();
    assert_eq!(ask(&control, "POST", "/api/v2/alerts", POSTED).await.0, 200);
    let id = json(&control, "/api/v1/alerts").await["alerts"][0]["id"].as_str().unwrap().to_owned();
    let at = |word: &str| format!("/api/v1/alerts/{id}/{word}");
    let silence = r#"{"matchers":["a=b"],"duration":"1h","comment":"x"}"#;
    for (method, path, body, status, reason) in [
        ("GET", "/api/v1/alerts?state=odd".to_owned(), "", 400, "invalid_argument"),
        ("GET", "/api/v1/alerts?severity=odd".to_owned(), "", 400, "invalid_argument"),
        ("GET", "/api/v1/alerts?matchers=a".to_owned(), "", 400, "invalid_argument"),
        ("GET", "/api/v1/alerts?cursor=2~1~x".to_owned(), "", 400, "invalid_argument"),
        ("GET", "/api/v1/alerts?limit=0".to_owned(), "", 400, "invalid_argument"),
        ("GET", "/api/v1/alerts/none".to_owned(), "", 404, "no_such_object"),
        ("POST", "/api/v1/alerts/none/acknowledge".to_owned(), "", 404, "no_such_object"),
        ("POST", at("acknowledge"), "[]", 400, "malformed_body"),
        ("POST", at("acknowledge"), "", 503, "store_unavailable"),
        ("POST", at("reopen"), "", 409, "wrong_state"),
        ("POST", at("unacknowledge"), "", 409, "wrong_state"),
        ("POST", at("snooze"), "{}", 400, "invalid_argument"),
        ("POST", at("snooze"), r#"{"duration":"31d"}"#, 400, "invalid_argument"),
        (
            "POST",
            at("snooze"),
            r#"{"duration":"1h","until":"2030-01-01T00:00:00Z"}"#,
            400,
            "invalid_argument",
        ),
        ("POST", "/api/v1/silences".to_owned(), silence, 503, "store_unavailable"),
        (
            "POST",
            "/api/v1/silences".to_owned(),
            r#"{"matchers":[],"duration":"1h","comment":"x"}"#,
            400,
            "invalid_argument",
        ),
        (
            "POST",
            "/api/v1/silences".to_owned(),
            r#"{"matchers":["a=b"],"comment":"x"}"#,
            400,
            "invalid_argument",
        ),
        ("DELETE", "/api/v1/silences/none".to_owned(), "", 404, "no_such_object"),
        ("POST", "/api/v2/alerts".to_owned(), "{}", 400, "invalid_argument"),
        ("POST", "/api/v2/silences".to_owned(), "{}", 400, "malformed_body"),
        ("GET", "/api/v2/alerts?active=odd".to_owned(), "", 400, "invalid_argument"),
        ("GET", "/api/v2/silence/none".to_owned(), "", 404, "no_such_object"),
    ] {
        let (answered, told) = ask(&control, method, &path, body).await;
        assert!(
            answered == status && told.contains(&format!("\"reason\":\"{reason}\"")),
            "{method} {path} {body}: {told}"
        );
    }
    // what could not be kept was not done
    assert!(json(&control, &format!("/api/v1/alerts/{id}")).await["acknowledged"].is_null());
    assert_eq!(json(&control, "/api/v1/silences").await["silences"], Value::Array(Vec::new()));
    let (status, told) = ask(&crate::tests::control(), "GET", "/api/v1/alerts", "").await;
    assert!(status == 404 && told.contains("alerts_off"), "{told}");
}

#[test]
fn commas_in_quotes_divide_nothing() {
    let read = |text: &str| matchers(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(read("").unwrap(), Vec::<String>::new());
    assert_eq!(read(r#"{a="b,c", d=~e|f,}"#).unwrap(), [r#"a="b,c""#, r#"d=~"e|f""#]);
    assert_eq!(read(r#"a="\",",b!=c"#).unwrap(), [r#"a="\",""#, r#"b!="c""#]);
    for wrong in ["a", "a=\"b", "{a=b", "=", &format!("a={}", "x".repeat(5_000))] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
