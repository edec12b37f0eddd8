//! Requests that are looked at before they go on.

mod responses;

use serde_json::json;

use super::{JSON, mirror};
use crate::harness::client::exchange;
use crate::harness::{Folder, Gateway};

const SCHEMA: &str = r#"{"type":"object","required":["name"],"additionalProperties":false,
    "properties":{"name":{"type":"string","maxLength":20},"count":{"type":"integer"}}}"#;

const CONTRACT: &str = r#"{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/v1/items/{id}":{
    "get":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}},
        {"name":"page","in":"query","schema":{"type":"integer"}}],"responses":{"200":{"description":"ok"}}},
    "put":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{
        "name":{"type":"string"},"admin":{"type":"boolean","readOnly":true}}}}}},"responses":{"200":{"description":"ok"}}}}}}"#;

async fn guarded() -> (crate::harness::Upstream, Gateway) {
    let upstream = mirror().await;
    let folder = Folder::new();
    folder.write("order.json", SCHEMA);
    folder.write("contract.json", CONTRACT);
    let rest = format!(
        "{}\n[[route]]\npath = \"/rules/{{*rest}}\"\nservice = \"shop\"\ndefence = {{ exclude = [{{ place = \"body.comment\" }}] }}\n\
         [[route]]\npath = \"/score\"\nservice = \"shop\"\ndefence = {{ rules = \"score\" }}\n\
         [[route]]\npath = \"/orders\"\nservice = \"shop\"\ndefence = {{ schema = \"order.json\", content_types = [\"application/json\"], judged_bytes = \"1KiB\" }}\n\
         [[route]]\npath = \"/v1/{{*rest}}\"\nservice = \"shop\"\ndefence = {{ openapi = \"contract.json\" }}\n",
        upstream.service("")
    );
    let gateway = Gateway::with(folder, "", "", &rest).await;
    (upstream, gateway)
}

#[tokio::test]
async fn what_looks_like_an_attack_goes_no_further() {
    let (_upstream, gateway) = guarded().await;
    for (name, path, body) in [
        ("1.2.4 sqli", "/rules/x?q=1%27%20OR%20%271%27%3D%271%27--", ""),
        ("1.3.1 xss", "/rules/x?q=%3Cscript%3Ealert(1)%3C/script%3E", ""),
        ("5.3.2 traversal", "/rules/x?file=..%2f..%2f..%2fetc%2fpasswd", ""),
        ("1.2.5 command", "/rules/x?host=a;cat%20/etc/passwd", ""),
        ("1.2.4 sqli in a body", "/rules/x", r#"{"a":{"b":"x' UNION SELECT password FROM users--"}}"#),
    ] {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let answer = exchange(gateway.address, method, path, &[JSON], body).await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (403, "request_suspicious"), "{name}");
    }
    let prose = r#"{"text":"O'Brien selected the best from the table, and dropped by at 5 or 6."}"#;
    let fine = exchange(gateway.address, "POST", "/rules/x", &[JSON], prose).await;
    assert_eq!(fine.status, 200, "{}", fine.text());
    let excluded = r#"{"comment":"x' UNION SELECT password FROM users--"}"#;
    assert_eq!(exchange(gateway.address, "POST", "/rules/x", &[JSON], excluded).await.status, 200);
    let inspection = gateway.policy_of("shop", "inspection", "/rules/{*rest}").await;
    assert_eq!(inspection["effects"]["refused"], 5, "{inspection}");
    gateway.logs("a request looks like an attack").await;
    assert!(!gateway.log().contains("UNION SELECT"), "what was found is in no log");
}

#[tokio::test]
async fn a_score_is_told_to_the_service_and_by_nobody_else() {
    let (_upstream, gateway) = guarded().await;
    let forged = [("x-seaworthy-score", "0"), ("x_seaworthy_score", "0")];
    let answer =
        exchange(gateway.address, "GET", "/score?q=%3Cscript%3Ealert(1)%3C/script%3E", &forged, "").await;
    assert_eq!(answer.status, 200);
    let told = super::seen(&answer.json(), "x-seaworthy-score");
    assert!(told.parse::<u32>().is_ok_and(|score| score >= 5), "{told:?}");
    let calm = exchange(gateway.address, "GET", "/score?q=hello", &forged, "").await.json();
    assert_eq!(super::seen(&calm, "x-seaworthy-score") + &super::seen(&calm, "x_seaworthy_score"), "");
}

