//! What a page of somebody else could make a browser send, and sessions that are not what they seem.

use serde_json::{Value, json};

use super::{House, Person, Verdicts};
use crate::harness::client::exchange;

/// ASVS 3.5.1, 3.5.2, 3.5.3: a browser's cookie alone orders nothing, whatever a page has it send along.
#[tokio::test]
async fn pages_of_others_give_no_orders() {
    let house = House::open().await;
    let ann = house.person("ann", "operator", None).await;
    let bob = house.person("bob", "operator", None).await;
    let mut verdicts = Verdicts::default();
    let own =
        |person: &Person| vec![("cookie", person.cookie.clone()), ("x-csrf-token", person.csrf.clone())];
    let with = |mut headers: Vec<(&'static str, String)>, name: &'static str, value: &str| {
        headers.push((name, value.to_owned()));
        headers
    };
    let cookie = || vec![("cookie", ann.cookie.clone())];
    let (tampered, other) = (format!("{}x", ann.csrf), bob.csrf.clone());
    for (name, headers, status, reason) in [
        ("no token", cookie(), 403, "csrf"),
        ("an empty token", with(cookie(), "x-csrf-token", ""), 403, "csrf"),
        ("a longer token", with(cookie(), "x-csrf-token", &tampered), 403, "csrf"),
        ("upper case", with(cookie(), "x-csrf-token", &ann.csrf.to_uppercase()), 403, "csrf"),
        ("another session's", with(cookie(), "x-csrf-token", &other), 403, "csrf"),
        ("the session's id", with(cookie(), "x-csrf-token", &ann.session), 403, "csrf"),
        ("twice", with(own(&ann), "x-csrf-token", &ann.csrf), 403, "csrf"),
        ("by another name", with(cookie(), "x-xsrf-token", &ann.csrf), 403, "csrf"),
        ("in a cookie", vec![("cookie", format!("{}; x-csrf-token={}", ann.cookie, ann.csrf))], 403, "csrf"),
        ("another origin", with(own(&ann), "origin", "https://evil.test"), 403, "foreign_origin"),
        ("no origin at all", with(own(&ann), "origin", "null"), 403, "foreign_origin"),
        ("another port", with(own(&ann), "origin", "http://127.0.0.1:1"), 403, "foreign_origin"),
        (
            "a name that begins so",
            with(own(&ann), "origin", "http://127.0.0.1.evil.test"),
            403,
            "foreign_origin",
        ),
        ("another site", with(own(&ann), "sec-fetch-site", "cross-site"), 403, "foreign_origin"),
        ("a sister site", with(own(&ann), "sec-fetch-site", "same-site"), 403, "foreign_origin"),
        ("a foreign name", with(own(&ann), "host", "evil.test"), 403, "foreign_host"),
        ("two sessions", with(own(&ann), "cookie", &bob.cookie), 401, "no_credential"),
        (
            "two in one line",
            with(
                vec![("x-csrf-token", ann.csrf.clone())],
                "cookie",
                &format!("{}; {}", ann.cookie, bob.cookie),
            ),
            401,
            "no_credential",
        ),
        ("a cut session", with(vec![], "cookie", &ann.cookie[..ann.cookie.len() - 1]), 401, "no_credential"),
        ("a longer session", with(vec![], "cookie", &format!("{}A", ann.cookie)), 401, "no_credential"),
        (
            "the session's id as its token",
            with(vec![], "cookie", &format!("seaworthy_session={}", ann.session)),
            401,
            "no_credential",
        ),
        (
            "another case of the name",
            with(vec![], "cookie", &ann.cookie.replace("seaworthy", "Seaworthy")),
            401,
            "no_credential",
        ),
        (
            "a device for a session",
            with(vec![], "cookie", &format!("seaworthy_session={}", ann.device)),
            401,
            "no_credential",
        ),
        (
            "a log-in's cookie of a route",
            with(vec![], "cookie", &ann.cookie.replace("_session", "_idp")),
            401,
            "no_credential",
        ),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            let mut all = headers.clone();
            all.push(("content-type", kind));
            let body = "{\"path\":\"/\"}";
            let answer = exchange(house.gateway.control, "POST", "/api/v1/cache/purge", &all, body).await;
            verdicts.expect(&format!("3.5.1 {name}, {kind}"), &answer, status, reason);
        }
    }
    let answer = house.by(&ann, "POST", "/api/v1/cache/purge", json!({ "path": "/" })).await;
    verdicts.expect("control: with its token", &answer, 200, "");
    let login = json!({ "name": "bob", "password": bob.password });
    let foreign = [("cookie", "none=1"), ("origin", "https://evil.test")];
    let answer = house.ask("POST", "/api/v1/login", &foreign, &login).await;
    verdicts.expect("3.5.1 logs somebody in as another", &answer, 403, "foreign_origin");
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        let headers = [("cookie", ann.cookie.as_str()), ("origin", "https://evil.test")];
        for path in ["/api/v1/cache/purge", "/api/v1/logout", "/api/v1/account/tokens"] {
            let answer = house.ask(method, path, &headers, &Value::Null).await;
            let right = answer.status == 405 && answer.header("access-control-allow-origin").is_empty();
            verdicts.check(&format!("3.5.3 {method} {path}"), right, answer.status);
        }
    }
    let answer = house.by(&ann, "GET", "/api/v1/account", Value::Null).await;
    verdicts.check("3.4.3 nothing is framed", answer.header("x-frame-options") == "DENY", answer.text());
    verdicts.check(
        "3.4.4 types are as told",
        answer.header("x-content-type-options") == "nosniff",
        answer.text(),
    );
    verdicts.check("14.3.2 nothing is kept", answer.header("cache-control") == "no-store", answer.text());
    verdicts.end(85);
}

