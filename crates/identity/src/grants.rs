//! More than one's roles, for a time: granted, or asked for and approved by somebody else.

mod request;

pub use request::{AccessRequest, RequestState};

use crate::audit::{Entry, Outcome};
use crate::identity::Changed;
use crate::principal::Granted;
use crate::{Actor, Error, Identity, text};
use seaworthy_store::{Query, Row, Timestamp, Tx};
use serde_json::json;
use std::time::Duration;

/// Something extra that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: String,
    /// What: a role's name, or permissions.
    pub what: String,
    /// What for.
    pub reason: String,
    /// By whom, as a [`Subject`](crate::Subject) is written.
    pub granted_by: String,
    /// Since when.
    pub created_at: Timestamp,
    /// From when on no more.
    pub expires_at: Timestamp,
}

impl Identity {
    /// Gives a person more than its roles for a time. Needs `grants:write` and all that is given; nobody grants himself
    /// anything.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn grant(
        &self,
        actor: &Actor,
        user: &str,
        what: Granted,
        reason: &str,
        duration: Duration,
    ) -> Result<Grant, Error> {
        let user = text::fit(user, 64);
        let resource = format!("user:{user}");
        self.permit(actor, "grants", "write", &resource)?;
        if actor.principal.subject.user() == Some(user.as_str()) {
            return self.deny(actor, "grant.create", &resource, "nobody grants himself anything");
        }
        let reason = self.grantable(actor, &what, reason, duration, &resource)?;
        let actor = actor.clone();
        self.change(move |tx, _| {
            Box::pin(async move {
                crate::users::held(tx, &user).await?;
                let grant = insert(tx, &user, &what, &reason, &actor, duration).await?;
                let entry = Entry::new(&actor, "grant.create", resource, Outcome::Success).because(reason);
                let after = json!({ "grant": grant.id, "what": grant.what, "expires_at": grant.expires_at.as_micros() });
                Ok(Changed::new(grant, entry.change(None, Some(after))).seen())
            })
        })
        .await
    }

    /// What a person has beyond its roles, newest first. Needs `grants:read`, but for one's own.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn grants(&self, actor: &Actor, user: &str) -> Result<Vec<Grant>, Error> {
        self.own_or(actor, user, "grants", "read")?;
        let now = self.now();
        let query = Query::new(
            "SELECT * FROM identity_grants WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id LIMIT 1000",
        );
        self.0.store.fetch_all(query.bind(text::fit(user, 64)).bind(now)).await?.iter().map(read).collect()
    }

    /// Takes a grant back at once. Needs `grants:write`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn revoke_grant(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        let id = text::fit(id, 64);
        self.permit(actor, "grants", "write", &format!("grant:{id}"))?;
        let actor = actor.clone();
        self.change(move |tx, _| {
            Box::pin(async move {
                let query = Query::new("DELETE FROM identity_grants WHERE id = $1 RETURNING user_id, what");
                let row =
                    tx.fetch_optional(query.bind(id.as_str())).await?.ok_or(Error::NotFound("grant"))?;
                let (user, what): (String, String) = (row.get("user_id")?, row.get("what")?);
                let entry = Entry::new(&actor, "grant.revoke", format!("user:{user}"), Outcome::Success);
                let before = json!({ "grant": id, "what": what });
                Ok(Changed::new((), entry.change(Some(before), None)).seen())
            })
        })
        .await
    }

    /// Refuses what is not there, lasts too long, or is more than the actor has.
    fn grantable(
        &self,
        actor: &Actor,
        what: &Granted,
        reason: &str,
        duration: Duration,
        resource: &str,
    ) -> Result<String, Error> {
        let reason = self.askable(what, reason, duration)?;
        if !self.0.policy.covers(&actor.principal, std::slice::from_ref(what), self.now()) {
            return self.deny(actor, "access.denied", resource, "it is more than you have");
        }
        Ok(reason)
    }

    fn askable(&self, what: &Granted, reason: &str, duration: Duration) -> Result<String, Error> {
        if let Granted::Role(role) = what
            && !self.0.policy.knows(role)
        {
            return Err(Error::invalid("role", format!("\"{}\" is not there", text::fit(role, 64))));
        }
        if reason.trim().is_empty() || reason.len() > 1_024 {
            return Err(Error::invalid("reason", "is 1 to 1024 bytes"));
        }
        if duration.is_zero() || duration > self.0.settings.grants.longest {
            return Err(Error::invalid("duration", "is nothing, or longer than grants may last"));
        }
        Ok(text::fit(reason, 1_024))
    }
}

async fn insert(
    tx: &mut Tx,
    user: &str,
    what: &Granted,
    reason: &str,
    actor: &Actor,
    duration: Duration,
) -> Result<Grant, Error> {
    let now = tx.now();
    let id = text::id("grant")?;
    let query = Query::new(
        "INSERT INTO identity_grants (id, user_id, what, reason, granted_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let query = query.bind(id.as_str()).bind(user).bind(what.to_string()).bind(reason);
    let query = query.bind(actor.principal.subject.to_string()).bind(now).bind(now.plus(duration));
    tx.execute(query).await?;
    let query = Query::new("SELECT * FROM identity_grants WHERE id = $1").bind(id);
    read(&tx.fetch_one(query).await?)
}

fn read(row: &Row) -> Result<Grant, Error> {
    Ok(Grant {
        id: row.get("id")?,
        user: row.get("user_id")?,
        what: row.get("what")?,
        reason: row.get("reason")?,
        granted_by: row.get("granted_by")?,
        created_at: Timestamp::from_micros(row.get("created_at")?),
        expires_at: Timestamp::from_micros(row.get("expires_at")?),
    })
}
