//! The control listener, as people and programs with less than all rights see it.

use serde_json::{Value, json};

use super::{JSON, mirror};
use crate::harness::client::exchange;
use crate::harness::{Answer, Gateway, eventually};

/// A gateway with a store, open for identities.
async fn with_store() -> (crate::harness::Upstream, Gateway) {
    with_settings("").await
}

/// The same with more settings.
async fn with_settings(rest: &str) -> (crate::harness::Upstream, Gateway) {
    let upstream = mirror().await;
    let gateway = Gateway::start(&format!("{}\n[store]\n{rest}", upstream.service(""))).await;
    eventually("identities are open", || async {
        let answer = exchange(gateway.control, "GET", "/api/v1/users", &[], "").await;
        (answer.status == 200).then_some(())
    })
    .await;
    (upstream, gateway)
}

async fn ask(gateway: &Gateway, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let all: Vec<_> = headers.iter().copied().chain([JSON]).collect();
    exchange(gateway.control, method, path, &all, &body).await
}

/// Adds somebody and logs them in, with a password of their own. The cookie and the token against forgery.
async fn logged_in(gateway: &Gateway, name: &str, role: &str) -> (String, String) {
    let made = ask(gateway, "POST", "/api/v1/users", &[], &json!({ "name": name, "roles": [role] })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let first = made.json()["password"].as_str().unwrap().to_owned();
    let (cookie, csrf) = log_in(gateway, name, &first).await;
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str())];
    let own = format!("{name} has a long password");
    let body = json!({ "current": first, "new": own });
    let changed = ask(gateway, "PUT", "/api/v1/account/password", &headers, &body).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    log_in(gateway, name, &own).await
}

async fn log_in(gateway: &Gateway, name: &str, password: &str) -> (String, String) {
    let body = json!({ "name": name, "password": password });
    let answer = ask(gateway, "POST", "/api/v1/login", &[("cookie", "none=1")], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let view = answer.json();
    assert_eq!(view["state"], "done", "{view}");
    let cookie = answer.headers.get_all("set-cookie").iter().find_map(|cookie| {
        let text = cookie.to_str().unwrap();
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"), "{text}");
        text.starts_with("seaworthy_session=").then(|| text.split(';').next().unwrap().to_owned())
    });
    (cookie.unwrap(), view["csrf"].as_str().unwrap().to_owned())
}

/// ASVS 8.1.1, 8.2.1: roles may what the matrix says, and nothing else.
#[tokio::test]
async fn roles_may_what_the_matrix_says() {
    let (_upstream, gateway) = with_store().await;
    let matrix = ask(&gateway, "GET", "/api/v1/access/matrix", &[], &Value::Null).await.json();
    for role in ["viewer", "user", "operator", "admin"] {
        let (cookie, csrf) = logged_in(&gateway, &format!("a-{role}"), role).await;
        let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str())];
        for row in matrix["rows"].as_array().unwrap() {
            let (method, path) = (row["method"].as_str().unwrap(), row["path"].as_str().unwrap());
            // one's own session and password would end the test; deletions are told by their refusal
            // whose a key is decides too
            if path.contains("/keys/")
                || path.contains("/account")
                || path.ends_with("/logout")
                || path.contains("/login")
                || path.contains("export")
            {
                continue;
            }
            let path = path.replace("{code}", "invalid").replace(['{', '}'], "");
            let may = row["roles"].as_array().unwrap().iter().any(|one| one == role);
            let answer = ask(&gateway, method, &path, &headers, &Value::Null).await;
            let refused = answer.status == 403 && answer.reason() == "permission_missing";
            assert_eq!(!refused, may, "{role}: {method} {path}: {} {}", answer.status, answer.text());
        }
    }
}

/// ASVS 3.5.1: what a browser sends by itself gives no orders.
#[tokio::test]
async fn a_session_alone_gives_no_orders() {
    let (_upstream, gateway) = with_store().await;
    let (cookie, csrf) = logged_in(&gateway, "ann", "operator").await;
    let purge = json!({ "path": "/" });
    let with = |headers: Vec<(&'static str, String)>| {
        let gateway = &gateway;
        let purge = purge.clone();
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            ask(gateway, "POST", "/api/v1/cache/purge", &headers, &purge).await
        }
    };
    let own = || ("cookie", cookie.clone());
    assert_eq!(with(vec![own()]).await.reason(), "csrf");
    assert_eq!(with(vec![own(), ("x-csrf-token", String::new())]).await.reason(), "csrf");
    assert_eq!(with(vec![own(), ("x-csrf-token", csrf.replace(&csrf[..1], "z"))]).await.reason(), "csrf");
    let (_, other) = logged_in(&gateway, "bob", "operator").await;
    assert_eq!(with(vec![own(), ("x-csrf-token", other)]).await.reason(), "csrf", "another session's");
    let foreign = vec![own(), ("x-csrf-token", csrf.clone()), ("origin", "https://evil.example".to_owned())];
    assert_eq!(with(foreign).await.reason(), "foreign_origin");
    assert_eq!(with(vec![own(), ("x-csrf-token", csrf.clone())]).await.status, 200);
    // tampered, and doubled
    let mut wrong = cookie.clone();
    wrong.pop();
    assert_eq!(with(vec![("cookie", wrong), ("x-csrf-token", csrf.clone())]).await.status, 401);
    assert_eq!(
        with(vec![("cookie", format!("{cookie}; {cookie}")), ("x-csrf-token", csrf)]).await.status,
        401
    );
}

