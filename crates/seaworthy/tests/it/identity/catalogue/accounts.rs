//! Members that do not belong where they are sent, and things of others that are asked for by their ids.

use serde_json::{Value, json};

use super::{House, Verdicts};

/// ASVS 15.3.3: what an order does not name is not changed by it, and does not pass in silence.
#[tokio::test]
async fn members_that_do_not_belong_are_refused() {
    let house = House::open().await;
    let ann = house.person("ann", "user", None).await;
    let mut verdicts = Verdicts::default();
    let password = json!({ "current": ann.password, "new": "another long password of ann" });
    let key = json!({ "name": "ci", "roles": ["user"] });
    let grant = json!({ "what": "operator", "reason": "on call", "duration": "1h" });
    for (name, method, path, good, member, value) in [
        (
            "log-in: roles",
            "POST",
            "/api/v1/login",
            json!({ "name": "ann", "password": "x" }),
            "roles",
            json!(["admin"]),
        ),
        (
            "log-in: must_change",
            "POST",
            "/api/v1/login",
            json!({ "name": "ann", "password": "x" }),
            "must_change",
            json!(false),
        ),
        (
            "log-in: user",
            "POST",
            "/api/v1/login",
            json!({ "name": "ann", "password": "x" }),
            "user",
            json!("user_x"),
        ),
        (
            "code: user",
            "POST",
            "/api/v1/login/second-factor",
            json!({ "challenge": "x", "code": "1" }),
            "user",
            json!("user_x"),
        ),
        (
            "refresh: scopes",
            "POST",
            "/api/v1/tokens/refresh",
            json!({ "refresh_token": "x" }),
            "scopes",
            json!(["*:*"]),
        ),
        (
            "refresh: roles",
            "POST",
            "/api/v1/tokens/refresh",
            json!({ "refresh_token": "x" }),
            "roles",
            json!(["admin"]),
        ),
        ("tokens: roles", "POST", "/api/v1/account/tokens", json!({}), "roles", json!(["admin"])),
        ("tokens: user", "POST", "/api/v1/account/tokens", json!({}), "user", json!("user_x")),
        ("tokens: tenant", "POST", "/api/v1/account/tokens", json!({}), "tenant", json!("acme")),
        ("password: roles", "PUT", "/api/v1/account/password", password.clone(), "roles", json!(["admin"])),
        ("password: user", "PUT", "/api/v1/account/password", password, "user", json!("admin")),
        ("key: id", "POST", "/api/v1/keys", key.clone(), "id", json!("key_x")),
        ("key: secret", "POST", "/api/v1/keys", key.clone(), "secret", json!("sw_x_y")),
        ("key: expires_at", "POST", "/api/v1/keys", key.clone(), "expires_at", Value::Null),
        ("key: created_at", "POST", "/api/v1/keys", key, "created_at", json!("2020-01-01T00:00:00Z")),
        ("request: state", "POST", "/api/v1/access-requests", grant.clone(), "state", json!("approved")),
        ("request: user", "POST", "/api/v1/access-requests", grant.clone(), "user", json!("user_x")),
        ("request: decided_by", "POST", "/api/v1/access-requests", grant, "decided_by", json!("admin")),
        ("revoke: family", "POST", "/api/v1/tokens/revoke", json!({ "token": "x" }), "family", json!("*")),
    ] {
        let mut bad = good;
        bad[member] = value;
        let answer = house.by(&ann, method, path, bad).await;
        verdicts.expect(&format!("15.3.3 {name}"), &answer, 400, "malformed_body");
    }
    let none = &[] as &[(&str, &str)];
    for (name, method, path, body) in [
        ("new: id", "POST", "/api/v1/users", json!({ "name": "eve", "id": "user_x" })),
        ("new: enabled", "POST", "/api/v1/users", json!({ "name": "eve", "enabled": true })),
        ("new: must_change", "POST", "/api/v1/users", json!({ "name": "eve", "must_change": false })),
        ("new: hash", "POST", "/api/v1/users", json!({ "name": "eve", "password_hash": "x" })),
        ("new: second_factor", "POST", "/api/v1/users", json!({ "name": "eve", "second_factor": true })),
        ("change: id", "PATCH", "/api/v1/users/ann", json!({ "id": "user_x" })),
        ("change: name", "PATCH", "/api/v1/users/ann", json!({ "name": "admin" })),
        ("change: password", "PATCH", "/api/v1/users/ann", json!({ "password": "a new long password" })),
        ("change: must_change", "PATCH", "/api/v1/users/ann", json!({ "must_change": false })),
        ("change: second_factor", "PATCH", "/api/v1/users/ann", json!({ "second_factor": false })),
        (
            "reset: password",
            "POST",
            "/api/v1/users/ann/reset-password",
            json!({ "password": "chosen for ann by me" }),
        ),
        (
            "grant: granted_by",
            "POST",
            "/api/v1/users/ann/grants",
            json!({ "what": "user", "reason": "x", "duration": "1h", "granted_by": "x" }),
        ),
        ("rotate: secret", "POST", "/api/v1/keys/x/rotate", json!({ "secret": "sw_x_y" })),
    ] {
        let answer = house.ask(method, path, none, &body).await;
        verdicts.expect(&format!("15.3.3 {name}"), &answer, 400, "malformed_body");
    }
    let twice = "{\"name\":\"eve\",\"roles\":[\"user\"],\"roles\":[\"admin\"]}";
    let answer = crate::harness::exchange(house.gateway.control, "POST", "/api/v1/users", none, twice).await;
    verdicts.expect("15.3.7 a member twice", &answer, 400, "malformed_body");
    for body in [json!([]), json!("x"), json!([["ann", "x"]]), Value::Bool(true)] {
        let answer = house.ask("POST", "/api/v1/users", none, &body).await;
        verdicts.expect(&format!("1.5.3 {body}"), &answer, 400, "malformed_body");
    }
    let me = house.by(&ann, "GET", "/api/v1/account", Value::Null).await;
    verdicts.check("control: ann is who she was", me.json()["roles"] == json!(["user"]), me.text());
    verdicts.end(37);
}

