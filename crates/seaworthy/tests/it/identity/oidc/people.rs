//! People log in, stay, and log out.

use serde_json::{Value, json};

use super::{Browser, House, LOGIN, LONG, seen};
use crate::harness::client::exchange;
use crate::harness::{Answer, eventually};

/// ASVS 10.5: the code flow from the first request to the page that was asked for.
#[tokio::test]
async fn a_person_who_opens_a_page_logs_in_and_gets_it() {
    let house = House::new(LONG).await;
    let mut browser = Browser::default();
    let answer = browser.visit(&house.url("/orders?page=2&of=a%2Fb"), "ann").await;
    assert_eq!(answer.status, 200, "{:#?} {}", browser.trail, answer.text());
    let told = answer.json();
    assert_eq!(told["target"], "/orders?page=2&of=a%2Fb", "where they wanted to go");
    assert_eq!(
        (seen(&told, "x-auth-subject"), seen(&told, "x-auth-method")),
        ("ann".into(), "session".into())
    );
    assert_eq!((seen(&told, "x-auth-roles"), seen(&told, "x-auth-tenant")), ("editor".into(), "acme".into()));
    assert_eq!(seen(&told, "x-auth-issuer"), house.provider.issuer());
    assert_eq!(seen(&told, "cookie"), "", "the session is nobody else's business");
    // the way there: the start, the provider, the way back, the page
    let start = &browser.trail[1];
    assert!(start.starts_with(&house.url(&format!("{LOGIN}/start?return_to="))), "{start}");
    let provider = &browser.trail[2];
    assert!(provider.starts_with(&format!("{}/auth?", house.provider.issuer())), "{provider}");
    for needed in ["response_type=code", "code_challenge_method=S256", "code_challenge=", "state=", "nonce="]
    {
        assert!(provider.contains(needed), "10.4.6 {needed}: {provider}");
    }
    assert!(browser.trail.iter().any(|url| url.starts_with(&house.url(&format!("{LOGIN}/callback?code=")))));
    // and from now on at once
    let before = house.provider.asked("/token").await;
    assert_eq!(browser.open(&house.url("/editors")).await.status, 200);
    assert_eq!(house.provider.asked("/token").await, before);
    let who = browser.open(&house.url(&format!("{LOGIN}/session"))).await.json();
    assert_eq!((&who["subject"], &who["roles"]), (&json!("ann"), &json!(["editor"])));
}

#[tokio::test]
async fn roles_of_the_provider_decide() {
    let house = House::new(LONG).await;
    let mut browser = Browser::default();
    assert_eq!(browser.visit(&house.url("/page"), "bob").await.status, 200);
    let answer = browser.open(&house.url("/editors")).await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (403, "insufficient_role"));
}

/// A program gets an answer that it understands, not a log-in page.
#[tokio::test]
async fn only_who_navigates_is_led_to_the_log_in() {
    let house = House::new(LONG).await;
    let url = house.url("/page");
    let html = ("accept", "text/html");
    for (name, method, headers) in [
        ("program", "GET", vec![("accept", "application/json")]),
        ("nothing said", "GET", vec![]),
        ("script", "GET", vec![html, ("sec-fetch-mode", "cors")]),
        ("form", "POST", vec![html]),
    ] {
        let answer = Browser::default().ask(method, &url, &headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (401, "no_credential"), "{name}");
        assert_eq!(answer.header("location"), "", "{name}");
    }
    let answer = Browser::default().ask("GET", &url, &[html], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (302, "no-store"));
    // who does not want to log in gets no session
    let mut browser = Browser::default();
    let answer = browser.visit(&url, "").await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (401, "login_refused"));
    assert_ne!(browser.open(&url).await.status, 200);
}

