//! Own tokens, for where there is no identity provider: short-lived access tokens that anybody with the public key can
//! read (RFC 9068), and refresh tokens that say nothing and are good once.

pub(crate) mod jwt;
mod publish;
mod refresh;
mod signing;

#[cfg(test)]
mod tests;

use crate::audit::{Entry, Outcome};
use crate::identity::{Changed, Inner};
use crate::rbac::Pattern;
use crate::users::User;
use crate::{Actor, Error, Identity, Reject, text};
use jwt::Claims;
use seaworthy_core::Secret;
use seaworthy_store::{Query, Timestamp, Tx};
use serde_json::json;
use std::collections::BTreeSet;

/// What somebody gets who asks for tokens.
#[derive(Debug)]
pub struct TokenPair {
    /// Shown with every request.
    pub access: Secret<String>,
    /// When that ends.
    pub access_expires: Timestamp,
    /// Exchanged for a new pair; once.
    pub refresh: Secret<String>,
    /// When that ends, and with it all pairs that came of the first.
    pub refresh_expires: Timestamp,
    /// The log-in they come of.
    pub family: String,
}

/// A log-in that tokens come of.
struct Family {
    id: String,
    scopes: Option<BTreeSet<Pattern>>,
    expires: Timestamp,
}

impl Identity {
    /// Makes tokens for the person who acts, in a session of its own; good for no more than `scopes`, where they are
    /// given.
    ///
    /// # Errors
    /// [`Error::Denied`] for whoever has not come in with a password; [`Error::Invalid`], [`Error::Store`].
    pub async fn issue_tokens(
        &self,
        actor: &Actor,
        scopes: Option<BTreeSet<Pattern>>,
    ) -> Result<TokenPair, Error> {
        let user = self.oneself(actor, "write")?;
        if actor.principal.session.is_none() || actor.principal.scopes.is_some() {
            // a token or a key must not make itself others that outlive it
            return self.deny(actor, "token.issue", &format!("user:{user}"), "only a session gets tokens");
        }
        if scopes.as_ref().is_some_and(|scopes| scopes.is_empty() || scopes.len() > 100) {
            return Err(Error::invalid("scopes", "are none, or more than 100"));
        }
        let actor = actor.clone();
        self.change(move |tx, inner| {
            Box::pin(async move {
                let held = crate::users::held(tx, &user).await?;
                if !held.enabled {
                    return Err(Error::Unauthenticated(Reject::Disabled));
                }
                let family = begin_family(tx, inner, &user, scopes).await?;
                let pair = pair(tx, inner, &held, family).await?;
                let entry =
                    Entry::new(&actor, "token.issue", format!("family:{}", pair.family), Outcome::Success);
                Ok(Changed::new(pair, entry))
            })
        })
        .await
    }

    /// Takes back a token that somebody holds: an access token alone, or, for a refresh token, all that come of the same
    /// log-in (RFC 7009). A token that is none is no error.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn revoke_token(&self, actor: &Actor, token: &str) -> Result<(), Error> {
        if token.starts_with(refresh::PREFIX) {
            return self.revoke_refresh(actor, token).await;
        }
        let Ok(caller) = self.0.view.check_token(token, self.now().into()) else { return Ok(()) };
        let (actor, token) = (actor.clone(), caller.token_id.clone());
        self.change(move |tx, _| {
            Box::pin(async move {
                revoke(tx, &format!("jti:{token}"), caller.expires).await?;
                let entry = Entry::new(&actor, "token.revoke", format!("token:{token}"), Outcome::Success);
                Ok(Changed::new((), entry).seen())
            })
        })
        .await
    }

    /// Takes back all tokens of a person. Needs `tokens:write`, but for one's own.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn revoke_tokens(&self, actor: &Actor, user: &str) -> Result<(), Error> {
        self.own_or(actor, user, "tokens", "write")?;
        let (actor, user) = (actor.clone(), text::fit(user, 64));
        self.change(move |tx, _| {
            Box::pin(async move {
                crate::users::held(tx, &user).await?;
                let query = Query::new("DELETE FROM identity_token_families WHERE user_id = $1");
                tx.execute(query.bind(user.as_str())).await?;
                let now = tx.now();
                let query = Query::new("UPDATE identity_users SET tokens_from = $2 WHERE id = $1");
                tx.execute(query.bind(user.as_str()).bind(now)).await?;
                let entry = Entry::new(&actor, "token.revoke_all", format!("user:{user}"), Outcome::Success);
                Ok(Changed::new((), entry).seen())
            })
        })
        .await
    }
}

async fn begin_family(
    tx: &mut Tx,
    inner: &Inner,
    user: &str,
    scopes: Option<BTreeSet<Pattern>>,
) -> Result<Family, Error> {
    let now = tx.now();
    let query = Query::new(
        "DELETE FROM identity_token_families WHERE user_id = $1 AND id NOT IN (
             SELECT id FROM identity_token_families WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2)",
    );
    tx.execute(query.bind(user).bind(i64::from(inner.settings.tokens.most.max(1)) - 1)).await?;
    let family = Family { id: text::id("family")?, scopes, expires: now.plus(inner.settings.tokens.refresh) };
    let query = Query::new(
        "INSERT INTO identity_token_families (id, user_id, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
    );
    let scopes = family.scopes.as_ref().map(|scopes| json!(scopes).to_string());
    let query = query.bind(family.id.as_str()).bind(user).bind(scopes);
    tx.execute(query.bind(now).bind(family.expires)).await?;
    Ok(family)
}

/// A new access token and the refresh token for the next.
async fn pair(tx: &mut Tx, inner: &Inner, user: &User, family: Family) -> Result<TokenPair, Error> {
    let now = tx.now();
    let access_expires = now.plus(inner.settings.tokens.access).min(family.expires);
    let claims = Claims {
        iss: inner.settings.issuer.clone(),
        aud: inner.settings.tokens.audience.clone(),
        sub: user.id.clone(),
        iat: now.as_micros().div_euclid(1_000_000),
        // rounded down: no later than what is said
        exp: access_expires.as_micros().div_euclid(1_000_000),
        ius: now.as_micros(),
        jti: text::id("token")?,
        fam: family.id.clone(),
        client_id: inner.settings.tokens.audience.clone(),
        roles: user.roles.clone(),
        scope: family
            .scopes
            .as_ref()
            .map(|scopes| scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    };
    let (key, pair) = signing::current(tx, inner).await?;
    let access = jwt::write(&claims, &key, &pair)?;
    let (refresh, digest) = text::token(refresh::PREFIX)?;
    let query =
        Query::new("INSERT INTO identity_refresh_tokens (digest, family, expires_at) VALUES ($1, $2, $3)");
    tx.execute(query.bind(digest).bind(family.id.as_str()).bind(family.expires)).await?;
    Ok(TokenPair {
        access: Secret::new(access),
        access_expires,
        refresh,
        refresh_expires: family.expires,
        family: family.id,
    })
}

/// Refuses access tokens until they would have ended by themselves.
async fn revoke(tx: &mut Tx, what: &str, until: Timestamp) -> Result<(), Error> {
    let query = Query::new(
        "INSERT INTO identity_revocations (what, until) VALUES ($1, $2)
         ON CONFLICT (what) DO UPDATE SET until = EXCLUDED.until",
    );
    tx.execute(query.bind(what).bind(until)).await?;
    Ok(())
}
