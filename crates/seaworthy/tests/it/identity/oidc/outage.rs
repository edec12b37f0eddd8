//! The provider goes away and comes back: who is known stays known, nobody new is believed.

use super::super::bearer;
use super::{Browser, House, LOGIN, LONG, gateway, mirror};
use crate::harness::client::exchange;
use crate::harness::{eventually, free_address};

const ES256: &str = "https://shop.test/es256";

#[tokio::test]
async fn sessions_and_keys_outlive_the_provider() {
    let mut house = House::new(LONG).await;
    let page = house.url("/page");
    let mut browser = Browser::default();
    assert_eq!(browser.visit(&page, "ann").await.status, 200);
    let (known, unknown) =
        (house.provider.token(ES256, "read").await, house.provider.token(ES256, "read").await);
    let opaque = house.provider.token("https://vault.test/", "read").await;
    let call = |path: &'static str, token: &str| {
        let (address, credential) = (house.gateway.address, bearer(token));
        async move { exchange(address, "GET", path, &[("authorization", &credential)], "").await }
    };
    assert_eq!(call("/api", &known).await.status, 200);
    // somebody is on the way back when it happens
    let mut late = Browser::default();
    let callback = late.until(&page, "bob", "/callback?").await;
    house.provider.stop().await;
    assert_eq!(browser.open(&page).await.status, 200);
    assert_eq!(call("/api", &known).await.status, 200);
    assert_eq!(call("/api", &unknown).await.status, 200, "one it never saw, by the keys at hand");
    let answer = late.open(&callback).await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (503, "login_provider"));
    assert_ne!(late.open(&page).await.status, 200, "no session came of it");
    let answer = call("/vault", &opaque).await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (503, "introspection_unavailable"));
    // log-out works here, though nobody can be told
    let own = house.url("");
    let logout = house.url(&format!("{LOGIN}/logout"));
    assert_eq!(browser.ask("POST", &logout, &[("origin", &own)], "").await.status, 303);
    assert_eq!(browser.open(&page).await.status, 302);
    // it comes back with other keys and no memory: people log in, and new tokens are believed
    house.provider.restart().await;
    let mut fresh = Browser::default();
    assert_eq!(fresh.visit(&page, "ann").await.status, 200);
    let token = house.provider.token(ES256, "read").await;
    let (address, credential) = (house.gateway.address, bearer(&token));
    let answer = exchange(address, "GET", "/api", &[("authorization", &credential)], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A gateway that starts while the provider is away serves what needs nobody, and fails closed.
#[tokio::test]
async fn a_gateway_starts_without_its_provider() {
    let mut house = House::new(LONG).await;
    let token = house.provider.token(ES256, "read").await;
    house.provider.stop().await;
    let upstream = mirror().await;
    let late = gateway(&house.provider, &upstream, (free_address(), free_address()), "").await;
    assert_eq!(late.get("/bye").await.status, 200);
    let credential = bearer(&token);
    let headers = [("authorization", credential.as_str())];
    let ask = || exchange(late.address, "GET", "/api", &headers, "");
    let answer = ask().await;
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (503, "keys_unavailable"));
    let start = exchange(late.address, "GET", &format!("{LOGIN}/start?return_to=/page"), &[], "").await;
    assert_eq!((start.status.as_u16(), start.reason().as_str()), (503, "login_provider"));
    assert!(!start.headers.contains_key("set-cookie"));
    house.provider.restart().await;
    let start = exchange(late.address, "GET", &format!("{LOGIN}/start?return_to=/page"), &[], "").await;
    assert_eq!(start.status, 303, "{}", start.text());
    // its keys are asked for again after a pause; tokens of its former life stay refused
    eventually("the keys are there", || async { (ask().await.status == 401).then_some(()) }).await;
}
