//! API keys: `sw_{id}_{secret}`, shown once, kept as a keyed hash.

mod change;
pub(crate) mod spelling;

#[cfg(test)]
mod tests;

pub use change::NewKey;

use crate::rbac::Pattern;
use crate::users::names;
use crate::{Actor, Error, Identity, Principal, text};
use seaworthy_store::{Query, Row, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A key as it can be shown: without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public id, which is part of its text.
    pub id: String,
    /// Whose, by id.
    pub owner: String,
    /// What it is for.
    pub name: String,
    /// Its roles; those that allow more than the owner has do not count.
    pub roles: Vec<String>,
    /// What it is good for; `None`: all that the roles allow.
    pub scopes: Option<BTreeSet<Pattern>>,
    /// Whose data it sees.
    pub tenant: Option<String>,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// The key that takes its place.
    pub successor: Option<String>,
}

/// Who calls with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCaller {
    /// The key's public id.
    pub key: String,
    /// Who, narrowed to what the key is good for.
    pub principal: Arc<Principal>,
    /// From when on it is refused; whoever remembers this answer forgets it then.
    pub expires: Option<Timestamp>,
}

impl Identity {
    /// The keys of a person, newest first. Needs `keys:read`, but for one's own.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn keys(&self, actor: &Actor, owner: &str) -> Result<Vec<ApiKey>, Error> {
        self.own_or(actor, owner, "keys", "read")?;
        let query = Query::new(
            "SELECT * FROM identity_keys WHERE owner = $1 ORDER BY created_at DESC, id LIMIT 1000",
        );
        self.0.store.fetch_all(query.bind(text::fit(owner, 64))).await?.iter().map(read).collect()
    }

    /// All keys by id, at most `most` (and 1,000), from after an id on. Needs `keys:read`.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn all_keys(&self, actor: &Actor, after: &str, most: usize) -> Result<Vec<ApiKey>, Error> {
        self.permit(actor, "keys", "read", "keys")?;
        let query = Query::new("SELECT * FROM identity_keys WHERE id > $1 ORDER BY id LIMIT $2");
        let query = query.bind(text::fit(after, 64)).bind(i64::try_from(most.clamp(1, 1_000)).unwrap_or(1));
        self.0.store.fetch_all(query).await?.iter().map(read).collect()
    }

    /// Writes down when keys were last used; how many were.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn write_uses(&self) -> Result<usize, Error> {
        let uses = self.0.view.take_uses();
        let count = uses.len();
        if count == 0 {
            return Ok(0);
        }
        let rows = seaworthy_store::Rows::new()
            .texts("id", uses.iter().map(|(id, _)| id.clone()))
            .ints("used", uses.iter().map(|(_, used)| used.as_micros()));
        let query = Query::new(
            "UPDATE identity_keys SET last_used_at = x.used FROM {rows}
             WHERE identity_keys.id = x.id AND COALESCE(last_used_at, 0) < x.used",
        );
        self.0.store.execute(query.rows(rows)).await?;
        Ok(count)
    }
}

pub(crate) fn read(row: &Row) -> Result<ApiKey, Error> {
    let moment = |column| row.get::<Option<i64>>(column).map(|n| n.map(Timestamp::from_micros));
    Ok(ApiKey {
        id: row.get("id")?,
        owner: row.get("owner")?,
        name: row.get("name")?,
        roles: names(&row.get::<String>("roles")?),
        scopes: row.get::<Option<String>>("scopes")?.map(|text| scopes(&text)),
        tenant: row.get("tenant")?,
        created_at: Timestamp::from_micros(row.get("created_at")?),
        expires_at: moment("expires_at")?,
        last_used_at: moment("last_used_at")?,
        successor: row.get("successor")?,
    })
}

/// A JSON list of patterns; what cannot be read is good for nothing.
pub(crate) fn scopes(text: &str) -> BTreeSet<Pattern> {
    serde_json::from_str(text).unwrap_or_default()
}
