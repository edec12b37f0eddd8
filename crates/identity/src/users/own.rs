//! One's own password.

use super::record;
use crate::audit::{Entry, Outcome};
use crate::identity::Changed;
use crate::{Actor, Error, Identity, Reject, lockout, password};
use seaworthy_core::Secret;
use seaworthy_store::Query;

impl Identity {
    /// Changes one's own password: all other sessions, all tokens and known devices end (6.2.2, 6.2.3, 7.4.3). The session
    /// in use stays.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a wrong current password, [`Error::LockedOut`] after too many;
    /// [`Error::Invalid`] for a new one that is none or was used before; [`Error::Denied`], [`Error::Store`].
    pub async fn change_password(
        &self,
        actor: &Actor,
        current: Secret<String>,
        new: Secret<String>,
    ) -> Result<(), Error> {
        let user = self.oneself(actor, "write")?;
        self.confirm_password(actor, &user, current).await?;
        let normal = self.0.settings.password.check(&new, &actor.principal.name)?;
        let history = self.0.settings.password.history.min(24);
        let query = Query::new(
            "SELECT password FROM identity_password_history WHERE user_id = $1 ORDER BY replaced_at DESC LIMIT $2",
        );
        let rows = self.0.store.fetch_all(query.bind(user.as_str()).bind(i64::from(history))).await?;
        let mut old = rows.iter().map(|row| row.get("password")).collect::<Result<Vec<String>, _>>()?;
        let query = Query::new("SELECT password FROM identity_users WHERE id = $1").bind(user.as_str());
        old.push(self.0.store.fetch_one(query).await?.get("password")?);
        if self.0.hasher.matches_any(normal.clone(), old).await? {
            return Err(Error::invalid("password", "was used before"));
        }
        let hash = self.0.hasher.hash(normal).await?;
        let (actor, session) = (actor.clone(), actor.principal.session.clone());
        self.change(move |tx, _| {
            Box::pin(async move {
                let held = super::held(tx, &user).await?;
                record::set_password(tx, &held.id, hash, false, history).await?;
                let query = Query::new("DELETE FROM identity_sessions WHERE user_id = $1 AND id <> $2");
                let keep = session.map(|session| session.0).unwrap_or_default();
                tx.execute(query.bind(held.id.as_str()).bind(keep.as_str())).await?;
                end_all_but_sessions(tx, &held.id).await?;
                let entry =
                    Entry::new(&actor, "user.change_password", format!("user:{user}"), Outcome::Success);
                Ok(Changed::new((), entry).seen())
            })
        })
        .await
    }

    /// The own password once more, before something that matters (7.5.3).
    pub(crate) async fn confirm_password(
        &self,
        actor: &Actor,
        user: &str,
        current: Secret<String>,
    ) -> Result<(), Error> {
        let scopes = lockout::of_user("pw", user, &self.0.settings.lockout);
        let id = user.to_owned();
        let (tried, inner) = (scopes.clone(), self.0.clone());
        let stored = self.0.store.write(move |tx| {
            Box::pin(async move {
                if let Err(wait) = lockout::attempt(tx, &tried, &inner.settings.lockout).await? {
                    return Ok(Err(wait));
                }
                let query = Query::new("SELECT password FROM identity_users WHERE id = $1 AND enabled = 1");
                let row = tx.fetch_optional(query.bind(id)).await?.ok_or(Error::NotFound("user"))?;
                Ok::<_, Error>(Ok(row.get::<String>("password")?))
            })
        });
        let stored = stored.await?.map_err(Error::LockedOut)?;
        let normal = password::normal(&current).unwrap_or(Secret::new(String::new()));
        let is_right = match self.0.hasher.matches(normal, Some(stored)).await {
            Ok(is_right) => is_right,
            Err(error) => {
                self.not_tried(scopes).await?;
                return Err(error);
            }
        };
        if is_right {
            let inner = self.0.clone();
            let done = self.0.store.write(move |tx| {
                Box::pin(async move { lockout::succeeded(tx, &scopes, &inner.settings.lockout).await })
            });
            return done.await;
        }
        let entry = Entry::new(actor, "user.confirm_password", format!("user:{user}"), Outcome::Failure);
        self.0.log.record(entry).await?;
        Err(Error::Unauthenticated(Reject::Wrong))
    }
}

async fn end_all_but_sessions(tx: &mut seaworthy_store::Tx, id: &str) -> Result<(), Error> {
    for query in [
        "DELETE FROM identity_challenges WHERE user_id = $1",
        "DELETE FROM identity_devices WHERE user_id = $1",
        "DELETE FROM identity_token_families WHERE user_id = $1",
    ] {
        tx.execute(Query::new(query).bind(id)).await?;
    }
    let now = tx.now();
    let query = Query::new("UPDATE identity_users SET tokens_from = $2 WHERE id = $1");
    tx.execute(query.bind(id).bind(now)).await?;
    Ok(())
}
