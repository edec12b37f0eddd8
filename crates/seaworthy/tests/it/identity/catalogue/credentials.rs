//! API keys and tokens that are not what they seem.

use serde_json::{Value, json};

use super::super::bearer;
use super::{House, Verdicts};
use crate::harness::client::exchange;

/// The other case of the last letter that has one.
fn other_case(text: &str) -> String {
    let at = text.rfind(|c: char| c.is_ascii_alphabetic()).unwrap();
    let c = text.as_bytes()[at] as char;
    let c = if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    format!("{}{c}{}", &text[..at], &text[at + 1..])
}

/// ASVS 9.1.1, 14.2.1: an API key is one text, in one place, as long as it lives.
#[tokio::test]
async fn keys_that_are_nearly_right_are_wrong() {
    let house = House::open().await;
    let ann = house.person("ann", "user", None).await;
    let mut verdicts = Verdicts::default();
    let made =
        house.by(&ann, "POST", "/api/v1/keys", json!({ "name": "ci", "roles": ["user"] })).await.json();
    let (id, key) = (made["key"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let data = house.gateway.address;
    let good = exchange(data, "GET", "/any", &[("x-api-key", key)], "").await;
    verdicts.expect("control: the key", &good, 200, "");
    let good = exchange(data, "GET", "/any", &[("authorization", &bearer(key))], "").await;
    verdicts.expect("control: as a bearer token", &good, 200, "");
    let (body, last) = key.split_at(key.len() - 1);
    for (name, wrong) in [
        ("cut", body.to_owned()),
        ("cut at the front", key[1..].to_owned()),
        ("longer", format!("{key}a")),
        ("doubled", format!("{key}{key}")),
        ("upper case", key.to_ascii_uppercase()),
        ("one letter's case", other_case(key)),
        ("one letter else", format!("{body}{}", if last == "a" { "b" } else { "a" })),
        ("its id alone", format!("sw_{id}_")),
        ("its id and no secret", format!("sw_{id}")),
        ("another's secret", key.replace(id, &"a".repeat(id.len()))),
        ("quoted", format!("\"{key}\"")),
        ("listed", format!("{key},{key}")),
        ("a blank inside", key.replacen('_', " ", 1)),
        ("encoded", key.replace('_', "%5F")),
    ] {
        let answer = exchange(data, "GET", "/any", &[("x-api-key", &wrong)], "").await;
        verdicts.expect(&format!("9.1.1 {name}"), &answer, 401, "");
        let answer = exchange(data, "GET", "/any", &[("authorization", &bearer(&wrong))], "").await;
        verdicts.expect(&format!("9.1.1 {name}, as a bearer token"), &answer, 401, "");
    }
    for (name, path, headers) in [
        ("in the query", format!("/any?api_key={key}"), vec![]),
        ("in the query as a token", format!("/any?access_token={key}"), vec![]),
        ("in a cookie", "/any".to_owned(), vec![("cookie", format!("x-api-key={key}"))]),
        ("by another scheme", "/any".to_owned(), vec![("authorization", format!("Basic {key}"))]),
        ("without a scheme", "/any".to_owned(), vec![("authorization", key.to_owned())]),
        (
            "in both headers",
            "/any".to_owned(),
            vec![("x-api-key", key.to_owned()), ("authorization", bearer(key))],
        ),
        ("twice", "/any".to_owned(), vec![("x-api-key", key.to_owned()), ("x-api-key", key.to_owned())]),
        ("by another name", "/any".to_owned(), vec![("api-key", key.to_owned())]),
        ("by an underscore", "/any".to_owned(), vec![("x_api_key", key.to_owned())]),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = exchange(data, "GET", &path, &headers, "").await;
        verdicts.expect(&format!("14.2.1 {name}"), &answer, 401, "");
    }
    ends(&house, &mut verdicts).await;
    verdicts.end(44);
}

/// ASVS 7.4.2, 9.2.1: keys end with their time, with their owner, and when they are told to.
async fn ends(house: &House, verdicts: &mut Verdicts) {
    let bob = house.person("bob", "user", None).await;
    let data = house.gateway.address;
    let make = |lifetime: &'static str| {
        let (house, bob) = (house, bob.clone());
        async move {
            let new = json!({ "name": "ci", "roles": ["user"], "lifetime": lifetime });
            house.by(&bob, "POST", "/api/v1/keys", new).await
        }
    };
    for lifetime in ["0s", "9999d", "-1h", "soon"] {
        verdicts.expect(&format!("9.2.1 lives {lifetime}"), &make(lifetime).await, 400, "invalid_argument");
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let short = text(&make("1ms").await.json()["secret"]);
    let lived = crate::harness::eventually("the key's time is over", || async {
        let answer = exchange(data, "GET", "/any", &[("x-api-key", &short)], "").await;
        (answer.status == 401).then_some(answer)
    });
    verdicts.expect("9.2.1 its time is over", &lived.await, 401, "");
    let (leaked, kept) = (make("1h").await.json(), make("1h").await.json());
    let path = format!("/api/v1/keys/{}/rotate", text(&leaked["key"]["id"]));
    let successor = house.by(&bob, "POST", &path, json!({ "grace": "0s" })).await.json();
    let answer = exchange(data, "GET", "/any", &[("x-api-key", &text(&leaked["secret"]))], "").await;
    verdicts.expect("7.4.2 it leaked", &answer, 401, "");
    let answer = exchange(data, "GET", "/any", &[("x-api-key", &text(&successor["secret"]))], "").await;
    verdicts.expect("control: its successor", &answer, 200, "");
    house.ask("PATCH", "/api/v1/users/bob", &[], &json!({ "enabled": false })).await;
    for (name, key) in [("a key", &kept["secret"]), ("a successor", &successor["secret"])] {
        let answer = exchange(data, "GET", "/any", &[("x-api-key", &text(key))], "").await;
        verdicts.expect(&format!("7.4.2 {name} of somebody who is switched off"), &answer, 401, "");
    }
    let answer = house.by(&bob, "GET", "/api/v1/account", Value::Null).await;
    verdicts.expect("7.4.2 a session of theirs", &answer, 401, "");
}

/// ASVS 9.2.2, 10.4.5: each token for what it is for, and a refresh token once.
#[tokio::test]
async fn tokens_are_good_for_what_they_are_for() {
    let house = House::open().await;
    let ann = house.person("ann", "user", None).await;
    let mut verdicts = Verdicts::default();
    let control = "/api/v1/account";
    let pair = house.by(&ann, "POST", "/api/v1/account/tokens", json!({})).await.json();
    let (access, refresh) = (pair["access_token"].as_str().unwrap(), pair["refresh_token"].as_str().unwrap());
    let session = ann.cookie.split_once('=').unwrap().1;
    let data = |token: String| {
        let address = house.gateway.address;
        async move { exchange(address, "GET", "/any", &[("authorization", &bearer(&token))], "").await }
    };
    verdicts.expect(
        "control: an access token",
        &house.with(access, "GET", control, Value::Null).await,
        200,
        "",
    );
    verdicts.expect("control: on a route", &data(access.to_owned()).await, 200, "");
    for (name, token) in [
        ("a refresh token", refresh.to_owned()),
        ("a session", session.to_owned()),
        ("a token against forgery", ann.csrf.clone()),
        ("a device", ann.device.clone()),
        ("a session's id", ann.session.clone()),
        ("a cut token", access[..access.len() - 2].to_owned()),
        ("a token with more", format!("{access}AA")),
        ("a token of two parts", access.rsplit_once('.').unwrap().0.to_owned()),
        ("a token without a signature", format!("{}.", access.rsplit_once('.').unwrap().0)),
        ("a token with a fourth part", format!("{access}.AA")),
        ("another algorithm", swapped(access, &json!({ "alg": "none" }))),
        ("a shared secret", swapped(access, &json!({ "alg": "HS256", "typ": "at+jwt" }))),
    ] {
        let answer = house.with(&token, "GET", control, Value::Null).await;
        verdicts.expect(&format!("9.2.2 {name} at the control listener"), &answer, 401, "");
        verdicts.expect(&format!("9.2.2 {name} on a route"), &data(token).await, 401, "");
    }
    let renew =
        |token: &str| house.ask_owned("POST", "/api/v1/tokens/refresh", json!({ "refresh_token": token }));
    for (name, token) in
        [("an access token", access), ("a session", session), ("nothing", ""), ("a guess", "swr_x")]
    {
        verdicts.expect(
            &format!("9.2.2 refreshed by {name}"),
            &renew(token).await,
            401,
            "credential_refused",
        );
    }
    let second = renew(refresh).await;
    verdicts.expect("control: exchanged", &second, 200, "");
    let second = second.json();
    let (newer, next) = (second["access_token"].as_str().unwrap(), second["refresh_token"].as_str().unwrap());
    verdicts.expect("control: the new one", &house.with(newer, "GET", control, Value::Null).await, 200, "");
    verdicts.expect("10.4.5 exchanged again", &renew(refresh).await, 401, "credential_refused");
    verdicts.expect("10.4.5 its successor is dead", &renew(next).await, 401, "credential_refused");
    for (name, token) in [("the first", access), ("the second", newer)] {
        let answer = house.with(token, "GET", control, Value::Null).await;
        verdicts.expect(&format!("10.4.5 {name} access token is dead"), &answer, 401, "");
        verdicts.expect(&format!("10.4.5 {name} is dead on routes"), &data(token.to_owned()).await, 401, "");
    }
    verdicts.end(36);
}

/// The token's contents under another head, signed with the issuer's public name.
fn swapped(token: &str, header: &Value) -> String {
    let contents = token.split('.').nth(1).unwrap();
    let head = super::super::base64url(header.to_string().as_bytes());
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"seaworthy");
    let text = format!("{head}.{contents}");
    let tag = aws_lc_rs::hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", super::super::base64url(tag.as_ref()))
}
