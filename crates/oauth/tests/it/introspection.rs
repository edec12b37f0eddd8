//! Tokens only the issuer can read.

use crate::provider::{Answer, Provider};
use crate::{NOW, at};
use seaworthy_core::Secret;
use seaworthy_oauth::client::Authentication;
use seaworthy_oauth::introspect::{Introspector, Settings};
use seaworthy_oauth::jwt::{Check, Reject, TokenRef};
use serde_json::{Value, json};
use std::sync::Arc;

fn introspector(provider: &Provider) -> Arc<Introspector> {
    let endpoint = format!("{}/introspect", provider.url);
    let authentication = Authentication::Basic(Secret::new("pw".into()));
    let mut settings =
        Settings::new("opaque", "https://id.example.com", &endpoint, "gateway", authentication);
    settings.audiences = vec!["api".to_owned()];
    Introspector::new(settings, provider.http()).unwrap()
}

fn active(changes: Value) -> Answer {
    let mut answer = json!({
        "active": true, "iss": "https://id.example.com", "sub": "joe", "aud": "api", "exp": NOW + 20,
        "scope": "read write", "client_id": "app", "token_type": "Bearer",
    });
    for (name, value) in changes.as_object().unwrap() {
        answer[name] = value.clone();
    }
    Answer::json(&answer)
}

#[tokio::test]
async fn asked_once_for_many_and_again_when_the_answer_is_old() {
    let provider = Provider::start().await;
    provider.set("/introspect", active(json!({})));
    let introspector = introspector(&provider);
    let all: Vec<_> = (0..20).map(|_| introspector.check("opaque-1", at(NOW))).collect();
    for one in all {
        let verified = one.resolve().await.unwrap();
        assert!(&*verified.subject == "joe" && verified.has_scope("write"));
    }
    let seen = provider.seen("/introspect");
    assert_eq!((seen.len(), seen[0].body.as_str()), (1, "token=opaque-1&token_type_hint=access_token"));
    assert!(matches!(introspector.check("opaque-1", at(NOW + 19)), Check::Ready(Ok(_))));
    provider.set("/introspect", Answer::json(&json!({"active": false})));
    assert_eq!(introspector.check("opaque-1", at(NOW + 20)).resolve().await.unwrap_err(), Reject::Inactive);
    assert!(matches!(introspector.check("opaque-1", at(NOW + 21)), Check::Ready(Err(Reject::Inactive))));
    assert_eq!(provider.seen("/introspect").len(), 2);
}

#[tokio::test]
async fn what_is_not_said_to_be_good_is_refused() {
    let provider = Provider::start().await;
    for (number, (answer, reject)) in [
        (active(json!({"active": "true"})), Reject::Inactive),
        (active(json!({"active": 1})), Reject::Inactive),
        (active(json!({"iss": "https://evil.test"})), Reject::Issuer),
        (active(json!({"aud": "other"})), Reject::Audience),
        (active(json!({"exp": NOW - 100})), Reject::Expired),
        (active(json!({"nbf": NOW + 100})), Reject::NotYetValid),
        (active(json!({"token_type": "refresh_token"})), Reject::Type),
        (Answer::status(500), Reject::IntrospectionUnavailable),
        (Answer::status(401), Reject::IntrospectionUnavailable),
        (
            Answer { body: "{\"active\":false,\"active\":true}".into(), ..Answer::status(200) },
            Reject::IntrospectionUnavailable,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        provider.set("/introspect", answer);
        let result = introspector(&provider).check(&format!("token-{number}"), at(NOW)).resolve().await;
        assert_eq!(result.unwrap_err(), reject, "{number}");
    }
    for bad in ["", "a b\r\nX: y", "ü"] {
        assert!(matches!(introspector(&provider).check(bad, at(NOW)), Check::Ready(Err(Reject::Malformed))));
    }
}

#[tokio::test]
async fn revocation_is_honoured_at_once() {
    let provider = Provider::start().await;
    provider.set("/introspect", active(json!({})));
    let introspector = introspector(&provider);
    assert!(introspector.check("t", at(NOW)).resolve().await.is_ok());
    introspector.revoke_token(TokenRef::of("t"), at(NOW + 100), at(NOW)).unwrap();
    assert!(matches!(introspector.check("t", at(NOW)), Check::Ready(Err(Reject::Revoked))));
}
