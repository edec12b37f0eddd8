use super::login::Login;
use crate::jwt::{Reject, RevocationsFull, TokenRef, digest};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

impl Login {
    /// Ends one session by its own id, at once and for as long as its cookie could live.
    ///
    /// # Errors
    /// No room: the session is still accepted.
    pub fn revoke_session(&self, id: &str, now: SystemTime) -> Result<(), RevocationsFull> {
        self.revocations.token(
            TokenRef::Digest(digest(&[b"session", id.as_bytes()])),
            now + self.settings.absolute,
            now,
        )
    }

    /// Ends the sessions that the provider knows by this `sid`.
    ///
    /// # Errors
    /// No room: they are still accepted.
    pub fn revoke_provider_session(&self, sid: &str, now: SystemTime) -> Result<(), RevocationsFull> {
        self.revocations.token(
            TokenRef::Digest(digest(&[b"sid", sid.as_bytes()])),
            now + self.settings.absolute,
            now,
        )
    }

    /// Ends every session of this person that began before now.
    ///
    /// # Errors
    /// No room: they are still accepted.
    pub fn revoke_subject(&self, subject: &str, now: SystemTime) -> Result<(), RevocationsFull> {
        // sessions count whole seconds: one begun within this very second ends too
        let before = now + Duration::from_secs(1);
        self.revocations.subject((&self.settings.issuer, subject), before, now + self.settings.absolute, now)
    }

    /// The provider says that somebody logged out there (OpenID Connect Back-Channel Logout).
    pub fn back_channel_logout(
        self: &Arc<Self>,
        token: &str,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<(), Reject>> {
        let (this, check) = (Arc::clone(self), self.logout_tokens.check(token, now));
        Box::pin(async move {
            let verified = check.resolve().await?;
            let event = "http://schemas.openid.net/event/backchannel-logout";
            let is_logout =
                verified.claims.get("events").and_then(|all| all.get(event)).is_some_and(Value::is_object);
            if !is_logout || verified.claims.contains_key("nonce") {
                return Err(Reject::Type);
            }
            let done = match verified.claims.get("sid").and_then(Value::as_str) {
                Some(sid) => this.revoke_provider_session(sid, now),
                None if !verified.subject.is_empty() => this.revoke_subject(&verified.subject, now),
                None => return Err(Reject::ClaimMissing),
            };
            done.map_err(|_| Reject::KeysUnavailable)
        })
    }
}
