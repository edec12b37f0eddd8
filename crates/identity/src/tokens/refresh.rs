use super::{Family, TokenPair, pair, revoke};
use crate::audit::{Entry, Outcome};
use crate::identity::{Changed, Inner};
use crate::keys::scopes;
use crate::{Actor, Error, Identity, Reject, text};
use seaworthy_core::Secret;
use seaworthy_store::{Query, Timestamp, Tx};

/// What refresh tokens begin with: none is taken for an access token.
pub(crate) const PREFIX: &str = "swr_";

/// What became of an exchange.
enum Exchange {
    Done(Box<TokenPair>),
    Refused(Reject),
}

impl Identity {
    /// Exchanges a refresh token for a new pair. Each is good once: one that comes again was stolen, from its holder or by
    /// it, and ends everything that came of the same log-in, access tokens included (10.4.5).
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub async fn refresh(&self, actor: &Actor, token: &Secret<String>) -> Result<TokenPair, Error> {
        let digest = digest(token.expose())?;
        let theirs = actor.clone();
        let done = self
            .change(move |tx, inner| Box::pin(async move { exchange(tx, inner, &theirs, digest).await }))
            .await?;
        match done {
            Exchange::Done(pair) => Ok(*pair),
            Exchange::Refused(reason) => {
                if reason == Reject::Reused {
                    self.0.counters.replays.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
                Err(Error::Unauthenticated(reason))
            }
        }
    }

    pub(super) async fn revoke_refresh(&self, actor: &Actor, token: &str) -> Result<(), Error> {
        let Ok(digest) = digest(token) else { return Ok(()) };
        let actor = actor.clone();
        self.change(move |tx, inner| {
            Box::pin(async move {
                let query = Query::new("SELECT family FROM identity_refresh_tokens WHERE digest = $1");
                let Some(row) = tx.fetch_optional(query.bind(digest)).await? else {
                    return Ok(Changed { value: (), entries: Vec::new(), is_seen: false });
                };
                let family: String = row.get("family")?;
                end_family(tx, inner, &family).await?;
                let entry = Entry::new(&actor, "token.revoke", format!("family:{family}"), Outcome::Success);
                Ok(Changed::new((), entry).seen())
            })
        })
        .await
    }
}

fn digest(token: &str) -> Result<String, Error> {
    if !token.starts_with(PREFIX) || token.len() > 128 {
        return Err(Error::Unauthenticated(Reject::Malformed));
    }
    Ok(text::sha256(token))
}

/// A refresh token and the log-in it comes of.
struct Held {
    family: Family,
    user: String,
    is_used: bool,
    is_revoked: bool,
    expires: Timestamp,
}

const HELD: &str =
    "SELECT t.used_at, t.expires_at AS token_expires, f.id, f.user_id, f.scopes, f.expires_at, f.revoked_at
    FROM identity_refresh_tokens t JOIN identity_token_families f ON f.id = t.family WHERE t.digest = $1";

async fn held(tx: &mut Tx, digest: &str) -> Result<Option<Held>, Error> {
    let Some(row) = tx.fetch_optional(Query::new(HELD).bind(digest)).await? else { return Ok(None) };
    let family = Family {
        id: row.get("id")?,
        scopes: row.get::<Option<String>>("scopes")?.map(|text| scopes(&text)),
        expires: Timestamp::from_micros(row.get("expires_at")?),
    };
    Ok(Some(Held {
        family,
        user: row.get("user_id")?,
        is_used: row.get::<Option<i64>>("used_at")?.is_some(),
        is_revoked: row.get::<Option<i64>>("revoked_at")?.is_some(),
        expires: Timestamp::from_micros(row.get("token_expires")?),
    }))
}

async fn exchange(
    tx: &mut Tx,
    inner: &Inner,
    actor: &Actor,
    digest: String,
) -> Result<Changed<Exchange>, Error> {
    let refused = |reason: Reject, resource: String| {
        let entry = Entry::new(actor, "token.refresh", resource, Outcome::Failure).because(reason.reason());
        Changed::new(Exchange::Refused(reason), entry)
    };
    let unknown = || refused(Reject::Unknown, "token".to_owned());
    let Some(first) = held(tx, &digest).await? else { return Ok(unknown()) };
    // the person first, as everything does that ends tokens; what was read before that may have changed
    let user = match crate::users::held(tx, &first.user).await {
        Err(Error::NotFound(_)) => return Ok(unknown()),
        other => other?,
    };
    let Some(token) = held(tx, &digest).await? else { return Ok(unknown()) };
    let (now, resource) = (tx.now(), format!("family:{}", token.family.id));
    if token.is_used {
        end_family(tx, inner, &token.family.id).await?;
        return Ok(refused(Reject::Reused, resource).seen());
    }
    if token.expires <= now {
        return Ok(refused(Reject::Expired, resource));
    }
    if token.is_revoked {
        return Ok(refused(Reject::Revoked, resource));
    }
    if !user.enabled {
        return Ok(refused(Reject::Disabled, resource));
    }
    let query = Query::new("UPDATE identity_refresh_tokens SET used_at = $2 WHERE digest = $1");
    tx.execute(query.bind(digest).bind(now)).await?;
    let pair = pair(tx, inner, &user, token.family).await?;
    let mut entry = Entry::new(actor, "token.refresh", resource, Outcome::Success);
    (entry.actor, entry.actor_name) = (format!("user:{}", user.id), user.name);
    Ok(Changed::new(Exchange::Done(Box::new(pair)), entry))
}

/// Ends a log-in with all its tokens. Its rows stay until they are over: what comes again is known as such.
async fn end_family(tx: &mut Tx, inner: &Inner, family: &str) -> Result<(), Error> {
    let now = tx.now();
    let query =
        Query::new("UPDATE identity_token_families SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1");
    tx.execute(query.bind(family).bind(now)).await?;
    let tokens = &inner.settings.tokens;
    revoke(tx, &format!("family:{family}"), now.plus(tokens.access + 2 * tokens.leeway)).await
}
