use crate::jwt::{Algorithm, Reject, Verified};
use crate::strict::{base64url, object, to_base64url};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use serde_json::Value;

pub(super) fn same(left: &str, right: &str) -> bool {
    verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

/// What OpenID Connect Core §3.1.3.7 wants beyond a good signature and the right audience.
pub(super) fn check(
    token: &str,
    verified: &Verified,
    client_id: &str,
    (nonce, access_token): (Option<&str>, Option<&str>),
) -> Result<(), Reject> {
    let claim = |name: &str| verified.claims.get(name);
    let several = claim("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match claim("azp") {
        Some(party) if party == client_id => {}
        None if !several => {}
        _ => return Err(Reject::Audience),
    }
    if verified.issued.is_none() {
        return Err(Reject::ClaimMissing);
    }
    match (nonce, claim("nonce").and_then(Value::as_str)) {
        (Some(ours), Some(theirs)) if same(ours, theirs) => {}
        (Some(_), _) => return Err(Reject::ClaimInvalid),
        // renewed ID tokens need not repeat it
        (None, _) => {}
    }
    match (claim("at_hash"), access_token) {
        (Some(Value::String(said)), Some(access))
            if half_hash(token, access).is_some_and(|own| same(&own, said)) =>
        {
            Ok(())
        }
        (None, _) | (Some(_), None) => Ok(()),
        _ => Err(Reject::ClaimInvalid),
    }
}

/// The left half of the hash that belongs to the ID token's algorithm.
fn half_hash(token: &str, access: &str) -> Option<String> {
    let header = object(&base64url(token.split('.').next()?)?)?;
    let algorithm: Algorithm = header.get("alg")?.as_str()?.parse().ok()?;
    let hash = match algorithm.as_str() {
        name if name.ends_with("256") => &SHA256,
        name if name.ends_with("384") => &SHA384,
        _ => &SHA512,
    };
    let full = digest(hash, access.as_bytes());
    let bytes = full.as_ref();
    Some(to_base64url(&bytes[..bytes.len() / 2]))
}
