//! Who may do what: tokens, keys and sessions at the built binary.

mod browser;
mod catalogue;
mod certificates;
mod control;
mod defence;
mod fuzzing;
mod oidc;
mod routes;
mod shipping;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::harness::{Folder, Gateway, Upstream, answer};

/// The shared secret of the issuer under test.
const SECRET: &str = "a secret of the issuer under test, 256 bits and more";
const JSON: (&str, &str) = ("content-type", "application/json");

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * at) & 63) as usize]));
        }
    }
    out
}

/// A token by hand: whatever header and claims, signed with HS256 and this secret.
fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let head = base64url(header.to_string().as_bytes());
    let text = format!("{head}.{}", base64url(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{text}.{}", base64url(hmac::sign(&key, text.as_bytes()).as_ref()))
}

/// Claims of a good token, with others on top; null takes one away.
fn claims(other: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.test", "aud": "shop", "sub": "ann", "exp": now() + 600, "iat": now(),
        "scope": "read write", "roles": ["editor"], "tenant": "acme",
    });
    for (name, value) in other.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// A token of the issuer under test.
fn token(other: &Value) -> String {
    signed(&json!({ "alg": "HS256", "typ": "at+jwt" }), &claims(other), SECRET)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A service that tells what it was sent.
async fn mirror() -> Upstream {
    Upstream::start(|seen| async move {
        let headers: Vec<_> = seen
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
            .collect();
        let body = json!({ "method": seen.method.to_string(), "target": seen.target, "headers": headers });
        answer(200, &[("content-type", "application/json")], body.to_string())
    })
    .await
}

/// What the mirror saw of a header, all lines together.
fn seen(answer: &Value, name: &str) -> String {
    let lines = answer["headers"].as_array().unwrap().iter().filter(|line| line[0] == name);
    lines.map(|line| line[1].as_str().unwrap()).collect::<Vec<_>>().join("|")
}

/// A gateway with the issuer under test in front of a mirror.
async fn guarded(upstream: &Upstream, rest: &str) -> Gateway {
    let folder = Folder::new();
    folder.write("issuer.secret", SECRET);
    let text = format!(
        "[issuer.test]\nissuer = \"https://id.test\"\naudiences = [\"shop\"]\nalgorithms = [\"HS256\"]\n\
         secret = \"issuer.secret\"\nroles_claim = \"roles\"\ntenant_claim = \"tenant\"\n{}\n{rest}",
        upstream.service("")
    );
    Gateway::with(folder, "", "", &text).await
}
