//! What is too much, and texts that would like to be more than texts.

use serde_json::{Value, json};

use super::{House, Verdicts};
use crate::harness::client::exchange;

/// ASVS 2.2.1, 15.2.2: everything has a bound, and nothing that is beyond it hurts.
#[tokio::test]
async fn too_much_is_refused() {
    let house = House::open().await;
    let ann = house.person("ann", "user", None).await;
    let mut verdicts = Verdicts::default();
    let long = |length: usize| "a".repeat(length);
    let many = |count: usize| (0..count).map(|at| format!("jobs:a{at}")).collect::<Vec<_>>();
    for (name, method, path, body) in [
        ("a name", "POST", "/api/v1/users", json!({ "name": long(300) })),
        ("65 letters", "POST", "/api/v1/users", json!({ "name": long(65) })),
        ("a display name", "POST", "/api/v1/users", json!({ "name": "eve", "display_name": long(300) })),
        ("a tenant", "POST", "/api/v1/users", json!({ "name": "eve", "tenant": long(1 << 20) })),
        ("a password", "POST", "/api/v1/users", json!({ "name": "eve", "password": long(1 << 20) })),
        ("roles", "POST", "/api/v1/users", json!({ "name": "eve", "roles": vec!["user"; 10_000] })),
        ("a role", "POST", "/api/v1/users", json!({ "name": "eve", "roles": [long(1 << 20)] })),
        (
            "a reason",
            "POST",
            "/api/v1/users/ann/grants",
            json!({ "what": "user", "reason": long(1 << 20), "duration": "1h" }),
        ),
        (
            "a grant",
            "POST",
            "/api/v1/users/ann/grants",
            json!({ "what": long(1 << 20), "reason": "x", "duration": "1h" }),
        ),
        (
            "a duration",
            "POST",
            "/api/v1/users/ann/grants",
            json!({ "what": "user", "reason": "x", "duration": long(1 << 20) }),
        ),
        (
            "days",
            "POST",
            "/api/v1/users/ann/grants",
            json!({ "what": "user", "reason": "x", "duration": "99999999999999999999d" }),
        ),
    ] {
        let answer = house.ask(method, path, &[], &body).await;
        verdicts.expect(&format!("2.2.1 {name}"), &answer, 400, "");
        verdicts.check(
            &format!("16.5.1 {name} is not repeated"),
            answer.body.len() < 2_000,
            answer.body.len(),
        );
    }
    for (name, path, body) in [
        ("10,000 scopes", "/api/v1/account/tokens", json!({ "scopes": many(10_000) })),
        ("no scopes", "/api/v1/account/tokens", json!({ "scopes": [] })),
        ("10,000 scopes of a key", "/api/v1/keys", json!({ "name": "x", "scopes": many(10_000) })),
        ("a scope", "/api/v1/keys", json!({ "name": "x", "scopes": [format!("jobs:{}", long(1 << 20))] })),
        ("a key's name", "/api/v1/keys", json!({ "name": long(1 << 20) })),
        (
            "a code",
            "/api/v1/login/second-factor",
            json!({ "challenge": long(1 << 20), "code": long(1 << 20) }),
        ),
        ("a refresh token", "/api/v1/tokens/refresh", json!({ "refresh_token": long(1 << 20) })),
        ("a password at log-in", "/api/v1/login", json!({ "name": "nobody", "password": long(1 << 20) })),
        ("a name at log-in", "/api/v1/login", json!({ "name": long(1 << 20), "password": "x" })),
    ] {
        let answer = house.by(&ann, "POST", path, body).await;
        let refused = [400, 401].contains(&answer.status.as_u16()) && answer.body.len() < 2_000;
        verdicts.check(&format!("2.2.1 {name}"), refused, format!("{} {}", answer.status, answer.body.len()));
    }
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = exchange(house.gateway.control, "POST", "/api/v1/users", &[], &deep).await;
    verdicts.expect("2.2.1 100,000 lists in each other", &answer, 400, "malformed_body");
    let huge = format!("{{\"name\":\"{}\"}}", long(17 << 20));
    let answer = exchange(house.gateway.control, "POST", "/api/v1/cache/purge", &[], &huge).await;
    verdicts.expect("2.2.1 17 MiB", &answer, 413, "body_too_large");
    for path in [
        "/api/v1/users?limit=0",
        "/api/v1/users?limit=1001",
        "/api/v1/users?limit=-1",
        "/api/v1/users?x=1",
        "/api/v1/audit?before=-1",
        "/api/v1/audit?outcome=any",
    ] {
        let answer = house.ask("GET", path, &[], &Value::Null).await;
        verdicts.expect(&format!("2.2.1 {path}"), &answer, 400, "invalid_argument");
    }
    let answer = house.ask("GET", &format!("/api/v1/users/{}", long(20_000)), &[], &Value::Null).await;
    verdicts.expect("2.2.1 a name in a path", &answer, 404, "no_such_object");
    let answer = house.ask("POST", "/api/v1/users", &[], &json!({ "name": "eve" })).await;
    verdicts.expect("control: somebody", &answer, 201, "");
    verdicts.end(40);
}

