//! A person logs in, stays, and logs out; and somebody tries to do it for them.

use crate::keys::{Key, b64};
use crate::provider::{Answer, Provider};
use crate::{NOW, at};
use http::HeaderValue;
use seaworthy_core::Secret;
use seaworthy_oauth::client::Authentication;
use seaworthy_oauth::jwt::Reject;
use seaworthy_oauth::oidc::{Begin, LoggedIn, Login, LoginError, LoginSettings, SessionError};
use serde_json::{Value, json};
use std::sync::Arc;

struct World {
    provider: Provider,
    key: Key,
    login: Arc<Login>,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut LoginSettings)) -> Self {
        let (provider, key) = (Provider::start().await, Key::p256());
        let url = &provider.url;
        let document = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks"), "end_session_endpoint": format!("{url}/logout"),
        });
        provider.set("/.well-known/openid-configuration", Answer::json(&document));
        provider.set("/jwks", Answer::json(&json!({"keys": [key.jwk("a")]})));
        let client = ("app", Authentication::Basic(Secret::new("pw".into())));
        let mut settings = LoginSettings::new(
            ("main", url),
            client,
            "https://app.example.com/callback",
            Secret::new([7; 32]),
        );
        settings.after_logout = Some("https://app.example.com/bye".to_owned());
        settings.roles_claim = Some("roles".to_owned());
        change(&mut settings);
        let login = Login::new(settings, provider.http()).unwrap();
        Self { provider, key, login }
    }

    fn id_token(&self, nonce: &str, changes: &Value) -> String {
        let mut claims = json!({
            "iss": self.provider.url, "sub": "joe", "aud": "app", "exp": NOW + 300, "iat": NOW, "nonce": nonce,
            "sid": "provider-session", "roles": ["admin"], "name": "Joe",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.key.token(&json!({"alg": "ES256", "kid": "a", "typ": "JWT"}), &claims)
    }

    fn tokens(&self, nonce: &str, changes: &Value, refresh: &str) {
        self.provider.set(
            "/token",
            Answer::json(&json!({
                "access_token": "access", "token_type": "Bearer", "expires_in": 60, "refresh_token": refresh,
                "id_token": self.id_token(nonce, changes), "scope": "openid read",
            })),
        );
    }

    async fn begin(&self) -> (Begin, String, String) {
        let begin = self.login.begin("/orders?page=2", at(NOW)).await.unwrap();
        let (state, nonce) = (parameter(&begin.redirect, "state"), parameter(&begin.redirect, "nonce"));
        (begin, state, nonce)
    }

    async fn logged_in(&self) -> LoggedIn {
        let (begin, state, nonce) = self.begin().await;
        self.tokens(&nonce, &json!({}), "refresh-1");
        self.login.callback(&format!("code=c&state={state}"), &jar(&begin.cookies), at(NOW)).await.unwrap()
    }

    /// A log-in whose ID token says something else.
    async fn with_claims(&self, changes: Value) -> Result<LoggedIn, LoginError> {
        let (begin, state, nonce) = self.begin().await;
        self.tokens(&nonce, &changes, "refresh-1");
        self.login.callback(&format!("code=c&state={state}"), &jar(&begin.cookies), at(NOW)).await
    }
}

fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(own, _)| *own == name);
    found.unwrap_or_else(|| panic!("{name} in {url}")).1.to_owned()
}

