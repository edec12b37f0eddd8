//! Tokens that must not be believed, each with the reason. The numbers are those of OWASP ASVS 5.0.

mod contents;
mod signatures;

use crate::keys::{Key, b64};
use crate::{NOW, at};
use contents::{claims, forms, headers, strict};
use seaworthy_core::Secret;
use seaworthy_oauth::fetch::Http;
use seaworthy_oauth::jwt::{Algorithm, Check, Issuer, Keys, Options, Reject, Verifier};
use serde_json::{Value, json};
use signatures::{algorithms, signatures};
use std::sync::Arc;
use std::time::Duration;

const ISSUER: &str = "https://id.example.com";
const SECRETS: &str = "https://shared.example.com";
const AUDIENCE: &str = "https://api.example.com";

struct World {
    rsa: Key,
    es: Key,
    es_der: Key,
    p384: Key,
    ed: Key,
    shared: Key,
    verifier: Arc<Verifier>,
    /// The same issuer, but stricter: only `at+jwt`, `iat` at most an hour old, `tenant` required.
    strict: Arc<Verifier>,
}

type Case = (&'static str, &'static str, String, Result<(), Reject>);

impl World {
    fn new() -> Self {
        let (rsa, es, es_der, p384, ed) = (Key::rsa(), Key::p256(), Key::p256_der(), Key::p384(), Key::ed());
        let mut only_ps = rsa.jwk("ps");
        only_ps["alg"] = json!("PS256");
        let mut small_order = ed.jwk("small");
        small_order["x"] = json!(b64([0u8; 32]));
        let short = json!({"kty": "RSA", "kid": "rsa1024", "n": b64([0xff; 128]), "e": "AQAB"});
        let mut encryption = es.jwk("enc");
        encryption["use"] = json!("enc");
        let set = json!({"keys": [
            rsa.jwk("rs"), only_ps, es.jwk("es"), es_der.jwk("es-der"), p384.jwk("es384"), ed.jwk("ed"),
            small_order, short, encryption, {"kty": "oct", "kid": "oct", "k": b64([1; 64])},
        ]});
        let mut issuer = Issuer::new("main", ISSUER, AUDIENCE, Keys::StaticJwks(set.to_string()));
        issuer.audiences.push("second".to_owned());
        issuer.algorithms.push(Algorithm::Es384);
        issuer.roles_claim = Some("realm_access.roles".to_owned());
        issuer.tenant_claim = Some("tenant".to_owned());
        let mut strict = issuer.clone();
        strict.untyped = false;
        strict.types = vec!["at+jwt".to_owned()];
        strict.max_age = Some(Duration::from_hours(1));
        strict.required_claims = vec!["tenant".to_owned()];
        let secret = vec![7; 64];
        let mut shared = Issuer::new("shared", SECRETS, AUDIENCE, Keys::Hmac(Secret::new(secret.clone())));
        shared.algorithms = vec![Algorithm::Hs256];
        let runtime = tokio::runtime::Handle::current();
        let http = Http::with_roots(runtime, rustls::RootCertStore::empty());
        let make = |issuers| Verifier::new(issuers, Options::default(), http.clone()).unwrap();
        let (verifier, strict) = (make(vec![issuer, shared]), make(vec![strict]));
        Self { rsa, es, es_der, p384, ed, shared: Key::Hmac(secret), verifier, strict }
    }

    fn es(&self, header: Value, claims: Value) -> String {
        self.es.token(
            &with(json!({"alg": "ES256", "kid": "es", "typ": "at+jwt"}), header),
            &with(claims_of(ISSUER), claims),
        )
    }

    fn rs(&self, algorithm: &str, kid: &str) -> String {
        self.rsa.token(&json!({"alg": algorithm, "kid": kid}), &claims_of(ISSUER))
    }

    fn hs(&self, header: Value, claims: Value) -> String {
        self.shared.token(&with(json!({"alg": "HS256"}), header), &with(claims_of(SECRETS), claims))
    }
}

fn claims_of(issuer: &str) -> Value {
    json!({"iss": issuer, "sub": "joe", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "scope": "read write"})
}

/// `null` takes a member away.
fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        let all = base.as_object_mut().unwrap();
        if value.is_null() {
            all.remove(name)
        } else {
            all.insert(name.clone(), value.clone())
        };
    }
    base
}

const NO: fn(Reject) -> Result<(), Reject> = Err;

fn controls(world: &World) -> Vec<Case> {
    let none = || json!({});
    vec![
        ("control ES256", "9.1.1", world.es(none(), none()), Ok(())),
        ("control RS256", "9.1.1", world.rs("RS256", "rs"), Ok(())),
        ("control PS256", "9.1.1", world.rs("PS256", "ps"), Ok(())),
        (
            "control ES384",
            "9.1.1",
            world.p384.token(&json!({"alg": "ES384", "kid": "es384"}), &claims_of(ISSUER)),
            Ok(()),
        ),
        (
            "control EdDSA",
            "9.1.1",
            world.ed.token(&json!({"alg": "EdDSA", "kid": "ed"}), &claims_of(ISSUER)),
            Ok(()),
        ),
        ("control HS256", "9.1.1", world.hs(none(), none()), Ok(())),
        ("control without kid", "9.1.3", world.es(json!({"kid": null}), none()), Ok(())),
        (
            "control audience in a list",
            "9.2.3",
            world.es(none(), json!({"aud": ["other", "second"]})),
            Ok(()),
        ),
        (
            "control typ with its long name",
            "9.2.2",
            world.es(json!({"typ": "application/AT+JWT"}), none()),
            Ok(()),
        ),
        ("control leeway", "9.2.1", world.es(none(), json!({"exp": NOW - 29, "nbf": NOW + 29})), Ok(())),
        ("control fractional dates", "9.2.1", world.es(none(), json!({"exp": NOW as f64 + 10.5})), Ok(())),
        (
            "control foreign key headers are ignored",
            "9.1.3",
            world.es(json!({"jku": "https://evil.test/jwks", "x5u": "https://evil.test/x"}), none()),
            Ok(()),
        ),
    ]
}

