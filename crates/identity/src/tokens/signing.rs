//! The keys that sign: a new one is published before it signs, and an old one verifies until its last token has ended.

use crate::audit::{Entry, Outcome};
use crate::identity::{Changed, Inner};
use crate::text::{self, hex};
use crate::{Actor, Error, Identity};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use seaworthy_store::seal::Place;
use seaworthy_store::{Backend, Query, Row, Timestamp, Tx};

const COLUMN: &str = "identity_signing_keys.seed";

impl Identity {
    /// Publishes a new signing key, which signs after [`Tokens::publish`](crate::settings::Tokens::publish); its id. Needs
    /// `keys:write`. Where a key has leaked, follow with [`revoke_tokens`](Self::revoke_tokens).
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn rotate_signing_key(&self, actor: &Actor) -> Result<String, Error> {
        self.permit(actor, "keys", "write", "signing_key")?;
        let actor = actor.clone();
        self.change(move |tx, inner| {
            Box::pin(async move {
                alone(tx).await?;
                let from = tx.now().plus(inner.settings.tokens.publish);
                publish(tx, inner, &actor, from).await
            })
        })
        .await
    }

    /// The same where the newest is old, or there is none; removes those whose last token has ended. Whether anything
    /// changed.
    pub(crate) async fn rotate_signing_key_if_due(&self) -> Result<bool, Error> {
        let rows = self.0.store.fetch_all(Query::new(ALL)).await?;
        if !is_due(&self.0, &rows, self.now())? && obsolete(&self.0, &rows, self.now())?.is_empty() {
            return Ok(false);
        }
        let actor = Actor::system();
        self.change(move |tx, inner| {
            Box::pin(async move {
                alone(tx).await?;
                let now = tx.now();
                let rows = tx.fetch_all(Query::new(ALL)).await?;
                let mut changed = Changed { value: true, entries: Vec::new(), is_seen: true };
                for id in obsolete(inner, &rows, now)? {
                    let query = Query::new("DELETE FROM identity_signing_keys WHERE id = $1");
                    tx.execute(query.bind(id.as_str())).await?;
                    let entry = Entry::new(
                        &actor,
                        "signing_key.remove",
                        format!("signing_key:{id}"),
                        Outcome::Success,
                    );
                    changed.entries.push(entry);
                }
                if is_due(inner, &rows, now)? {
                    // the first signs at once: there is none whose tokens could be verified meanwhile
                    let from = if rows.is_empty() { now } else { now.plus(inner.settings.tokens.publish) };
                    changed.entries.extend(publish(tx, inner, &actor, from).await?.entries);
                }
                Ok(changed)
            })
        })
        .await
    }
}

const ALL: &str = "SELECT id, signs_from FROM identity_signing_keys ORDER BY signs_from DESC, id LIMIT 1000";

/// Processes that find at the same moment that a key is due make one.
async fn alone(tx: &mut Tx) -> Result<(), Error> {
    if tx.backend() == Backend::Postgres {
        tx.fetch_all(Query::new("SELECT pg_advisory_xact_lock(6102)")).await?;
    }
    Ok(())
}

fn signs_from(row: &Row) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_micros(row.get("signs_from")?))
}

fn is_due(inner: &Inner, rows: &[Row], now: Timestamp) -> Result<bool, Error> {
    let Some(newest) = rows.first() else { return Ok(true) };
    Ok(now.since(signs_from(newest)?) >= inner.settings.tokens.rotate)
}

/// Keys whose successor has signed for longer than a token lasts.
fn obsolete(inner: &Inner, rows: &[Row], now: Timestamp) -> Result<Vec<String>, Error> {
    let last = inner.settings.tokens.access + 2 * inner.settings.tokens.leeway;
    let mut ids = Vec::new();
    for pair in rows.windows(2) {
        if now > signs_from(&pair[0])? && now.since(signs_from(&pair[0])?) >= last {
            ids.push(pair[1].get("id")?);
        }
    }
    Ok(ids)
}

async fn publish(
    tx: &mut Tx,
    inner: &Inner,
    actor: &Actor,
    from: Timestamp,
) -> Result<Changed<String>, Error> {
    let id = text::id("sig")?;
    let seed = text::random::<32>()?;
    let public = pair_of(&*seed)?.public_key().as_ref().to_vec();
    let sealed = inner.keyring.seal(Place { column: COLUMN, row: &id }, &*seed)?;
    let now = tx.now();
    let query = Query::new(
        "INSERT INTO identity_signing_keys (id, seed, public, published_at, signs_from) VALUES ($1, $2, $3, $4, $5)",
    );
    let query = query.bind(id.as_str()).bind(sealed).bind(hex(&public));
    tx.execute(query.bind(now).bind(from)).await?;
    let entry = Entry::new(actor, "signing_key.publish", format!("signing_key:{id}"), Outcome::Success);
    Ok(Changed::new(id, entry).seen())
}

/// The key that signs now.
pub(super) async fn current(tx: &mut Tx, inner: &Inner) -> Result<(String, Ed25519KeyPair), Error> {
    let now = tx.now();
    let query = Query::new(
        "SELECT id, seed FROM identity_signing_keys WHERE signs_from <= $1 ORDER BY signs_from DESC, id LIMIT 1",
    );
    let row = tx.fetch_optional(query.bind(now)).await?.ok_or(Error::Internal("there is no signing key"))?;
    let id: String = row.get("id")?;
    let seed = inner.keyring.open_sealed(Place { column: COLUMN, row: &id }, &row.get::<String>("seed")?)?;
    let pair = pair_of(seed.expose())?;
    Ok((id, pair))
}

fn pair_of(seed: &[u8]) -> Result<Ed25519KeyPair, Error> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::Internal("a signing key cannot be used"))
}