/// What a browser sends back of what was set.
fn jar(set: &[HeaderValue]) -> String {
    let kept = set.iter().map(|header| header.to_str().unwrap()).filter(|text| !text.contains("Max-Age=0;"));
    kept.map(|text| text.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

// 10.2.1, 10.4.6, 7.2.1
#[tokio::test]
async fn the_whole_way() {
    let world = World::new().await;
    let (begin, state, nonce) = world.begin().await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "app"),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&begin.redirect, name), value);
    }
    assert!(
        begin.redirect.starts_with(&format!("{}/authorize?", world.provider.url))
            && state.len() >= 43
            && nonce.len() >= 43
    );
    world.tokens(&nonce, &json!({}), "refresh-1");
    let done = world
        .login
        .callback(&format!("code=the-code&state={state}"), &jar(&begin.cookies), at(NOW))
        .await
        .unwrap();
    assert_eq!(done.return_to, "/orders?page=2");
    let sent = &world.provider.seen("/token")[0];
    assert_eq!(sent.authorization.as_deref(), Some("Basic YXBwOnB3"));
    let body = format!("?{}", sent.body);
    assert_eq!(
        (parameter(&body, "grant_type").as_str(), parameter(&body, "code").as_str()),
        ("authorization_code", "the-code")
    );
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, parameter(&body, "code_verifier").as_bytes());
    assert_eq!(
        b64(digest.as_ref()),
        parameter(&begin.redirect, "code_challenge"),
        "the verifier of this very challenge"
    );
    let session = world.login.session(&jar(&done.cookies), at(NOW + 10)).unwrap();
    assert_eq!(
        (session.subject.as_str(), session.roles.as_slice(), session.scopes.len()),
        ("joe", &["admin".to_owned()][..], 2)
    );
    assert_eq!(
        (session.claims["name"].as_str(), session.access_token.as_ref().unwrap().expose().as_str()),
        (Some("Joe"), "access")
    );
    assert!(!format!("{session:?}{done:?}").contains("refresh-1"));
}

// 10.2.1, 10.2.2: forged, repeated and foreign answers
#[tokio::test]
async fn answers_that_were_not_asked_for_are_refused() {
    let world = World::new().await;
    let (begin, state, nonce) = world.begin().await;
    let (other, other_state, _) = world.begin().await;
    world.tokens(&nonce, &json!({}), "r");
    let url = world.provider.url.clone();
    let own = jar(&begin.cookies);
    for (query, cookies, now) in [
        (format!("code=c&state={state}"), String::new(), NOW),
        (format!("code=c&state={state}"), jar(&other.cookies), NOW),
        (format!("code=c&state={other_state}"), own.clone(), NOW),
        ("code=c".to_owned(), own.clone(), NOW),
        ("code=c&state=".to_owned(), own.clone(), NOW),
        (format!("code=c&state={state}&state={state}"), own.clone(), NOW),
        (format!("state={state}"), own.clone(), NOW),
        (format!("code=c&code=d&state={state}"), own.clone(), NOW),
        (format!("code=c&state={state}"), own.clone(), NOW + 600),
        (format!("code=c&state={state}"), format!("{own}; {own}"), NOW),
        (format!("code=c&state={state}"), own.replace("=1.", "=1.A"), NOW),
    ] {
        let result = world.login.callback(&query, &cookies, at(now)).await;
        assert_eq!(result.unwrap_err(), LoginError::State, "{query}");
    }
    assert!(world.provider.seen("/token").is_empty(), "no code was ever redeemed");
    let callback = |more: String| world.login.callback(&format!("state={state}&{more}"), &own, at(NOW));
    // RFC 9207: a mix-up of providers
    assert_eq!(callback("code=c&iss=https%3A%2F%2Fevil.test".into()).await.unwrap_err(), LoginError::Issuer);
    assert_eq!(callback(format!("code=c&iss={url}&iss={url}")).await.unwrap_err(), LoginError::Issuer);
    assert_eq!(
        callback("error=access_denied".into()).await.unwrap_err(),
        LoginError::Refused("access_denied".into())
    );
    assert_eq!(callback("error=%3Cscript%3E".into()).await.unwrap_err(), LoginError::Refused("error".into()));
    assert!(callback(format!("code=c&iss={url}")).await.is_ok());
}

// 10.5.1 to 10.5.4
#[tokio::test]
async fn id_tokens_that_are_not_for_us_log_nobody_in() {
    let world = World::new().await;
    assert!(world.with_claims(json!({})).await.is_ok());
    assert!(world.with_claims(json!({"aud": ["app", "other"], "azp": "app"})).await.is_ok());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"access");
    assert!(world.with_claims(json!({"at_hash": b64(&digest.as_ref()[..16])})).await.is_ok());
    for (changes, reject) in [
        (json!({"nonce": "another"}), Reject::ClaimInvalid),
        (json!({"nonce": null}), Reject::ClaimInvalid),
        (json!({"aud": "other"}), Reject::Audience),
        (json!({"aud": ["app", "other"]}), Reject::Audience),
        (json!({"aud": ["app", "other"], "azp": "other"}), Reject::Audience),
        (json!({"azp": "other"}), Reject::Audience),
        (json!({"iss": "https://evil.test"}), Reject::Issuer),
        (json!({"exp": NOW - 100}), Reject::Expired),
        (json!({"iat": null}), Reject::ClaimInvalid),
        (json!({"at_hash": "AAAA"}), Reject::ClaimInvalid),
        (json!({"at_hash": 5}), Reject::ClaimInvalid),
        (json!({"token_use": "access"}), Reject::Type),
        (json!({"typ": "Refresh"}), Reject::Type),
    ] {
        assert_eq!(
            world.with_claims(changes.clone()).await.unwrap_err(),
            LoginError::IdToken(reject),
            "{changes}"
        );
    }
}

