use super::{Inner, Snapshot};
use crate::tokens::jwt::{self, Claims};
use crate::{AuthMethod, Principal, Reject, Subject};
use aws_lc_rs::digest::SHA256;
use seaworthy_store::Timestamp;
use std::sync::Arc;

/// Who calls with an access token of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCaller {
    /// Who, narrowed to what the token is good for.
    pub principal: Arc<Principal>,
    /// The token's id.
    pub token_id: String,
    /// The log-in it comes of.
    pub family: String,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// A token whose signature was right, and who called with it as of a generation.
#[derive(Debug)]
pub(super) struct Verified {
    key: String,
    public: [u8; 32],
    claims: Claims,
    generation: i64,
    caller: Arc<TokenCaller>,
}

/// Verified once, a token is known by its digest; everything that can change is looked at again.
pub(super) fn check(
    inner: &Inner,
    snapshot: &Snapshot,
    token: &str,
    now: Timestamp,
) -> Result<Arc<TokenCaller>, Reject> {
    if token.len() > jwt::LONGEST {
        return Err(Reject::Malformed);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, token.as_bytes()).as_ref());
    let (key, public, claims) = match inner.verified.get(&digest) {
        Some(known) if known.generation == snapshot.generation => {
            in_time(inner, &known.claims, now)?;
            return Ok(Arc::clone(&known.caller));
        }
        // its key may have been removed since
        Some(known) if snapshot.signing.get(&known.key) == Some(&known.public) => {
            (known.key.clone(), known.public, known.claims.clone())
        }
        _ => jwt::read(token, |key| snapshot.signing.get(key).copied())?,
    };
    let caller = Arc::new(judge(inner, snapshot, &claims, now)?);
    let generation = snapshot.generation;
    let verified = Verified { key, public, claims, generation, caller: Arc::clone(&caller) };
    inner.verified.insert(digest, Arc::new(verified));
    Ok(caller)
}

fn in_time(inner: &Inner, claims: &Claims, now: Timestamp) -> Result<(), Reject> {
    if now >= seconds(claims.exp) {
        return Err(Reject::Expired);
    }
    if seconds(claims.iat) > now.plus(inner.leeway) {
        return Err(Reject::Early);
    }
    Ok(())
}

fn judge(inner: &Inner, snapshot: &Snapshot, claims: &Claims, now: Timestamp) -> Result<TokenCaller, Reject> {
    if claims.iss != inner.issuer {
        return Err(Reject::Issuer);
    }
    if claims.aud != inner.audience {
        return Err(Reject::Audience);
    }
    in_time(inner, claims, now)?;
    let is_revoked = |what: String| snapshot.revoked.contains_key(&what);
    if is_revoked(format!("jti:{}", claims.jti)) || is_revoked(format!("family:{}", claims.fam)) {
        return Err(Reject::Revoked);
    }
    let person = snapshot.people.get(&claims.sub).ok_or(Reject::Revoked)?;
    if !person.is_enabled {
        return Err(Reject::Disabled);
    }
    // to the microsecond: a token of the same second as the revocation is as old as it is
    if Timestamp::from_micros(claims.ius) <= person.tokens_from {
        return Err(Reject::Revoked);
    }
    Ok(caller(claims.clone(), person))
}

/// The person as it is by now: a role that was taken away since is gone, whatever the token says.
fn caller(claims: Claims, person: &super::Person) -> TokenCaller {
    let expires = seconds(claims.exp);
    let mut principal = Principal::bare(Subject::User(claims.sub), &person.name, AuthMethod::AccessToken);
    principal.roles = person.roles.iter().filter(|role| claims.roles.contains(role)).cloned().collect();
    principal.grants.clone_from(&person.grants);
    principal.tenant.clone_from(&person.tenant);
    principal.scopes =
        claims.scope.map(|scope| scope.split(' ').filter_map(|scope| scope.parse().ok()).collect());
    TokenCaller { principal: Arc::new(principal), token_id: claims.jti, family: claims.fam, expires }
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000))
}
