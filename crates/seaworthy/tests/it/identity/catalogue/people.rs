//! Ways to come by more than one has.

use serde_json::{Value, json};

use super::{House, Verdicts};

/// ASVS 8.2.1, 8.3.1: nobody comes by more than they were given, by whatever way.
#[tokio::test]
async fn nobody_comes_by_more_than_they_have() {
    let house = House::open().await;
    let mut verdicts = Verdicts::default();
    let ops = house.person("ops", "operator", None).await;
    let ann = house.person("ann", "user", None).await;
    let key = |roles: Value| json!({ "name": "x", "roles": roles });
    let grant = |what: &str| json!({ "what": what, "reason": "x", "duration": "1h" });
    let own = format!("/api/v1/users/{}", ops.id);
    for (name, method, path, body, status) in [
        (
            "adds an admin",
            "POST",
            "/api/v1/users".to_owned(),
            json!({ "name": "eve", "roles": ["admin"] }),
            403,
        ),
        ("adds anybody", "POST", "/api/v1/users".to_owned(), json!({ "name": "eve" }), 403),
        ("promotes oneself", "PATCH", own.clone(), json!({ "roles": ["admin"] }), 403),
        ("promotes another", "PATCH", "/api/v1/users/ann".to_owned(), json!({ "roles": ["admin"] }), 403),
        ("resets an admin", "POST", "/api/v1/users/admin/reset-password".to_owned(), Value::Null, 403),
        ("grants oneself", "POST", format!("{own}/grants"), grant("admin"), 403),
        ("grants another", "POST", "/api/v1/users/ann/grants".to_owned(), grant("operator"), 403),
        ("a key of an admin", "POST", "/api/v1/keys".to_owned(), key(json!(["admin"])), 403),
        (
            "a key for another",
            "POST",
            "/api/v1/keys".to_owned(),
            json!({ "name": "x", "owner": "ann", "roles": ["user"] }),
            403,
        ),
        ("a key of no role", "POST", "/api/v1/keys".to_owned(), key(json!(["root"])), 400),
        ("a role's case", "POST", "/api/v1/keys".to_owned(), key(json!(["Admin"])), 400),
        ("a role with a blank", "POST", "/api/v1/keys".to_owned(), key(json!(["admin "])), 400),
        ("asks for what is not", "POST", "/api/v1/access-requests".to_owned(), grant("root"), 400),
        ("asks for no pattern", "POST", "/api/v1/access-requests".to_owned(), grant("users:write;*"), 400),
        (
            "asks for ever",
            "POST",
            "/api/v1/access-requests".to_owned(),
            json!({ "what": "admin", "reason": "x", "duration": "9000d" }),
            400,
        ),
        (
            "asks for nothing long",
            "POST",
            "/api/v1/access-requests".to_owned(),
            json!({ "what": "admin", "reason": "x", "duration": "0s" }),
            400,
        ),
        (
            "asks without a reason",
            "POST",
            "/api/v1/access-requests".to_owned(),
            json!({ "what": "admin", "reason": " ", "duration": "1h" }),
            400,
        ),
    ] {
        let answer = house.by(&ops, method, &path, body).await;
        verdicts.expect(&format!("8.2.1 {name}"), &answer, status, "");
    }
    approvals(&house, &mut verdicts).await;
    scopes(&house, &mut verdicts).await;
    let answer = house.by(&ops, "POST", "/api/v1/cache/purge", json!({ "path": "/" })).await;
    verdicts.expect("control: what operators may", &answer, 200, "");
    let answer = house.by(&ann, "POST", "/api/v1/cache/purge", json!({ "path": "/" })).await;
    verdicts.expect("8.2.1 and users may not", &answer, 403, "permission_missing");
    verdicts.end(33);
}