/// ASVS 7.4.1: what was ended is ended, for whoever kept a copy too.
#[tokio::test]
async fn log_out_ends_the_session_here_and_at_the_provider() {
    let house = House::new(LONG).await;
    let mut browser = Browser::default();
    let page = house.url("/page");
    assert_eq!(browser.visit(&page, "ann").await.status, 200);
    let mut thief = browser.clone();
    let logout = house.url(&format!("{LOGIN}/logout"));
    // a link or another site's form does nothing
    assert_eq!(browser.open(&logout).await.status, 200);
    let foreign = [("origin", "https://evil.test")];
    assert_eq!(browser.ask("POST", &logout, &foreign, "").await.reason(), "csrf_origin");
    assert_eq!(browser.open(&page).await.status, 200);
    let own = house.url("");
    let answer = browser.ask("POST", &logout, &[("origin", &own)], "").await;
    let end = answer.header("location").to_owned();
    assert!(end.starts_with(&format!("{}/session/end?", house.provider.issuer())), "{end}");
    assert!(end.contains("id_token_hint=") && end.contains("post_logout_redirect_uri="), "{end}");
    assert_eq!(browser.cookies(house.gateway.address), "", "nothing of it is left in the browser");
    assert_eq!(browser.open(&page).await.status, 302);
    assert_eq!(thief.open(&page).await.status, 302, "the old cookie is worth nothing");
    assert_eq!(thief.ask("GET", &page, &[], "").await.reason(), "no_credential");
    // the provider asks once more, ends its own session, and sends the browser back
    let asks = browser.open(&end).await;
    assert_eq!(asks.status, 200, "{}", asks.text());
    let text = asks.text();
    let token = text.split("name=\"xsrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let confirm = format!("{}/session/end/confirm", house.provider.issuer());
    let back = browser.ask("POST", &confirm, &form, &format!("xsrf={token}&logout=yes")).await;
    assert!(back.header("location").starts_with(&house.url("/bye")), "{back:?}");
    let asks = browser.until(&page, "ann", "/interaction/").await;
    assert!(asks.starts_with(&house.provider.issuer()), "it asks anew who it is: {asks}");
}

/// ASVS 10.4.5 from the other side: tokens that rotate are renewed once, however many requests ask.
#[tokio::test]
async fn tokens_are_renewed_when_they_end_and_a_session_ends_with_them() {
    // each request finds them nearly over
    let house = House::new(5).await;
    let mut browser = Browser::default();
    let page = house.url("/page");
    assert_eq!(browser.visit(&page, "ann").await.status, 200);
    let copy = browser.clone();
    let before = house.provider.asked("/token").await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (mut tab, page) = (copy.clone(), page.clone());
        all.spawn(async move { tab.ask("GET", &page, &[], "").await });
    }
    while let Some(answer) = all.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(seen(&answer.json(), "x-auth-subject"), "ann");
        assert!(answer.headers.contains_key("set-cookie"), "each gets the renewed session");
    }
    assert_eq!(house.provider.asked("/token").await, before + 1, "one renewal for all of them");
    // the next one is renewed by the token that came of it
    for round in 2..4 {
        assert_eq!(browser.open(&page).await.status, 200);
        assert!(house.provider.asked("/token").await <= before + round);
    }
    let mut other = Browser::default();
    assert_eq!(other.visit(&page, "bob").await.status, 200);
    house.provider.dismiss().await;
    let answer = browser.ask("GET", &page, &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (401, "session_over"));
    let again = browser.ask("GET", &page, &[], "").await;
    assert_eq!((again.status.as_u16(), again.reason().as_str()), (401, "no_credential"), "once and for all");
    // who navigates is led to the log-in at once
    let lost = other.open(&page).await;
    assert_eq!((lost.status.as_u16(), lost.header("cache-control")), (302, "no-store"), "{}", lost.text());
    let none: Value = browser.open(&house.url(&format!("{LOGIN}/session"))).await.json();
    assert_eq!(none["reason"], "no_credential");
}

/// Waits until the store of people is open.
async fn opened(house: &House) {
    eventually("the store is open", || async {
        let answer = exchange(house.gateway.control, "GET", "/api/v1/users", &[], "").await;
        (answer.status == 200).then_some(())
    })
    .await;
}

async fn disown(house: &House, what: Value) -> Answer {
    let mut order = json!({ "issuer": house.provider.issuer() });
    order.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    let json = [("content-type", "application/json")];
    exchange(house.gateway.control, "POST", "/api/v1/revocations", &json, &order.to_string()).await
}

/// ASVS 7.4.1, 16.3.1: an end is an end, over restarts too, and both ends of a session stand in the audit log.
#[tokio::test]
async fn what_was_ended_stays_ended_over_restarts() {
    let mut house = House::with(LONG, "[store]\n").await;
    opened(&house).await;
    let (mut ann, mut bob) = (Browser::default(), Browser::default());
    let (page, own) = (house.url("/page"), house.url(""));
    assert_eq!(ann.visit(&page, "ann").await.status, 200);
    assert_eq!(bob.visit(&page, "bob").await.status, 200);
    let mut thief = ann.clone();
    let logout = house.url(&format!("{LOGIN}/logout"));
    assert_eq!(ann.ask("POST", &logout, &[("origin", &own)], "").await.status, 303);
    house.gateway.restart("again.log").await;
    opened(&house).await;
    assert_eq!(thief.open(&page).await.status, 302, "logged out before the restart");
    assert_eq!(bob.open(&page).await.status, 200, "and nobody else was");
    // somebody is dismissed: everything the provider vouched for until now
    assert_eq!(disown(&house, json!({ "subject": "bob" })).await.status, 200);
    assert_eq!(bob.open(&page).await.status, 302);
    let token = house.provider.token("https://shop.test/es256", "read").await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let call = || exchange(house.gateway.address, "GET", "/api", &headers, "");
    assert_eq!(call().await.status, 200);
    assert_eq!(disown(&house, json!({ "subject": "robot" })).await.status, 200);
    let answer = call().await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (401, "token_revoked"));
    for wrong in [json!({}), json!({ "subject": "a", "token_id": "b" }), json!({ "subject": "" })] {
        assert_eq!(disown(&house, wrong).await.status, 400);
    }
    eventually("the log tells of it", || async {
        let log = exchange(house.gateway.control, "GET", "/api/v1/audit?limit=100", &[], "").await.text();
        let told = ["\"log_in\"", "\"token.revoke_foreign\"", "subject robot of"];
        told.iter().all(|part| log.contains(part)).then_some(())
    })
    .await;
}