/// ASVS 2.2.1, 15.3.3 (mass assignment), 4.1.1.
#[tokio::test]
async fn what_breaks_the_contract_goes_no_further() {
    let (_upstream, gateway) = guarded().await;
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let long = json!({ "name": "x".repeat(2_000) }).to_string();
    for (name, method, path, kind, body, status, reason) in [
        ("fits", "POST", "/orders", "application/json", r#"{"name":"a","count":1}"#, 200, ""),
        ("no name", "POST", "/orders", "application/json", r#"{"count":1}"#, 400, "contract_broken"),
        (
            "another member",
            "POST",
            "/orders",
            "application/json",
            r#"{"name":"a","admin":true}"#,
            400,
            "contract_broken",
        ),
        ("another type", "POST", "/orders", "application/json", r#"{"name":5}"#, 400, "contract_broken"),
        ("no JSON", "POST", "/orders", "application/json", "{", 400, "json_syntax"),
        ("twice", "POST", "/orders", "application/json", r#"{"name":"a","name":"b"}"#, 400, "json_duplicate"),
        ("deep", "POST", "/orders", "application/json", &deep, 400, "json_depth"),
        ("too long to judge", "POST", "/orders", "application/json", &long, 413, "body_too_large"),
        (
            "a form",
            "POST",
            "/orders",
            "application/x-www-form-urlencoded",
            "name=a",
            415,
            "content_type_not_allowed",
        ),
        (
            "another charset",
            "POST",
            "/orders",
            "application/json; charset=utf-7",
            r#"{"name":"a"}"#,
            415,
            "charset_not_allowed",
        ),
        ("known", "GET", "/v1/items/5?page=2", "", "", 200, ""),
        ("no number", "GET", "/v1/items/x", "", "", 400, "contract_broken"),
        ("unknown parameter", "GET", "/v1/items/5?admin=1", "", "", 400, "contract_broken"),
        ("unknown operation", "DELETE", "/v1/items/5", "", "", 400, "contract_broken"),
        ("unknown path", "GET", "/v1/other", "", "", 400, "contract_broken"),
        ("put", "PUT", "/v1/items/5", "application/json", r#"{"name":"a"}"#, 200, ""),
        (
            "read-only member",
            "PUT",
            "/v1/items/5",
            "application/json",
            r#"{"name":"a","admin":true}"#,
            400,
            "contract_broken",
        ),
        ("no body", "PUT", "/v1/items/5", "", "", 400, "contract_broken"),
    ] {
        let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
        let answer = exchange(gateway.address, method, path, headers, body).await;
        let said = if answer.status == 200 { String::new() } else { answer.reason() };
        assert_eq!((answer.status.as_u16(), said.as_str()), (status, reason), "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn whoever_fails_too_often_is_kept_out_for_a_while() {
    let upstream = crate::harness::Upstream::start(|seen| async move {
        let right = seen.headers.get("authorization").is_some_and(|value| value == "right");
        crate::harness::answer(if right { 200 } else { 401 }, &[], "")
    })
    .await;
    let rest = format!(
        "{}\n[[route]]\npath = \"/login\"\nservice = \"shop\"\ndefence = {{ rules = \"off\", throttle = {{ failures = 5 }} }}\n",
        upstream.service("")
    );
    let gateway = Gateway::start(&rest).await;
    let ask = |word: &'static str| {
        let address = gateway.address;
        async move { exchange(address, "GET", "/login", &[("authorization", word)], "").await }
    };
    for _ in 0..20 {
        assert_eq!(ask("right").await.status, 200, "whoever does not fail is not counted");
    }
    for _ in 0..5 {
        assert_eq!(ask("wrong").await.status, 401);
    }
    let answer = ask("right").await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (429, "too_many_failures"));
    assert!(!answer.header("retry-after").is_empty());
}
