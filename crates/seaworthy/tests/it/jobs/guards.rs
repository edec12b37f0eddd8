//! Who gets through to the control listener, and what jobs may reach.

use serde_json::{Value, json};

use super::{JSON, add, comes_to, open};
use crate::harness::{Folder, Gateway, Upstream, exchange, free_address};

#[tokio::test]
async fn pages_of_other_sites_and_other_names_are_refused() {
    let gateway = Gateway::start("[jobs]\n[service.none]\nupstreams = [\"http://127.0.0.1:9\"]").await;
    open(&gateway).await;
    let body = r#"{"kind":"x"}"#;
    let post = async |headers: &[(&str, &str)]| {
        let answer = exchange(gateway.control, "POST", "/api/v1/jobs", headers, body).await;
        let reason = if answer.status == 201 { String::new() } else { answer.reason() };
        (answer.status.as_u16(), reason)
    };
    assert_eq!(post(&[JSON, ("host", "rebound.example")]).await, (403, "foreign_host".to_owned()));
    assert_eq!(post(&[JSON, ("origin", "http://evil.example")]).await, (403, "foreign_origin".to_owned()));
    assert_eq!(post(&[JSON, ("sec-fetch-site", "cross-site")]).await, (403, "foreign_origin".to_owned()));
    assert_eq!(post(&[JSON]).await.0, 201);
    let metrics = exchange(gateway.control, "GET", "/metrics", &[("host", "rebound.example")], "").await;
    assert_eq!(metrics.reason(), "foreign_host");
}

#[tokio::test]
async fn beyond_this_machine_no_orders_are_taken_unless_switched_on() {
    for (setting, expected) in [("", 403), ("remote_changes = true\n", 201)] {
        let folder = Folder::new();
        let (address, control) = (free_address(), free_address());
        let text = format!(
            "[control]\nlisten = \"0.0.0.0:{}\"\n{setting}[[listener]]\naddress = \"{address}\"\n[jobs]\n\
             [service.none]\nupstreams = [\"http://127.0.0.1:9\"]",
            control.port()
        );
        let gateway = Gateway::written(folder, &text, address, control).await;
        open(&gateway).await;
        let answer = exchange(gateway.control, "POST", "/api/v1/jobs", &[JSON], r#"{"kind":"x"}"#).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
}

#[tokio::test]
async fn jobs_reach_the_services_and_what_is_listed_and_nothing_else_inside() {
    let (service, listed, secret) =
        (Upstream::fixed("service").await, Upstream::fixed("listed").await, Upstream::fixed("secret").await);
    let rest = format!("{}[jobs]\nhosts = [\"{}\"]", service.service(""), listed.address);
    let gateway = Gateway::start(&rest).await;
    open(&gateway).await;
    let job = |url: String| -> Value {
        let never = json!({ "max_attempts": 1, "backoff": "fixed", "delay": "1s" });
        json!({ "kind": "http", "payload": { "url": url }, "retry": never })
    };
    for upstream in [&service, &listed] {
        let id = add(&gateway, &job(upstream.url())).await;
        comes_to(&gateway, id, "completed").await;
    }
    let id = add(&gateway, &job(secret.url())).await;
    let refused = comes_to(&gateway, id, "discarded").await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("may not be called"), "{refused}");
    assert!(secret.seen().is_empty());
}

#[tokio::test]
async fn without_jobs_in_the_configuration_the_answer_says_so() {
    let gateway = Gateway::start("[service.none]\nupstreams = [\"http://127.0.0.1:9\"]").await;
    let answer = exchange(gateway.control, "GET", "/api/v1/jobs", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (404, "jobs_off"));
    // and they are switched on while it runs
    gateway.configure("[jobs]\n[service.none]\nupstreams = [\"http://127.0.0.1:9\"]");
    open(&gateway).await;
}
