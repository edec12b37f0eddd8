use std::time::Instant;

use seaworthy_core::RequestId;
use seaworthy_telemetry::history::Settings;
use seaworthy_telemetry::story::{self, Ending, Recorder};
use serde_json::Value;

use super::*;
use crate::tests::{ask, control};

async fn json(control: &Control, path: &str) -> Value {
    let (status, body) = ask(control, "GET", path, "").await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

async fn refused(control: &Control, path: &str) -> String {
    let (status, body) = ask(control, "GET", path, "").await;
    let problem: Value = serde_json::from_str(&body).unwrap();
    format!("{status} {}", problem["reason"].as_str().unwrap())
}

fn told(stories: &Recorder, trace: u8, path: &str, status: u16) -> RequestId {
    let (id, start) = (RequestId::generate(), Instant::now());
    let mut draft = stories.begin(start);
    let attempt = draft.begin("attempt", None, start);
    draft.attribute(attempt, "server.address", "10.0.0.7:80");
    draft.end(attempt, start + Duration::from_millis(40), (status == 502).then_some("upstream_refused"));
    let ending = Ending { service: "shop", method: "GET", path, status, ..Ending::new(id, [trace; 16]) };
    stories.finish(draft, &ending, start + Duration::from_millis(41));
    id
}

#[tokio::test]
async fn a_request_is_found_by_its_id_its_trace_and_in_lists() {
    let mut control = control();
    let stories = Recorder::new(&control.metrics, story::Settings::default());
    control.insight.stories = Some(stories.clone());
    let (failed, _) = (told(&stories, 7, "/a", 502), told(&stories, 7, "/b", 200));
    let one = json(&control, &format!("/api/v1/requests/{failed}?ascii=true&width=8")).await;
    let story = &one["requests"][0];
    assert_eq!(
        (&story["status"], &story["failed"], &story["duration_ms"]),
        (&502.into(), &true.into(), &41.0.into())
    );
    assert_eq!(story["spans"][0]["attributes"]["server.address"], "10.0.0.7:80");
    assert_eq!(story["spans"][0]["error"], "upstream_refused");
    let tree = story["tree"].as_str().unwrap();
    assert!(tree.contains("########") && tree.contains("upstream_refused"), "{tree}");
    let trace = "07".repeat(16);
    assert_eq!(
        json(&control, &format!("/api/v1/requests/{trace}")).await["requests"].as_array().unwrap().len(),
        2
    );
    let count = async |query: &str| {
        json(&control, &format!("/api/v1/requests?{query}")).await["requests"].as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("failed=true").await, count("class=2").await), (2, 1, 1));
    assert_eq!((count("min=42ms").await, count("service=other").await, count("limit=1").await), (0, 0, 1));
    assert_eq!(count("before=2020-01-01T00:00:00Z").await, 0);
    assert!(json(&control, "/api/v1/requests?limit=1").await["next_before"].is_string());
    for (path, reason) in [
        ("/api/v1/requests/none", "404 no_such_object"),
        ("/api/v1/requests?class=6", "400 invalid_argument"),
        ("/api/v1/requests?min=long", "400 invalid_argument"),
        ("/api/v1/requests?before=-1e300", "400 invalid_argument"),
        ("/api/v1/requests?what=else", "400 invalid_argument"),
    ] {
        assert_eq!(refused(&control, path).await, reason, "{path}");
    }
    assert_eq!(refused(&crate::tests::control(), "/api/v1/requests").await, "404 requests_off");
}

