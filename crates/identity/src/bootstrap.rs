//! The first start.

use crate::audit::{Entry, Outcome};
use crate::identity::Changed;
use crate::rbac::ADMIN;
use crate::users::made_up;
use crate::{Actor, Error, Identity, text};
use seaworthy_core::Secret;
use seaworthy_store::Query;
use serde_json::json;

/// Who comes in first. Shown once.
#[derive(Debug)]
pub struct FirstAdmin {
    /// The name.
    pub name: String,
    /// The password, which must be changed at the first log-in.
    pub password: Secret<String>,
}

impl Identity {
    /// Makes the user `admin` with a password that nobody has seen: once in the life of a store, also where several
    /// processes start together (13.2.3, 6.3.2).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bootstrap(&self) -> Result<Option<FirstAdmin>, Error> {
        let query = Query::new("SELECT at FROM identity_once WHERE name = 'bootstrap'");
        if self.0.store.fetch_optional(query).await?.is_some() {
            return Ok(None);
        }
        let password = made_up()?;
        let hash = self.0.hasher.hash(password.clone()).await?;
        let is_first = self.change(move |tx, _| {
            Box::pin(async move {
                let now = tx.now();
                let query = Query::new(
                    "INSERT INTO identity_once (name, at) VALUES ('bootstrap', $1) ON CONFLICT (name) DO NOTHING",
                );
                if tx.execute(query.bind(now)).await? == 0 {
                    return Ok(Changed { value: false, entries: Vec::new(), is_seen: false });
                }
                let id = text::id("user")?;
                let query = Query::new(
                    "INSERT INTO identity_users (id, name, roles, password, password_at, must_change, created_at)
                     VALUES ($1, 'admin', $2, $3, $4, 1, $4)",
                );
                let query = query.bind(id.as_str()).bind(json!([ADMIN]).to_string()).bind(hash).bind(now);
                tx.execute(query).await?;
                let entry = Entry::new(&Actor::system(), "user.bootstrap", format!("user:{id}"), Outcome::Success);
                Ok(Changed::new(true, entry).seen())
            })
        });
        let is_first = is_first.await?;
        Ok(is_first.then(|| FirstAdmin { name: "admin".to_owned(), password }))
    }
}
