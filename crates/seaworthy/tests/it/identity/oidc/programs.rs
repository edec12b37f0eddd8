//! Programs call with tokens of the provider: signed ones, opaque ones, and while its keys change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::super::bearer;
use super::{House, LONG, seen};
use crate::harness::client::{Connection, exchange, request};
use crate::harness::{Answer, eventually};

const ES256: &str = "https://shop.test/es256";
const VAULT: &str = "https://vault.test/";

async fn call(house: &House, path: &str, token: &str) -> Answer {
    exchange(house.gateway.address, "GET", path, &[("authorization", &bearer(token))], "").await
}

/// ASVS 9.1.2, 9.2.3: with every algorithm of the provider, and only for us.
#[tokio::test]
async fn its_tokens_are_accepted_where_they_are_meant_for() {
    let house = House::new(LONG).await;
    for resource in [ES256, "https://shop.test/rs256", "https://shop.test/eddsa"] {
        let token = house.provider.token(resource, "read").await;
        let answer = call(&house, "/api", &token).await;
        assert_eq!(answer.status, 200, "{resource}: {}", answer.text());
        assert_eq!(seen(&answer.json(), "x-auth-subject"), "robot");
        assert_eq!(seen(&answer.json(), "x-auth-issuer"), house.provider.issuer());
    }
    let good = house.provider.token(ES256, "read").await;
    let signed = good.rsplit_once('.').unwrap();
    let flipped = if signed.1.starts_with('A') { "B" } else { "A" };
    for (name, path, token, status, reason) in [
        ("8.2.1 scope", "/api", house.provider.token(ES256, "write").await, 403, "insufficient_scope"),
        (
            "9.2.3 for others",
            "/api",
            house.provider.token("https://till.test/", "read").await,
            401,
            "token_audience",
        ),
        (
            "9.1.1 changed",
            "/api",
            format!("{}.{flipped}{}", signed.0, &signed.1[1..]),
            401,
            "token_signature",
        ),
        ("opaque", "/api", house.provider.token(VAULT, "read").await, 401, "token_malformed"),
        ("another way", "/page", good.clone(), 401, "no_credential"),
    ] {
        let answer = call(&house, path, &token).await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (status, reason), "{name}");
    }
    // and once more at most, where this took so long that the changed token's key could have been replaced
    assert!((1..=2).contains(&house.provider.asked("/jwks").await), "the keys were asked for once");
}

/// No token that is good is refused while the keys that sign them change under load.
#[tokio::test]
async fn keys_change_in_mid_traffic_and_nobody_notices() {
    let house = Arc::new(House::new(LONG).await);
    let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..6 {
        callers.spawn(caller(Arc::clone(&house), Arc::clone(&stop), Arc::clone(&good)));
    }
    let more = |count: usize| {
        let (goal, good) = (good.load(Ordering::Relaxed) + count, Arc::clone(&good));
        async move {
            eventually("the load goes on", || async { (good.load(Ordering::Relaxed) >= goal).then_some(()) })
                .await;
        }
    };
    more(150).await;
    house.provider.rotate().await;
    more(300).await;
    stop.store(true, Ordering::Relaxed);
    let mut kids = BTreeSet::new();
    while let Some(caller) = callers.join_next().await {
        kids.extend(caller.unwrap());
    }
    assert_eq!(kids.len(), 2, "tokens of both keys were sent");
    assert!(house.provider.asked("/jwks").await <= 3, "once for everybody");
    let access = house.gateway.policy_of("shop", "access", "/api").await;
    assert_eq!(access["effects"]["unauthenticated"].as_u64().unwrap_or_default(), 0, "{access}");
}

/// Calls with a token until it fetches the next. Every answer must be good. What keys its tokens were signed with.
async fn caller(house: Arc<House>, stop: Arc<AtomicBool>, good: Arc<AtomicUsize>) -> BTreeSet<String> {
    let mut kids = BTreeSet::new();
    let mut connection = Connection::open(house.gateway.address).await.unwrap();
    // an old token goes on beside the new ones
    let old = house.provider.token(ES256, "read").await;
    while !stop.load(Ordering::Relaxed) {
        let fresh = house.provider.token(ES256, "read").await;
        for token in [&fresh, &old, &fresh] {
            let answer =
                connection.send(request("GET", "/api", &[("authorization", &bearer(token))], "")).await;
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            good.fetch_add(1, Ordering::Relaxed);
        }
        // the header names the key, and nothing else differs from token to token
        kids.insert(fresh.split('.').next().unwrap().to_owned());
    }
    kids
}

/// ASVS 10.3.4 by introspection: what only the provider can read, it is asked about, and its word holds.
#[tokio::test]
async fn opaque_tokens_are_asked_about_and_their_revocation_is_noticed() {
    let house = House::new(LONG).await;
    let token = house.provider.token(VAULT, "read").await;
    let answer = call(&house, "/vault", &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(seen(&answer.json(), "x-auth-subject"), "robot");
    for (name, other) in [("unknown", "never-issued".to_owned()), ("one letter", format!("{token}x"))] {
        let answer = call(&house, "/vault", &other).await;
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (401, "token_inactive"), "{name}");
    }
    house.provider.revoke(&token).await;
    let refused = eventually("the revocation is noticed", || async {
        let answer = call(&house, "/vault", &token).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!((refused.status.as_u16(), refused.reason().as_str()), (401, "token_inactive"));
}