// 7.3.1, 7.3.2, 7.4.1
#[tokio::test]
async fn sessions_end() {
    let world = World::new().await;
    let done = world.logged_in().await;
    let cookies = jar(&done.cookies);
    let session = |now: u64| world.login.session(&cookies, at(now)).map(drop);
    assert_eq!(session(NOW + 1799), Ok(()));
    assert_eq!(session(NOW + 1800), Err(SessionError::Expired), "unused for half an hour");
    let mut used = done.session.clone();
    let mut latest = cookies.clone();
    for turn in 1..=28 {
        used = world.login.session(&latest, at(NOW + turn * 1000)).unwrap();
        latest = jar(&world.login.touch(&used, at(NOW + turn * 1000)).unwrap());
    }
    assert!(
        world
            .login
            .touch(&world.login.session(&latest, at(NOW + 28_000)).unwrap(), at(NOW + 28_030))
            .is_none()
    );
    assert_eq!(
        world.login.session(&latest, at(NOW + 28_800)).unwrap_err(),
        SessionError::Expired,
        "eight hours in all"
    );
    let logout = world.login.logout(&used, at(NOW)).await;
    assert!(
        logout.redirect.starts_with(&format!("{}/logout?client_id=app&id_token_hint=", world.provider.url))
    );
    assert_eq!(
        parameter(&logout.redirect, "post_logout_redirect_uri"),
        "https%3A%2F%2Fapp.example.com%2Fbye"
    );
    assert!(logout.cookies.iter().all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0;")));
    assert_eq!(session(NOW + 1), Err(SessionError::Revoked), "a copy of the cookie is worth nothing");
    for revoke in [
        (|world: &World| world.login.revoke_provider_session("provider-session", at(NOW + 5)))
            as fn(&World) -> _,
        |world| world.login.revoke_subject("joe", at(NOW + 5)),
    ] {
        let world = World::new().await;
        let cookies = jar(&world.logged_in().await.cookies);
        revoke(&world).unwrap();
        assert_eq!(world.login.session(&cookies, at(NOW + 6)).unwrap_err(), SessionError::Revoked);
    }
}

// 3.3.1, 7.2.2, 7.2.4: tampering and fixation
#[tokio::test]
async fn cookies_that_are_not_ours_are_nobody() {
    let world = World::new().await;
    let (first, second) = (world.logged_in().await, world.logged_in().await);
    assert_ne!(first.session.id, second.session.id, "each log-in is a session of its own");
    let cookies = jar(&first.cookies);
    assert!(cookies.starts_with("__Host-session=1."));
    let (name, value) = cookies.split_once("=1.").unwrap();
    for at_byte in (0..value.len()).step_by(7) {
        let mut bytes = value.as_bytes().to_vec();
        bytes[at_byte] = if bytes[at_byte] == b'A' { b'B' } else { b'A' };
        let changed = format!("{name}=1.{}", String::from_utf8(bytes).unwrap());
        assert_eq!(world.login.session(&changed, at(NOW)).unwrap_err(), SessionError::Invalid);
    }
    assert_eq!(
        world.login.session(&format!("{cookies}; {cookies}"), at(NOW)).unwrap_err(),
        SessionError::Missing
    );
    assert_eq!(
        world.login.session("session=1.x", at(NOW)).unwrap_err(),
        SessionError::Missing,
        "without its prefix"
    );
    // what was sealed for a log-in under way is no session
    let (begin, ..) = world.begin().await;
    let planted = format!("__Host-session={}", jar(&begin.cookies).split_once('=').unwrap().1);
    assert_eq!(world.login.session(&planted, at(NOW)).unwrap_err(), SessionError::Invalid);
    // another log-in with the same key
    let other = World::with(|settings| settings.name = "other".into()).await;
    assert_eq!(other.login.session(&cookies, at(NOW)).unwrap_err(), SessionError::Invalid);
    // a new key in front, the old one behind it
    let rotated = World::with(|settings| settings.keys.insert(0, Secret::new([9; 32]))).await;
    assert!(rotated.login.session(&cookies, at(NOW)).is_ok());
    let gone = World::with(|settings| settings.keys = vec![Secret::new([9; 32])]).await;
    assert_eq!(gone.login.session(&cookies, at(NOW)).unwrap_err(), SessionError::Invalid);
}

// 10.4.5
#[tokio::test]
async fn tokens_are_renewed_once_however_many_ask() {
    let world = World::new().await;
    let session = world.logged_in().await.session;
    assert!(!session.wants_refresh(at(NOW + 29)) && session.wants_refresh(at(NOW + 30)));
    world.tokens("", &json!({"nonce": null}), "refresh-2");
    let now = at(NOW + 40);
    let all: Vec<_> = (0..20).map(|_| world.login.refresh(&session, now)).collect();
    for one in futures_util::future::join_all(all).await {
        let renewed = one.unwrap().session;
        assert_eq!((renewed.id, renewed.created), (session.id.clone(), session.created));
        assert_eq!(renewed.access_ends, Some(at(NOW + 100)));
    }
    assert!(world.login.refresh(&session, at(NOW + 50)).await.is_ok(), "a late request of the same page");
    let seen = world.provider.seen("/token");
    assert_eq!((seen.len(), seen[1].body.as_str()), (2, "grant_type=refresh_token&refresh_token=refresh-1"));
    // another person's tokens never enter a session
    world.tokens("", &json!({"nonce": null, "sub": "eve"}), "refresh-3");
    assert_eq!(
        world.login.refresh(&session, at(NOW + 100)).await.unwrap_err(),
        LoginError::IdToken(Reject::ClaimInvalid)
    );
    let refusal = Answer { body: json!({"error": "invalid_grant"}).to_string(), ..Answer::status(400) };
    world.provider.set("/token", refusal);
    assert_eq!(world.login.refresh(&session, at(NOW + 200)).await.unwrap_err(), LoginError::Over);
}

// 10.5.5
#[tokio::test]
async fn the_provider_logs_somebody_out() {
    let world = World::new().await;
    let cookies = jar(&world.logged_in().await.cookies);
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let token = |changes: Value| {
        let mut claims = json!({"iss": world.provider.url, "aud": "app", "iat": NOW, "exp": NOW + 100, "jti": "1", "sid": "provider-session", "events": event});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        world.key.token(&json!({"alg": "ES256", "kid": "a", "typ": "logout+jwt"}), &claims)
    };
    for bad in [
        token(json!({"events": {}})),
        token(json!({"nonce": "x"})),
        token(json!({"aud": "other"})),
        token(json!({"sid": null})),
        world.id_token("x", &json!({})),
        "nonsense".to_owned(),
    ] {
        assert!(world.login.back_channel_logout(&bad, at(NOW)).await.is_err());
        assert!(world.login.session(&cookies, at(NOW)).is_ok());
    }
    world.login.back_channel_logout(&token(json!({})), at(NOW)).await.unwrap();
    assert_eq!(world.login.session(&cookies, at(NOW)).unwrap_err(), SessionError::Revoked);
}

#[tokio::test]
async fn large_sessions_travel_in_pieces_and_too_large_ones_are_told() {
    let world = World::new().await;
    let large = world.with_claims(json!({"groups": vec!["group-name"; 500]})).await.unwrap();
    assert!(large.cookies.len() >= 4);
    assert_eq!(
        world.login.session(&jar(&large.cookies), at(NOW)).unwrap().claims["groups"]
            .as_array()
            .unwrap()
            .len(),
        500
    );
    let huge = world.with_claims(json!({"groups": vec!["group-name"; 900]})).await;
    assert_eq!(huge.unwrap_err(), LoginError::TooLarge);
}