#[tokio::test]
async fn every_case_ends_as_it_must() {
    let world = World::new();
    let mut count = 0;
    let mut wrong = Vec::new();
    let loose = [controls, algorithms, signatures, headers, claims, forms].map(|make| make(&world)).concat();
    for (verifier, cases) in [(&world.verifier, loose), (&world.strict, strict(&world))] {
        let control = cases[0].2.clone();
        for (name, requirement, token, expected) in &cases {
            // the second time it comes from the cache, and must end the same
            for turn in ["first", "second"] {
                let Check::Ready(result) = verifier.check(token, at(NOW)) else {
                    panic!("{name}: static keys are at hand")
                };
                let result = result.map(drop);
                if result != *expected {
                    wrong.push(format!(
                        "{name} ({requirement}), {turn} time: {result:?} instead of {expected:?}"
                    ));
                }
            }
            count += usize::from(expected.is_err());
        }
        let Check::Ready(result) = verifier.check(&control, at(NOW)) else {
            panic!("static keys are at hand")
        };
        assert!(result.is_ok(), "the control is believed after all that");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 150, "{count} cases");
}

#[tokio::test]
async fn what_is_verified_is_read() {
    let world = World::new();
    let token = world.es(
        json!({}),
        json!({
            "client_id": "app", "jti": "1", "tenant": "acme", "realm_access": {"roles": ["admin", "user"]},
        }),
    );
    let verified = world.verifier.check(&token, at(NOW)).resolve().await.unwrap();
    assert_eq!(
        (&*verified.issuer, &*verified.subject, verified.client_id.as_deref()),
        ("main", "joe", Some("app"))
    );
    assert!(verified.has_scope("read") && verified.has_scope("write") && !verified.has_scope("rea"));
    assert!(verified.has_role("admin") && !verified.has_role("root"));
    assert_eq!((verified.tenant.as_deref(), verified.token_id.as_deref()), (Some("acme"), Some("1")));
    assert_eq!((verified.issued, verified.expires), (Some(at(NOW)), at(NOW + 300)));
    assert!(!format!("{verified:?}").contains("realm_access"));
}

// 9.1.2, 9.1.3, 11.2.3
#[tokio::test]
async fn settings_that_believe_too_easily_are_refused() {
    let http = Http::with_roots(tokio::runtime::Handle::current(), rustls::RootCertStore::empty());
    let pem = || Keys::Pem(Key::p256().pem());
    let issuer = |keys, algorithms: &[Algorithm]| {
        let mut issuer = Issuer::new("x", ISSUER, AUDIENCE, keys);
        issuer.algorithms = algorithms.to_vec();
        issuer
    };
    let refused = |issuers: Vec<Issuer>| Verifier::new(issuers, Options::default(), http.clone()).is_err();
    let secret = |bytes| Keys::Hmac(Secret::new(vec![1; bytes]));
    assert!(!refused(vec![issuer(pem(), &[Algorithm::Es256])]));
    assert!(!refused(vec![issuer(secret(32), &[Algorithm::Hs256])]));
    assert!(refused(vec![issuer(secret(31), &[Algorithm::Hs256])]), "short secret");
    assert!(refused(vec![issuer(secret(16), &[Algorithm::Hs256])]), "secret of 128 bits");
    assert!(refused(vec![issuer(secret(32), &[Algorithm::Hs256, Algorithm::Rs256])]), "mixed");
    assert!(refused(vec![issuer(pem(), &[Algorithm::Es256, Algorithm::Hs256])]), "mixed");
    assert!(refused(vec![issuer(pem(), &[Algorithm::Rs256])]), "a key of another kind");
    assert!(refused(vec![issuer(pem(), &[])]), "no algorithm");
    assert!(refused(vec![issuer(pem(), &[Algorithm::Es256]), issuer(pem(), &[Algorithm::Es256])]), "twice");
    assert!(
        refused(vec![Issuer { audiences: Vec::new(), ..issuer(pem(), &[Algorithm::Es256]) }]),
        "no audience"
    );
    assert!(
        refused(vec![Issuer { leeway: Duration::from_secs(301), ..issuer(pem(), &[Algorithm::Es256]) }]),
        "leeway"
    );
    assert!(
        refused(vec![issuer(Keys::Jwks("http://id.example.com/jwks".into()), &[Algorithm::Es256])]),
        "plain HTTP"
    );
    assert!(refused(vec![issuer(Keys::StaticJwks("{}".into()), &[Algorithm::Es256])]), "no keys");
}

/// Whatever letter of a good token is changed, and to whatever: it is a good token no more.
#[tokio::test]
async fn no_letter_can_be_changed() {
    let world = World::new();
    for token in [world.es(json!({}), json!({})), world.hs(json!({}), json!({})), world.rs("RS256", "rs")] {
        for index in 0..token.len() {
            for letter in [b'A', b'_', b'.', b'=', 0xc3] {
                let mut bytes = token.clone().into_bytes();
                if bytes[index] == letter {
                    continue;
                }
                bytes[index] = letter;
                let changed = String::from_utf8_lossy(&bytes);
                let result = world.verifier.check(&changed, at(NOW)).resolve().await;
                assert!(result.is_err(), "letter {index} as {letter}");
            }
        }
        assert!(world.verifier.check(&token, at(NOW)).resolve().await.is_ok());
    }
}
