//! Tokens of our own.

use crate::provider::{Answer, Provider};
use crate::{NOW, at};
use seaworthy_core::Secret;
use seaworthy_oauth::client::{Authentication, ClientCredentials, Settings, TokenError};
use serde_json::json;
use std::sync::Arc;

fn settings(provider: &Provider, authentication: Authentication) -> Settings {
    Settings {
        token_endpoint: format!("{}/token", provider.url),
        client_id: "my app".to_owned(),
        authentication,
        scopes: vec!["a".to_owned(), "b".to_owned()],
        audience: None,
        plain_http: false,
    }
}

fn token(name: &str, lives: u64) -> Answer {
    Answer::json(&json!({"access_token": name, "token_type": "Bearer", "expires_in": lives}))
}

async fn settled(client: &Arc<ClientCredentials>, now: u64, name: &str) {
    // the renewal runs beside: every look gives it a turn
    while client.current(at(now)).is_none_or(|header| header != format!("Bearer {name}").as_str()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_fetch_for_many_and_renewal_ahead_of_the_end() {
    let provider = Provider::start().await;
    provider.set("/token", token("one", 1000));
    let client = ClientCredentials::new(
        settings(&provider, Authentication::Basic(Secret::new("p:w".into()))),
        provider.http(),
    );
    let client = client.unwrap();
    let all: Vec<_> = (0..20).map(|_| client.token(at(NOW))).collect();
    for one in all {
        let header = one.await.unwrap();
        assert!(header == "Bearer one" && header.is_sensitive());
    }
    let seen = provider.seen("/token");
    assert_eq!(seen.len(), 1);
    // RFC 6749 §2.3.1: form-encoded before they are put together
    assert_eq!(seen[0].authorization.as_deref(), Some("Basic bXklMjBhcHA6cCUzQXc="));
    assert_eq!(seen[0].body, "grant_type=client_credentials&scope=a%20b");
    provider.set("/token", token("two", 1000));
    assert_eq!(client.current(at(NOW + 899)).unwrap(), "Bearer one");
    assert_eq!(
        client.current(at(NOW + 900)).unwrap(),
        "Bearer one",
        "still good while the next one is fetched"
    );
    settled(&client, NOW + 901, "two").await;
    assert_eq!(provider.seen("/token").len(), 2);
}

#[tokio::test]
async fn refusals_are_told_and_a_token_that_is_over_is_not_used() {
    let provider = Provider::start().await;
    let refusal = Answer {
        body: json!({"error": "invalid_client", "error_description": "<secret>"}).to_string(),
        ..Answer::status(401)
    };
    provider.set("/token", refusal);
    let client = ClientCredentials::new(
        settings(&provider, Authentication::Post(Secret::new("pw".into()))),
        provider.http(),
    );
    let client = client.unwrap();
    assert_eq!(client.token(at(NOW)).await.unwrap_err(), TokenError::Refused("invalid_client".into()));
    assert!(client.token(at(NOW + 1)).await.is_err(), "not asked again at once");
    assert_eq!(provider.seen("/token").len(), 1);
    assert!(provider.seen("/token")[0].body.contains("client_id=my%20app&client_secret=pw"));
    provider.set("/token", token("one", 100));
    assert_eq!(client.token(at(NOW + 10)).await.unwrap(), "Bearer one");
    provider.set("/token", Answer::status(500));
    assert!(client.token(at(NOW + 111)).await.is_err(), "over, and there is no other");
    assert!(client.current(at(NOW + 112)).is_none());
    assert!(!format!("{client:?}").contains("pw"));
}