#[tokio::test]
async fn the_history_answers_questions() {
    let mut control = control();
    let history = History::new(&control.metrics, Settings::default());
    control.insight.history = Some(history.clone());
    let noon = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    history.sample(noon);
    for (region, count) in [("north", 12), ("south", 30)] {
        control.metrics.counter("shop.orders", "orders", &[("region", region.to_owned())]).add(count);
    }
    history.sample(noon + Duration::from_secs(10));
    let ask = async |rest: &str| {
        json(&control, &format!("/api/v1/metrics/{rest}&metric=shop_orders_total&window=1m&at=1800000010"))
            .await
    };
    let each = ask("query?function=increase").await;
    let values: Vec<_> = each["samples"].as_array().unwrap().iter().map(|one| &one["value"]).collect();
    assert_eq!(values, [&Value::from(12.0), &30.0.into()]);
    assert_eq!(each["samples"][0]["labels"]["region"], "north");
    let sum = ask("query?function=increase&by=&aggregate=sum").await;
    assert_eq!(
        (&sum["samples"][0]["value"], &sum["promql"]),
        (&42.0.into(), &"sum(increase(shop_orders_total[1m]))".into())
    );
    let south = ask("query?function=increase&matchers=region%3D~%22s.*%22").await;
    assert_eq!(south["samples"][0]["value"], 30.0);
    let range = ask("query_range?function=increase&by=&length=20s&step=10s").await;
    let points = range["series"][0]["points"].as_array().unwrap();
    assert_eq!(points.last().unwrap(), &serde_json::json!(["2027-01-15T08:00:10Z", 42.0]));
    for query in [
        "",
        "metric=1a",
        "metric=a&function=odd",
        "metric=a&function=below",
        "metric=a&quantile=0.5",
        "metric=a&function=quantile&quantile=2",
        "metric=a&window=0s",
        "metric=a&window=32d",
        "metric=a&aggregate=odd",
        "metric=a&matchers=b%3D~(",
        "metric=a&at=noon",
        "metric=a&step=1s",
        "metric=a&by=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
    ] {
        assert_eq!(
            refused(&control, &format!("/api/v1/metrics/query?{query}")).await,
            "400 invalid_argument",
            "{query}"
        );
    }
    let long = "/api/v1/metrics/query_range?metric=shop_orders_total&length=30d&step=1s";
    assert_eq!(refused(&control, long).await, "400 invalid_argument");
    assert_eq!(refused(&crate::tests::control(), "/api/v1/metrics/query?metric=a").await, "404 history_off");
}

#[tokio::test]
async fn a_snapshot_holds_what_is_known() {
    let mut control = control();
    let empty = json(&control, "/api/v1/monitoring/snapshot").await;
    assert_eq!((&empty["services"][0]["name"], &empty["queues"]), (&"shop".into(), &Value::Null));
    assert!(empty["services"][0]["requests_per_second"].is_null() && empty["process"]["threads"].is_null());

    let history = History::new(&control.metrics, Settings::default());
    control.insight.history = Some(history.clone());
    control.metrics.collect_process();
    let now = SystemTime::now();
    history.sample(now - Duration::from_secs(20));
    let labels = |status: &str| {
        [("seaworthy.service", "shop".to_owned()), ("http.response.status_code", status.to_owned())]
    };
    let name = "http.server.request.duration";
    for (status, count) in [("200", 3), ("502", 1)] {
        let durations = control.metrics.histogram(name, "requests", &labels(status));
        (0..count).for_each(|_| durations.observe(0.02));
    }
    history.sample(now - Duration::from_secs(10));
    let known = json(&control, "/api/v1/monitoring/snapshot").await;
    let shop = &known["services"][0];
    assert_eq!(shop["error_ratio"], 0.25, "{known}");
    assert_eq!(shop["requests_per_second"].as_f64().map(|rate| (rate * 60.0).round()), Some(4.0));
    assert!(shop["p99_seconds"].as_f64().is_some_and(|p99| (0.01..=0.025).contains(&p99)), "{shop}");
    assert!(known["process"]["memory_resident_bytes"].as_f64().is_some_and(|bytes| bytes > 1e6), "{known}");
    assert!(known["process"]["threads"].as_f64().is_some_and(|threads| threads >= 1.0));
}

#[tokio::test]
async fn a_profile_is_asked_for_rightly() {
    let control = control();
    for query in ["seconds=0", "seconds=61", "hz=0", "hz=1001", "format=png", "second=1"] {
        let path = format!("/debug/pprof/profile?{query}");
        assert_eq!(refused(&control, &path).await, "400 invalid_argument", "{query}");
    }
    let (status, folded) = ask(&control, "GET", "/debug/pprof/profile?seconds=1&format=folded", "").await;
    assert_eq!(status, 200, "{folded}");
}