/// ASVS 16.4.1, 1.2.4: what people write stays within its line, its field and its value.
#[tokio::test]
async fn texts_stay_texts() {
    let house = House::open().await;
    let ann = house.person("ann", "user", None).await;
    let mut verdicts = Verdicts::default();
    let evil = "x\r\n2026-01-01 forged \u{1b}[2J\u{202e}\0";
    for (name, body) in [
        ("a name", json!({ "name": evil })),
        ("a display name", json!({ "name": "eve", "display_name": evil })),
        ("a tenant", json!({ "name": "eve", "tenant": evil })),
    ] {
        let answer = house.ask("POST", "/api/v1/users", &[], &body).await;
        verdicts.expect(&format!("16.4.1 {name}"), &answer, 400, "invalid_argument");
    }
    let answer = house.by(&ann, "POST", "/api/v1/keys", json!({ "name": evil, "roles": ["user"] })).await;
    verdicts.expect("16.4.1 a key's name", &answer, 400, "invalid_argument");
    let body = json!({ "name": evil, "password": "secret-that-was-typed" });
    let answer = house.ask_owned("POST", "/api/v1/login", body).await;
    verdicts.expect("16.4.1 a name at log-in", &answer, 401, "credential_refused");
    let agent = "agent \u{9b}31m <script>alert(1)</script>";
    house
        .try_log_in("ann", &ann.password, &[("user-agent", agent), ("x-request-id", "forged\u{a0}id")])
        .await;
    for path in [
        "/api/v1/none%0d%0aforged",
        "/api/v1/users/%00",
        "/api/v1/users/'%20OR%201=1--",
        "/api/v1/users/%25",
        "/api/v1/users/%ff",
    ] {
        let answer = house.by(&ann, "GET", path, Value::Null).await;
        let refused = [400, 403, 404].contains(&answer.status.as_u16());
        verdicts.check(&format!("1.2.4 {path}"), refused, format!("{} {}", answer.status, answer.text()));
        let answer = house.ask("GET", path, &[], &Value::Null).await;
        let refused = [400, 404].contains(&answer.status.as_u16());
        verdicts.check(
            &format!("1.2.4 {path} for operators"),
            refused,
            format!("{} {}", answer.status, answer.text()),
        );
    }
    for query in ["actor='%20OR%201=1--", "action=%25", "action=_%25.*", "resource=%00", "actor=%5C"] {
        let answer = house.ask("GET", &format!("/api/v1/audit?{query}"), &[], &Value::Null).await;
        let found = answer.json()["entries"].as_array().map(Vec::len);
        verdicts.check(&format!("1.2.4 {query}"), answer.status == 200 && found == Some(0), answer.text());
    }
    let (audit, log) = (house.audit().await, house.gateway.log());
    for (name, text) in [("the audit log", &audit), ("the log", &log)] {
        let forged = text
            .lines()
            .any(|line| line.trim_start().starts_with("2026-01-01 forged") || line.starts_with("forged"));
        verdicts.check(&format!("16.4.1 no line of {name} is forged"), !forged, name);
        let control = text.chars().any(|c| matches!(c, '\u{1b}' | '\u{9b}' | '\u{202e}' | '\0' | '\r'));
        verdicts.check(&format!("16.4.1 {name} moves no cursor"), !control, name);
        verdicts.check(
            &format!("16.2.5 no password in {name}"),
            !text.contains("secret-that-was-typed"),
            name,
        );
    }
    let report = house.ask("GET", "/api/v1/audit/verify", &[], &Value::Null).await.json();
    verdicts.check("control: the log is sound", report["sound"] == true, &report);
    verdicts.end(27);
}