/// ASVS 8.2.2: what belongs to somebody else is not there, or not for one.
#[tokio::test]
async fn things_of_others_are_out_of_reach() {
    let house = House::open().await;
    let ann = house.person("ann", "user", Some("acme")).await;
    let bob = house.person("bob", "operator", Some("zenith")).await;
    let mut verdicts = Verdicts::default();
    let made = house.by(&ann, "POST", "/api/v1/keys", json!({ "name": "ci", "roles": ["user"] })).await;
    let key = made.json()["key"]["id"].as_str().unwrap().to_owned();
    verdicts.expect("control: a key of one's own", &made, 201, "");
    let asked = json!({ "what": "operator", "reason": "on call", "duration": "1h" });
    let asked = house.by(&ann, "POST", "/api/v1/access-requests", asked).await;
    verdicts.expect("control: a request of one's own", &asked, 201, "");
    let request = asked.json()["id"].as_str().unwrap().to_owned();
    let grant = json!({ "what": "jobs:create", "reason": "x", "duration": "1h" });
    let grant = house.ask("POST", &format!("/api/v1/users/{}/grants", ann.id), &[], &grant).await;
    let grant = grant.json()["id"].as_str().unwrap().to_owned();
    let (id, session) = (ann.id.as_str(), ann.session.as_str());
    for (method, path, status) in [
        ("GET", format!("/api/v1/users/{id}"), 403),
        ("GET", "/api/v1/users/ann".to_owned(), 403),
        ("GET", "/api/v1/users".to_owned(), 403),
        ("PATCH", format!("/api/v1/users/{id}"), 403),
        ("DELETE", format!("/api/v1/users/{id}"), 403),
        ("POST", format!("/api/v1/users/{id}/reset-password"), 403),
        ("GET", format!("/api/v1/users/{id}/sessions"), 403),
        ("DELETE", format!("/api/v1/users/{id}/sessions"), 403),
        ("DELETE", format!("/api/v1/users/{id}/sessions/{session}"), 403),
        ("DELETE", format!("/api/v1/account/sessions/{session}"), 404),
        ("DELETE", "/api/v1/account/sessions/*".to_owned(), 404),
        ("DELETE", "/api/v1/account/sessions/%25".to_owned(), 404),
        ("GET", format!("/api/v1/keys?owner={id}"), 403),
        ("GET", "/api/v1/keys?owner=ann".to_owned(), 403),
        ("GET", "/api/v1/keys?owner=user_".to_owned(), 403),
        ("POST", format!("/api/v1/keys/{key}/rotate"), 403),
        ("DELETE", format!("/api/v1/keys/{key}"), 403),
        ("GET", format!("/api/v1/users/{id}/grants"), 403),
        ("DELETE", format!("/api/v1/grants/{grant}"), 403),
        ("GET", format!("/api/v1/access-requests?user={id}"), 403),
        ("GET", "/api/v1/access-requests?user=*".to_owned(), 403),
        ("DELETE", format!("/api/v1/access-requests/{request}"), 404),
        ("POST", format!("/api/v1/access-requests/{request}/approve"), 403),
        ("POST", format!("/api/v1/access-requests/{request}/deny"), 403),
        ("GET", "/api/v1/audit".to_owned(), 403),
        ("GET", format!("/api/v1/audit?actor=user:{id}"), 403),
    ] {
        let body = if method == "PATCH" { json!({ "tenant": "zenith" }) } else { Value::Null };
        let answer = house.by(&bob, method, &path, body).await;
        verdicts.expect(&format!("8.2.2 {method} {path}"), &answer, status, "");
    }
    // whether something of somebody else is there cannot be told from the answer
    let answer = house.by(&bob, "DELETE", "/api/v1/keys/nobodyskey00", Value::Null).await;
    verdicts.expect("8.2.2 a key that is nobody's", &answer, 403, "permission_missing");
    // the tenant of a key is its owner's
    let other = json!({ "name": "x", "roles": ["user"], "tenant": "acme" });
    let made = house.by(&bob, "POST", "/api/v1/keys", other).await;
    let tenant = made.json()["key"]["tenant"].clone();
    verdicts.check("8.4.1 a tenant of one's choice", tenant != json!("acme"), made.text());
    let eve = house.person("eve", "user", None).await;
    let other = json!({ "name": "x", "roles": ["user"], "tenant": "acme" });
    let made = house.by(&eve, "POST", "/api/v1/keys", other).await;
    verdicts.expect("8.4.1 a tenant where one has none", &made, 403, "permission_missing");
    let still = house.by(&ann, "GET", "/api/v1/account/sessions", Value::Null).await;
    verdicts.expect("control: ann's session goes on", &still, 200, "");
    let still = house.by(&ann, "GET", "/api/v1/keys", Value::Null).await;
    verdicts.check("control: and her key is there", still.text().contains(&key), still.text());
    verdicts.end(32);
}