/// ASVS 8.2.1: two people, and nobody more than they have themselves.
async fn approvals(house: &House, verdicts: &mut Verdicts) {
    let lead = house.person("lead", "operator", None).await;
    let approve = json!({ "what": "grants:approve", "reason": "lead", "duration": "1h" });
    let given = house.ask("POST", &format!("/api/v1/users/{}/grants", lead.id), &[], &approve).await;
    verdicts.expect("control: what admins may grant", &given, 201, "");
    let ask = |what: &str| json!({ "what": what, "reason": "x", "duration": "1h" });
    let asked = house.by(&lead, "POST", "/api/v1/access-requests", ask("user")).await;
    let own = asked.json()["id"].as_str().unwrap().to_owned();
    for decision in ["approve", "deny"] {
        let path = format!("/api/v1/access-requests/{own}/{decision}");
        let answer = house.by(&lead, "POST", &path, json!({})).await;
        verdicts.expect(&format!("8.2.1 {decision}s one's own"), &answer, 403, "permission_missing");
    }
    let bob = house.person("bob", "user", None).await;
    for (what, status) in [("admin", 403), ("users:write", 403), ("*:*", 403), ("operator", 200)] {
        let asked = house.by(&bob, "POST", "/api/v1/access-requests", ask(what)).await;
        let path = format!("/api/v1/access-requests/{}/approve", asked.json()["id"].as_str().unwrap());
        let answer = house.by(&lead, "POST", &path, json!({})).await;
        verdicts.expect(&format!("8.2.1 approves {what}"), &answer, status, "");
        if status == 200 {
            let again = house.by(&lead, "POST", &path, json!({})).await;
            verdicts.expect("2.3.1 approves it again", &again, 409, "wrong_state");
        }
    }
    // who may change people, for an hour, does not come by what those people have been given for an hour
    let help = house.person("help", "operator", None).await;
    let users = json!({ "what": "users:write", "reason": "help desk", "duration": "1h" });
    house.ask("POST", &format!("/api/v1/users/{}/grants", help.id), &[], &users).await;
    let admin = json!({ "what": "admin", "reason": "on call", "duration": "1h" });
    house.ask("POST", &format!("/api/v1/users/{}/grants", bob.id), &[], &admin).await;
    let path = format!("/api/v1/users/{}", bob.id);
    let answer = house.by(&help, "POST", &format!("{path}/reset-password"), json!({})).await;
    verdicts.expect("8.3.1 resets who is an admin for an hour", &answer, 403, "permission_missing");
    let answer = house.by(&help, "PATCH", &path, json!({ "email": "help@evil.test" })).await;
    verdicts.expect("8.3.1 changes who is an admin for an hour", &answer, 403, "permission_missing");
    let answer = house.by(&help, "DELETE", &path, Value::Null).await;
    verdicts.expect("8.3.1 removes who is an admin for an hour", &answer, 403, "permission_missing");
    let made = house.by(&help, "POST", "/api/v1/users", json!({ "name": "zoe", "roles": ["admin"] })).await;
    verdicts.expect("8.2.1 hands out more than one has", &made, 403, "permission_missing");
}

/// ASVS 10.4.11, 8.3.1: scopes narrow and never widen.
async fn scopes(house: &House, verdicts: &mut Verdicts) {
    let sue = house.person("sue", "operator", None).await;
    let asked = json!({ "name": "reads", "roles": ["operator"], "scopes": ["jobs:read"] });
    let made = house.by(&sue, "POST", "/api/v1/keys", asked).await;
    let key = made.json()["secret"].as_str().unwrap().to_owned();
    let answer = house.with(&key, "GET", "/api/v1/jobs", Value::Null).await;
    verdicts.expect("control: within the scope", &answer, 200, "");
    for (method, path, body) in [
        ("POST", "/api/v1/cache/purge", json!({ "path": "/" })),
        ("GET", "/api/v1/services", Value::Null),
        ("GET", "/metrics", Value::Null),
        ("POST", "/api/v1/keys", json!({ "name": "wider", "roles": ["operator"] })),
        ("POST", "/api/v1/account/tokens", json!({})),
        (
            "PUT",
            "/api/v1/account/password",
            json!({ "current": sue.password, "new": "another long password" }),
        ),
    ] {
        let answer = house.with(&key, method, path, body).await;
        verdicts.expect(
            &format!("8.3.1 {method} {path} beyond the scope"),
            &answer,
            403,
            "permission_missing",
        );
    }
    let wide = json!({ "name": "wide", "roles": ["operator"] });
    let wide =
        house.by(&sue, "POST", "/api/v1/keys", wide).await.json()["secret"].as_str().unwrap().to_owned();
    let confirmed = json!({ "password": sue.password });
    for (path, body) in [("/api/v1/account/tokens", json!({})), ("/api/v1/account/second-factor", confirmed)]
    {
        let answer = house.with(&wide, "POST", path, body).await;
        verdicts.expect(&format!("8.2.1 a key and {path}"), &answer, 403, "permission_missing");
    }
}