/// ASVS 7.2.4, 7.4.1: sessions begin anew, and end where they are ended.
#[tokio::test]
async fn sessions_begin_anew_and_end() {
    let house = House::open().await;
    let ann = house.person("ann", "user", None).await;
    let mut verdicts = Verdicts::default();
    let account = |cookie: String| {
        let house = &house;
        async move { house.ask("GET", "/api/v1/account", &[("cookie", &cookie)], &Value::Null).await }
    };
    verdicts.expect("control: a session", &account(ann.cookie.clone()).await, 200, "");
    for planted in ["seaworthy_session=sws_chosen-by-somebody-else", ann.cookie.as_str()] {
        let answer = house.try_log_in("ann", &ann.password, &[("cookie", planted)]).await;
        let set = answer.headers.get_all("set-cookie").iter().next().unwrap().to_str().unwrap().to_owned();
        verdicts.check("7.2.4 a fresh one", answer.status == 200 && !set.starts_with(planted), &set);
        for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            verdicts.check(&format!("3.3.2 {flag}"), set.contains(flag), &set);
        }
        verdicts.check("3.3.1 none for a domain", !set.to_lowercase().contains("domain="), &set);
        verdicts.expect("7.2.4 the planted one", &account(planted.to_owned()).await, 401, "");
    }
    let host = [("host", "ops.test"), ("cookie", "none=1")];
    let body = json!({ "name": "ann", "password": ann.password });
    let answer = house.ask("POST", "/api/v1/login", &host, &body).await;
    verdicts.expect("3.3.1 by a name that is not ours", &answer, 403, "foreign_host");
    let ann = house.log_in("ann", &ann.password).await;
    let token = house.by(&ann, "POST", "/api/v1/account/tokens", json!({})).await;
    verdicts.expect("control: tokens", &token, 200, "");
    let out = house.by(&ann, "POST", "/api/v1/logout", Value::Null).await;
    verdicts.expect("control: log-out", &out, 200, "");
    verdicts.check(
        "7.4.1 the cookie goes",
        out.header("set-cookie").contains("Max-Age=0"),
        out.header("set-cookie"),
    );
    verdicts.expect("7.4.1 and so does the session", &account(ann.cookie.clone()).await, 401, "");
    verdicts.expect(
        "7.4.1 for orders too",
        &house.by(&ann, "POST", "/api/v1/logout", Value::Null).await,
        401,
        "",
    );
    verdicts.end(19);
}

/// ASVS 6.3.1: whoever guesses at somebody's password does not keep them out of where they have been before.
#[tokio::test]
async fn nobody_is_locked_out_by_others() {
    let house = House::open().await;
    let ann = house.person("ann", "user", None).await;
    let mut verdicts = Verdicts::default();
    for guess in 0..5 {
        let answer = house.try_log_in("ann", &format!("guess number {guess}"), &[]).await;
        verdicts.expect("6.3.1 a guess", &answer, 401, "credential_refused");
    }
    for password in ["one more guess", ann.password.as_str()] {
        let answer = house.try_log_in("ann", password, &[]).await;
        verdicts.expect("6.3.1 a stranger waits", &answer, 429, "locked_out");
    }
    for (name, device) in [("a guess", "swd_x".to_owned()), ("her session", ann.cookie.clone())] {
        let body = json!({ "name": "ann", "password": ann.password, "device": device });
        let answer = house.ask_owned("POST", "/api/v1/login", body).await;
        verdicts.expect(&format!("6.3.1 {name} is no device"), &answer, 429, "locked_out");
    }
    let body = json!({ "name": "ann", "password": ann.password, "device": ann.device });
    let answer = house.ask_owned("POST", "/api/v1/login", body).await;
    verdicts.expect("control: at her own device", &answer, 200, "");
    verdicts.expect(
        "control: her session",
        &house.by(&ann, "GET", "/api/v1/account", Value::Null).await,
        200,
        "",
    );
    verdicts.end(11);
}
