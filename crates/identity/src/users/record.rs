use crate::principal::{Granted, HeldGrant};
use crate::{Error, text};
use seaworthy_core::Secret;
use seaworthy_store::{Query, Row, Timestamp, Tx};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;

/// A person as it is to be added.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// Its name: 1 to 64 letters, digits, `.`, `_`, `-` or `@`. Upper and lower case are the same.
    pub name: String,
    /// What it is called.
    pub display_name: Option<String>,
    /// Where it can be written to.
    pub email: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Whose data it sees.
    pub tenant: Option<String>,
    /// Its first password; `None`: one is made up.
    pub password: Option<Secret<String>>,
}

/// What is to be changed of a person; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// What it is called; an empty text takes it away.
    pub display_name: Option<String>,
    /// Where it can be written to; an empty text takes it away.
    pub email: Option<String>,
    /// Its roles.
    pub roles: Option<Vec<String>>,
    /// Whose data it sees; an empty text takes it away.
    pub tenant: Option<String>,
    /// Whether it may come in. Switching off ends all sessions and tokens.
    pub enabled: Option<bool>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is called.
    pub display_name: Option<String>,
    /// Where it can be written to.
    pub email: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Whose data it sees.
    pub tenant: Option<String>,
    /// Whether it may come in.
    pub enabled: bool,
    /// Since when its password is what it is.
    pub password_at: Timestamp,
    /// Whether it must choose a new one.
    pub must_change: bool,
    /// Whether it has a second factor.
    pub second_factor: bool,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// When it last came in.
    pub last_log_in_at: Option<Timestamp>,
}

impl User {
    /// For the audit log.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "name": self.name, "display_name": self.display_name, "email": self.email, "roles": self.roles,
            "tenant": self.tenant, "enabled": self.enabled, "must_change": self.must_change,
        })
    }
}

/// What people are told by: display name, address, tenant.
#[derive(Debug)]
pub(super) struct Details {
    display_name: Option<String>,
    email: Option<String>,
    tenant: Option<String>,
}

pub(super) struct Kept {
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) roles: Vec<String>,
    pub(super) details: Details,
    pub(super) must_change: bool,
}

/// The one spelling of a name.
pub(crate) fn canonical(name: &str) -> Result<String, Error> {
    let wrong = || Error::invalid("name", "is 1 to 64 letters, digits, \".\", \"_\", \"-\" or \"@\"");
    if name.len() > 256 {
        return Err(wrong());
    }
    let name: String = name.nfkc().flat_map(char::to_lowercase).collect();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(fits) {
        return Err(wrong());
    }
    Ok(name)
}

pub(super) fn details(
    display_name: Option<String>,
    email: Option<String>,
    tenant: Option<String>,
) -> Result<Details, Error> {
    Ok(Details {
        display_name: short("display_name", display_name)?,
        email: short("email", email)?,
        tenant: short("tenant", tenant)?,
    })
}

fn short(field: &'static str, text: Option<String>) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.len() > 256 || text.chars().any(char::is_control) => {
            Err(Error::invalid(field, "is at most 256 bytes without control characters"))
        }
        other => Ok(other),
    }
}

impl UserChange {
    pub(super) fn checked(self) -> Result<Self, Error> {
        let Details { display_name, email, tenant } = details(self.display_name, self.email, self.tenant)?;
        Ok(Self { display_name, email, tenant, ..self })
    }
}

/// A JSON list of names; what cannot be read is none.
pub(crate) fn names(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

pub(super) fn read(row: &Row) -> Result<User, Error> {
    let is = |column| row.get::<i64>(column).map(|n| n != 0);
    Ok(User {
        id: row.get("id")?,
        name: row.get("name")?,
        display_name: row.get("display_name")?,
        email: row.get("email")?,
        roles: names(&row.get::<String>("roles")?),
        tenant: row.get("tenant")?,
        enabled: is("enabled")?,
        password_at: Timestamp::from_micros(row.get("password_at")?),
        must_change: is("must_change")?,
        second_factor: is("totp_confirmed")?,
        created_at: Timestamp::from_micros(row.get("created_at")?),
        last_log_in_at: row.get::<Option<i64>>("last_log_in_at")?.map(Timestamp::from_micros),
    })
}

pub(super) async fn insert(tx: &mut Tx, kept: Kept) -> Result<User, Error> {
    let now = tx.now();
    let id = text::id("user")?;
    let query = Query::new(
        "INSERT INTO identity_users (id, name, display_name, email, roles, tenant, password, password_at, must_change,
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)",
    );
    let Details { display_name, email, tenant } = kept.details;
    let query = query.bind(id.as_str()).bind(kept.name).bind(display_name).bind(email);
    let query = query.bind(json!(kept.roles).to_string()).bind(tenant).bind(kept.hash);
    let done = tx.execute(query.bind(now).bind(kept.must_change)).await;
    done.map_err(|error| match error {
        seaworthy_store::Error::Conflict(_) => Error::Conflict("the name is taken".to_owned()),
        other => other.into(),
    })?;
    super::held(tx, &id).await
}

pub(super) async fn update(tx: &mut Tx, before: &User, change: UserChange) -> Result<User, Error> {
    let or = |new: Option<String>, old: &Option<String>| match new {
        Some(new) if new.is_empty() => None,
        Some(new) => Some(new),
        None => old.clone(),
    };
    let query = Query::new(
        "UPDATE identity_users SET display_name = $2, email = $3, tenant = $4, roles = $5, enabled = $6 WHERE id = $1",
    );
    let query = query.bind(before.id.as_str()).bind(or(change.display_name, &before.display_name));
    let query = query.bind(or(change.email, &before.email)).bind(or(change.tenant, &before.tenant));
    let query = query.bind(json!(change.roles.as_ref().unwrap_or(&before.roles)).to_string());
    tx.execute(query.bind(change.enabled.unwrap_or(before.enabled))).await?;
    super::held(tx, &before.id).await
}

/// Replaces a password; the old one is kept as long as it must not come back.
pub(super) async fn set_password(
    tx: &mut Tx,
    id: &str,
    hash: String,
    must_change: bool,
    history: u32,
) -> Result<(), Error> {
    let now = tx.now();
    let query = Query::new(
        "INSERT INTO identity_password_history (user_id, replaced_at, password)
         SELECT id, $2, password FROM identity_users WHERE id = $1",
    );
    tx.execute(query.bind(id).bind(now)).await?;
    let query = Query::new(
        "DELETE FROM identity_password_history WHERE user_id = $1 AND password NOT IN (
             SELECT password FROM identity_password_history WHERE user_id = $1 ORDER BY replaced_at DESC LIMIT $2)",
    );
    tx.execute(query.bind(id).bind(i64::from(history.min(24)))).await?;
    let query = Query::new(
        "UPDATE identity_users SET password = $2, password_at = $3, must_change = $4 WHERE id = $1",
    );
    tx.execute(query.bind(id).bind(hash).bind(now).bind(must_change)).await?;
    Ok(())
}

/// What the rows give; what cannot be read gives nothing.
pub(crate) fn grants_of(rows: &[Row]) -> Result<Vec<HeldGrant>, Error> {
    let mut grants = Vec::with_capacity(rows.len());
    for row in rows {
        let what: String = row.get("what")?;
        let expires = Timestamp::from_micros(row.get("expires_at")?);
        let what = if what.contains(':') {
            what.parse().ok().map(Granted::Permission)
        } else {
            Some(Granted::Role(what))
        };
        grants.extend(what.map(|what| HeldGrant { what, expires }));
    }
    Ok(grants)
}