/// ASVS 7.2.4: a session that somebody planted is not the one that comes of a log-in.
#[tokio::test]
async fn a_planted_session_does_not_become_a_real_one() {
    let (_upstream, gateway) = with_store().await;
    let (planted, _) = logged_in(&gateway, "mallory", "viewer").await;
    let made =
        ask(&gateway, "POST", "/api/v1/users", &[], &json!({ "name": "ann", "roles": ["operator"] })).await;
    let password = made.json()["password"].as_str().unwrap().to_owned();
    let body = json!({ "name": "ann", "password": password });
    let answer = ask(&gateway, "POST", "/api/v1/login", &[("cookie", &planted)], &body).await;
    let fresh = answer.headers.get_all("set-cookie").iter().next().unwrap().to_str().unwrap().to_owned();
    assert!(answer.status == 200 && !fresh.starts_with(&planted), "{fresh}");
    let account = ask(&gateway, "GET", "/api/v1/account", &[("cookie", &planted)], &Value::Null).await;
    assert_ne!(account.status, 200, "the planted session ended with the log-in: {}", account.text());
}

/// ASVS 6.3.1, 6.3.8: who guesses is stopped, and learns nothing of who there is.
#[tokio::test]
async fn guessing_is_stopped_and_tells_nothing() {
    let (_upstream, gateway) = with_store().await;
    logged_in(&gateway, "ann", "user").await;
    let guess = |name: &'static str| {
        let gateway = &gateway;
        async move {
            let body = json!({ "name": name, "password": "wrong wrong wrong" });
            ask(gateway, "POST", "/api/v1/login", &[("cookie", "none=1")], &body).await
        }
    };
    for _ in 0..5 {
        for name in ["ann", "nobody-of-this-name"] {
            let answer = guess(name).await;
            assert_eq!(
                (answer.status.as_u16(), answer.reason().as_str()),
                (401, "credential_refused"),
                "{name}"
            );
        }
    }
    for name in ["ann", "nobody-of-this-name"] {
        let answer = guess(name).await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (429, "locked_out"), "{name}");
        assert!(!answer.header("retry-after").is_empty());
    }
}

/// ASVS 16.2.1, 16.3: whoever did what is written down, and nothing of it can be changed unseen.
#[tokio::test]
async fn orders_and_refusals_are_in_the_audit_log() {
    let (_upstream, gateway) = with_store().await;
    let (cookie, csrf) = logged_in(&gateway, "ann", "operator").await;
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str())];
    let purged = ask(&gateway, "POST", "/api/v1/cache/purge", &headers, &json!({ "path": "/secret" })).await;
    assert_eq!(purged.status, 200);
    let id = purged.header("x-request-id").to_owned();
    assert_eq!(ask(&gateway, "GET", "/api/v1/users", &headers, &Value::Null).await.status, 403);
    let entries = ask(&gateway, "GET", "/api/v1/audit?limit=100", &[], &Value::Null).await.json();
    let entries = entries["entries"].as_array().unwrap();
    let find = |action: &str| entries.iter().find(|entry| entry["action"] == action).unwrap_or(&Value::Null);
    let order = find("cache:write");
    assert_eq!((&order["actor_name"], &order["outcome"]), (&json!("ann"), &json!("success")), "{order}");
    assert_eq!((&order["request_id"], &order["after"]), (&json!(id), &json!({ "path": "/secret" })));
    assert_eq!(find("access.denied")["reason"], "permission_missing");
    assert_eq!(find("user.create")["actor_name"], "operator");
    let all = json!(entries).to_string();
    assert!(!all.contains("long password"), "passwords are in no log");
    let report = ask(&gateway, "GET", "/api/v1/audit/verify", &[], &Value::Null).await.json();
    assert_eq!(report["sound"], true, "{report}");
}

/// ASVS 8.1.1: a role of one's own allows what is written, and nothing else.
#[tokio::test]
async fn a_role_of_ones_own_allows_what_is_written() {
    let (_upstream, gateway) =
        with_settings("[role.auditor]\npermissions = [\"audit:read\", \"account:*\"]\n").await;
    let (cookie, _) = logged_in(&gateway, "ann", "auditor").await;
    let headers = [("cookie", cookie.as_str())];
    let status = |path: &'static str| {
        let gateway = &gateway;
        async move { ask(gateway, "GET", path, &headers, &Value::Null).await.status.as_u16() }
    };
    assert_eq!(status("/api/v1/audit").await, 200);
    assert_eq!(status("/api/v1/users").await, 403);
    assert_eq!(status("/api/v1/services").await, 403);
    let made =
        ask(&gateway, "POST", "/api/v1/users", &[], &json!({ "name": "bob", "roles": ["auditer"] })).await;
    assert_eq!(made.status, 400, "{}", made.text());
}
