//! Keys that are fetched: rotation, floods, providers that are away.

use crate::keys::Key;
use crate::provider::{Answer, Provider};
use crate::{NOW, at};
use seaworthy_oauth::jwt::{Check, Issuer, Keys, Options, Reject, TokenRef, Verified, Verifier};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const ISSUER: &str = "https://id.example.com";

fn token(key: &Key, kid: &str, changes: &[(&str, Value)]) -> String {
    let mut claims =
        json!({"iss": ISSUER, "sub": "joe", "aud": "api", "exp": NOW + 1_000_000, "iat": NOW, "jti": kid});
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    key.token(&json!({"alg": "ES256", "kid": kid}), &claims)
}

fn set(keys: &[(&Key, &str)]) -> Answer {
    Answer::json(&json!({"keys": keys.iter().map(|(key, kid)| key.jwk(kid)).collect::<Vec<_>>()}))
}

fn verifier(provider: &Provider) -> Arc<Verifier> {
    let issuer = Issuer::new("main", ISSUER, "api", Keys::Jwks(format!("{}/jwks", provider.url)));
    Verifier::new(vec![issuer], Options::default(), provider.http()).unwrap()
}

fn waits(check: &Check) -> bool {
    matches!(check, Check::Wait(_))
}

async fn check(verifier: &Arc<Verifier>, token: &str, now: u64) -> Result<Arc<Verified>, Reject> {
    verifier.check(token, at(now)).resolve().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_callers_are_one_fetch_and_later_ones_wait_for_nothing() {
    let (provider, key) = (Provider::start().await, Key::p256());
    provider.set("/jwks", set(&[(&key, "a")]));
    let verifier = verifier(&provider);
    let checks: Vec<_> =
        (0..50).map(|n| verifier.check(&token(&key, "a", &[("n", n.into())]), at(NOW))).collect();
    assert!(checks.iter().any(waits));
    for check in checks {
        assert!(check.resolve().await.is_ok());
    }
    let again = verifier.check(&token(&key, "a", &[]), at(NOW));
    assert!(!waits(&again) && again.resolve().await.is_ok());
    assert_eq!(provider.seen("/jwks").len(), 1);
    assert_eq!(verifier.counters().fetches_ok.load(Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_found_at_once_and_a_key_that_is_gone_takes_its_tokens_with_it() {
    let (provider, old, new) = (Provider::start().await, Key::p256(), Key::p256());
    provider.set("/jwks", set(&[(&old, "old")]));
    let verifier = verifier(&provider);
    let (old_token, new_token) = (token(&old, "old", &[]), token(&new, "new", &[]));
    assert!(check(&verifier, &old_token, NOW).await.is_ok());
    provider.set("/jwks", set(&[(&new, "new"), (&old, "old")]));
    for _ in 0..20 {
        assert!(check(&verifier, &new_token, NOW + 1).await.is_ok(), "rotation loses no request");
        assert!(check(&verifier, &old_token, NOW + 1).await.is_ok(), "nor one with the old key");
    }
    assert_eq!(provider.seen("/jwks").len(), 2);
    provider.set("/jwks", set(&[(&new, "new")]));
    assert!(check(&verifier, &token(&Key::p256(), "other", &[]), NOW + 2).await.is_err());
    assert_eq!(provider.seen("/jwks").len(), 3, "the burst of two is used up");
    assert_eq!(check(&verifier, &old_token, NOW + 3).await.unwrap_err(), Reject::KeyUnknown);
    assert!(check(&verifier, &new_token, NOW + 3).await.is_ok());
    assert_eq!(provider.seen("/jwks").len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_keys_reaches_the_provider_twice() {
    let (provider, key) = (Provider::start().await, Key::p256());
    provider.set("/jwks", set(&[(&key, "a")]));
    let verifier = verifier(&provider);
    let good = token(&key, "a", &[]);
    assert!(check(&verifier, &good, NOW).await.is_ok());
    for number in 0..1_000 {
        let bad = token(&key, &format!("unknown-{number}"), &[]);
        assert_eq!(check(&verifier, &bad, NOW + 1).await.unwrap_err(), Reject::KeyUnknown);
    }
    assert_eq!(provider.seen("/jwks").len(), 3, "the first fetch and a burst of two");
    assert_eq!(verifier.counters().fetches_limited.load(Relaxed), 998);
    let before = verifier.counters().cache_hits.load(Relaxed);
    assert!(!waits(&verifier.check(&good, at(NOW + 1))));
    assert_eq!(verifier.counters().cache_hits.load(Relaxed), before + 1, "garbage evicts nothing good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_name_may_carry_a_new_key() {
    let (provider, old, new) = (Provider::start().await, Key::p256(), Key::p256());
    provider.set("/jwks", set(&[(&old, "a")]));
    let verifier = verifier(&provider);
    assert!(check(&verifier, &token(&old, "a", &[]), NOW).await.is_ok());
    provider.set("/jwks", set(&[(&new, "a")]));
    let fresh = token(&new, "a", &[]);
    assert_eq!(
        check(&verifier, &fresh, NOW + 1).await.unwrap_err(),
        Reject::Signature,
        "the key is too young for that"
    );
    assert!(check(&verifier, &fresh, NOW + 31).await.is_ok());
    assert_eq!(check(&verifier, &token(&old, "a", &[]), NOW + 31).await.unwrap_err(), Reject::Signature);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_keys_serve_while_the_provider_is_away_but_not_for_ever() {
    let (provider, key) = (Provider::start().await, Key::p256());
    provider.set("/jwks", Answer::status(503));
    let verifier = verifier(&provider);
    let one = token(&key, "a", &[]);
    assert_eq!(check(&verifier, &one, NOW).await.unwrap_err(), Reject::KeysUnavailable);
    assert!(!waits(&verifier.check(&one, at(NOW + 1))), "not asked again at once");
    assert_eq!(provider.seen("/jwks").len(), 1);
    provider.set("/jwks", set(&[(&key, "a")]));
    assert!(check(&verifier, &one, NOW + 60).await.is_ok());
    provider.set("/jwks", Answer::status(503));
    let day = 24 * 3600;
    assert!(
        check(&verifier, &token(&key, "a", &[("n", 1.into())]), NOW + 3600).await.is_ok(),
        "an hour later"
    );
    assert!(check(&verifier, &one, NOW + 3600).await.is_ok());
    assert_eq!(
        check(&verifier, &one, NOW + 60 + day).await.unwrap_err(),
        Reject::KeysUnavailable,
        "a day later"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_says_how_long_keys_are_fresh_within_bounds() {
    for (said, fresh_at, stale_at) in
        [("max-age=3600", 3599, 7201), ("max-age=1", 59, 121), ("no-cache", 299, 601)]
    {
        let (provider, key) = (Provider::start().await, Key::p256());
        provider.set(
            "/jwks",
            Answer { headers: vec![("cache-control", said.to_owned())], ..set(&[(&key, "a")]) },
        );
        let verifier = verifier(&provider);
        assert!(check(&verifier, &token(&key, "a", &[]), NOW).await.is_ok());
        assert!(check(&verifier, &token(&key, "a", &[]), NOW + fresh_at).await.is_ok());
        assert_eq!(provider.seen("/jwks").len(), 1, "{said}");
        assert!(check(&verifier, &token(&key, "a", &[]), NOW + stale_at).await.is_ok());
        assert_eq!(provider.seen("/jwks").len(), 2, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_no_keys_are_no_keys() {
    let key = Key::p256();
    let provider = Provider::start().await;
    provider.set("/moved", set(&[(&key, "a")]));
    let redirect = Answer {
        status: 302,
        headers: vec![("location", format!("{}/moved", provider.url))],
        body: String::new(),
    };
    let large = Answer::json(&json!({"keys": [key.jwk("a")], "padding": "x".repeat(600_000)}));
    let doubled =
        Answer { body: format!("{{\"keys\":[],\"keys\":[{}]}}", key.jwk("a")), ..Answer::status(200) };
    let private = {
        let mut jwk = key.jwk("a");
        jwk["d"] = json!("AQAB");
        Answer::json(&json!({"keys": [jwk]}))
    };
    for answer in [
        redirect,
        large,
        doubled,
        private,
        Answer::status(200),
        Answer::status(500),
        Answer::json(&json!([])),
    ] {
        provider.set("/jwks", answer);
        let result = check(&verifier(&provider), &token(&key, "a", &[]), NOW).await;
        assert_eq!(result.unwrap_err(), Reject::KeysUnavailable);
    }
    assert!(provider.seen("/moved").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovery_must_be_of_the_issuer_that_was_asked() {
    let (provider, key) = (Provider::start().await, Key::p256());
    provider.set("/jwks", set(&[(&key, "a")]));
    let describe = |issuer: &str| {
        let document = json!({"issuer": issuer, "jwks_uri": format!("{}/jwks", provider.url)});
        provider.set("/.well-known/openid-configuration", Answer::json(&document));
    };
    let issuer = Issuer::new("main", &provider.url, "api", Keys::Discovery);
    let verifier = Verifier::new(vec![issuer], Options::default(), provider.http()).unwrap();
    let one = token(&key, "a", &[("iss", provider.url.as_str().into())]);
    describe("https://evil.test");
    assert_eq!(check(&verifier, &one, NOW).await.unwrap_err(), Reject::KeysUnavailable);
    assert!(provider.seen("/jwks").is_empty());
    describe(&provider.url);
    assert!(check(&verifier, &one, NOW + 60).await.is_ok());
}

// 7.4.1, 7.4.2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocation_is_honoured_at_once_for_tokens_in_the_cache_too() {
    let (provider, key) = (Provider::start().await, Key::p256());
    provider.set("/jwks", set(&[(&key, "a")]));
    let verifier = verifier(&provider);
    let make = |jti: &str, sub: &str, iat: u64| {
        token(&key, "a", &[("jti", jti.into()), ("sub", sub.into()), ("iat", iat.into())])
    };
    let (by_digest, by_id, old, new) =
        (make("1", "a", NOW), make("2", "b", NOW), make("3", "c", NOW), make("4", "c", NOW + 10));
    for one in [&by_digest, &by_id, &old, &new] {
        assert!(check(&verifier, one, NOW + 10).await.is_ok());
    }
    let (now, until) = (at(NOW + 10), at(NOW + 1_000_000));
    verifier.revoke_token(TokenRef::of(&by_digest), until, now).unwrap();
    verifier.revoke_token(TokenRef::Id { issuer_url: ISSUER, id: "2" }, until, now).unwrap();
    verifier.revoke_subject((ISSUER, "c"), at(NOW + 5), until, now).unwrap();
    for one in [&by_digest, &by_id, &old, &make("2", "z", NOW), &make("5", "c", NOW + 4)] {
        assert_eq!(check(&verifier, one, NOW + 10).await.unwrap_err(), Reject::Revoked);
    }
    for one in [&new, &make("6", "c", NOW + 6), &make("7", "d", NOW)] {
        assert!(check(&verifier, one, NOW + 10).await.is_ok());
    }
}

// 9.2.1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_the_cache_ends_when_it_ends() {
    let (provider, key) = (Provider::start().await, Key::p256());
    provider.set("/jwks", set(&[(&key, "a")]));
    let verifier = verifier(&provider);
    let one = token(&key, "a", &[("exp", (NOW + 100).into()), ("nbf", NOW.into())]);
    assert!(check(&verifier, &one, NOW).await.is_ok());
    assert!(check(&verifier, &one, NOW + 129).await.is_ok(), "within the leeway");
    assert_eq!(check(&verifier, &one, NOW + 130).await.unwrap_err(), Reject::Expired);
    assert_eq!(
        check(&verifier, &one, NOW - 100).await.unwrap_err(),
        Reject::NotYetValid,
        "clocks are set back, too"
    );
}
