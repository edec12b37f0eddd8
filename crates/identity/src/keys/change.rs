use super::{ApiKey, read, spelling};
use crate::audit::{Entry, Outcome};
use crate::identity::{Changed, Inner};
use crate::principal::Granted;
use crate::rbac::{Pattern, Permission};
use crate::{Actor, Error, Identity, Principal, text};
use aws_lc_rs::hmac;
use seaworthy_core::Secret;
use seaworthy_store::{Query, Timestamp, Tx};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// A key as it is to be made.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Whose, by id; `None`: one's own.
    pub owner: Option<String>,
    /// What it is for.
    pub name: String,
    /// Its roles. None is allowed that allows more than the actor, or the owner, has.
    pub roles: Vec<String>,
    /// What it is good for; `None`: all that the roles allow. It narrows the roles and never widens them.
    pub scopes: Option<BTreeSet<Pattern>>,
    /// Whose data it sees; where the owner has a tenant, it is that one. Where the owner has none, giving one needs
    /// `keys:write`: nobody chooses for himself whose data he sees.
    pub tenant: Option<String>,
    /// How long it lives; `None`: [`Keys::default`](crate::settings::Keys::default).
    pub lifetime: Option<Duration>,
}

/// A key to be kept.
struct Kept {
    owner: String,
    name: String,
    roles: Vec<String>,
    scopes: Option<BTreeSet<Pattern>>,
    tenant: Option<String>,
    expires_at: Option<Timestamp>,
}

impl Identity {
    /// Makes a key. For oneself, or, with `keys:write`, for others; with no more than the actor and the owner have. The
    /// secret is shown here and never again.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for the owner, [`Error::Conflict`] where there are too many,
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn create_key(&self, actor: &Actor, new: NewKey) -> Result<(ApiKey, Secret<String>), Error> {
        let owner = match (&new.owner, actor.principal.subject.user()) {
            (Some(owner), _) => text::fit(owner, 64),
            (None, Some(user)) => user.to_owned(),
            (None, None) => return Err(Error::invalid("owner", "is needed: you are no user")),
        };
        if actor.principal.key.is_some() {
            // whoever finds a key must not be able to make himself others
            self.permit(actor, "keys", "write", &format!("user:{owner}"))?;
        } else {
            self.own_or(actor, &owner, "keys", "write")?;
        }
        let name = label(&new.name)?;
        self.hands_out(actor, &format!("user:{owner}"), &new.roles)?;
        let may_choose =
            Permission::new("keys", "write").is_ok_and(|all| self.allows(&actor.principal, &all));
        if new.scopes.as_ref().is_some_and(|scopes| scopes.len() > 100) {
            return Err(Error::invalid("scopes", "are more than 100"));
        }
        let expires_at = self.deadline(new.lifetime)?;
        let kept = Kept { owner, name, roles: new.roles, scopes: new.scopes, tenant: new.tenant, expires_at };
        let (id, secret) = spelling::make()?;
        let (actor, text) = (actor.clone(), secret.clone());
        let key = self.change(move |tx, inner| {
            Box::pin(async move {
                let mut kept = kept;
                let owner = crate::users::held(tx, &kept.owner).await?;
                // a key that could do nothing now would come to life when its owner gets the role
                let has = Principal { roles: owner.roles.clone(), ..Principal::anonymous() };
                let wanted: Vec<_> = kept.roles.iter().cloned().map(Granted::Role).collect();
                if !inner.policy.covers(&has, &wanted, tx.now()) {
                    return Err(Error::Denied("the owner has not got all of these roles".to_owned()));
                }
                match owner.tenant {
                    Some(tenant) => kept.tenant = Some(tenant),
                    None if kept.tenant.is_some() && !may_choose => {
                        return Err(Error::Denied("keys:write is needed to give a key a tenant".to_owned()));
                    }
                    None => {}
                }
                room(tx, inner, &kept.owner).await?;
                insert(tx, inner, &id, &text, &kept).await?;
                let key = get(tx, &id).await?;
                let entry = Entry::new(&actor, "key.create", format!("key:{id}"), Outcome::Success);
                Ok(Changed::new(key.clone(), entry.change(None, Some(shown(&key)))).seen())
            })
        });
        Ok((key.await?, secret))
    }

    /// Makes a successor with the same rights, and the same length of life. The old key works on for `grace`
    /// (`None`: [`Keys::grace`](crate::settings::Keys::grace)), 0 for one that has leaked. A key may do it for itself where its
    /// scopes name `account:write`.
    ///
    /// # Errors
    /// As [`create_key`](Self::create_key).
    pub async fn rotate_key(
        &self,
        actor: &Actor,
        id: &str,
        grace: Option<Duration>,
    ) -> Result<(ApiKey, Secret<String>), Error> {
        let old = self.key_of(actor, id, "write").await?;
        // whoever finds a key must not be able to outlive it: only one that was made for it may replace itself
        let made_for_it = actor.principal.scopes.as_ref().is_some_and(|scopes| {
            Permission::new("account", "write")
                .is_ok_and(|own| scopes.iter().any(|scope| scope.matches(&own)))
        });
        if actor.principal.key.as_deref() == Some(old.id.as_str()) && !made_for_it {
            return Err(Error::Denied(
                "a key replaces itself only where its scopes name account:write".to_owned(),
            ));
        }
        let grace = grace.unwrap_or(self.0.settings.keys.grace).min(LONGEST_GRACE);
        let (new_id, secret) = spelling::make()?;
        let (actor, text) = (actor.clone(), secret.clone());
        let key = self.change(move |tx, inner| {
            Box::pin(async move {
                let query =
                    Query::new("SELECT * FROM identity_keys WHERE id = $1 {lock}").bind(old.id.as_str());
                let old = read(&tx.fetch_optional(query).await?.ok_or(Error::NotFound("key"))?)?;
                let now = tx.now();
                if old.successor.is_some() || old.expires_at.is_some_and(|expires| expires <= now) {
                    return Err(Error::Conflict("the key is over, or has a successor already".to_owned()));
                }
                let kept = Kept {
                    owner: old.owner.clone(),
                    name: old.name.clone(),
                    roles: old.roles.clone(),
                    scopes: old.scopes.clone(),
                    tenant: old.tenant.clone(),
                    expires_at: old.expires_at.map(|expires| now.plus(expires.since(old.created_at))),
                };
                insert(tx, inner, &new_id, &text, &kept).await?;
                let end = now.plus(grace).min(old.expires_at.unwrap_or(Timestamp::from_micros(i64::MAX)));
                let query =
                    Query::new("UPDATE identity_keys SET successor = $2, expires_at = $3 WHERE id = $1");
                tx.execute(query.bind(old.id.as_str()).bind(new_id.as_str()).bind(end)).await?;
                let key = get(tx, &new_id).await?;
                let entry = Entry::new(&actor, "key.rotate", format!("key:{}", old.id), Outcome::Success)
                    .change(Some(shown(&old)), Some(shown(&key)));
                Ok(Changed::new(key, entry).seen())
            })
        });
        Ok((key.await?, secret))
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn revoke_key(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), Error> {
        let key = self.key_of(actor, id, "write").await?;
        let (actor, reason) = (actor.clone(), reason.to_owned());
        self.change(move |tx, _| {
            Box::pin(async move {
                let query = Query::new("DELETE FROM identity_keys WHERE id = $1").bind(key.id.as_str());
                if tx.execute(query).await? == 0 {
                    return Err(Error::NotFound("key"));
                }
                let entry = Entry::new(&actor, "key.revoke", format!("key:{}", key.id), Outcome::Success);
                Ok(Changed::new((), entry.because(reason).change(Some(shown(&key)), None)).seen())
            })
        })
        .await
    }

    /// A key, where the actor may see it: somebody else's is none (8.2.2).
    async fn key_of(&self, actor: &Actor, id: &str, action: &str) -> Result<ApiKey, Error> {
        let query = Query::new("SELECT * FROM identity_keys WHERE id = $1").bind(text::fit(id, 64));
        let key = self.0.store.fetch_optional(query).await?.as_ref().map(read).transpose()?;
        let Some(key) = key else {
            self.own_or(actor, "", "keys", action)?;
            return Err(Error::NotFound("key"));
        };
        match actor.principal.key.as_deref() {
            Some(own) if own == key.id => {
                self.permit(actor, "account", action, &format!("key:{}", key.id))?
            }
            Some(_) => self.permit(actor, "keys", action, &format!("key:{}", key.id))?,
            None => self.own_or(actor, &key.owner, "keys", action)?,
        }
        Ok(key)
    }

    fn deadline(&self, lifetime: Option<Duration>) -> Result<Option<Timestamp>, Error> {
        let settings = &self.0.settings.keys;
        let lifetime = lifetime.unwrap_or(settings.default);
        if lifetime.is_zero() {
            return Err(Error::invalid("lifetime", "is nothing"));
        }
        if settings.longest.is_some_and(|longest| lifetime > longest) {
            return Err(Error::invalid("lifetime", "is longer than keys may live"));
        }
        Ok(Some(self.now().plus(lifetime)))
    }
}

/// However long a grace is asked for.
const LONGEST_GRACE: Duration = Duration::from_secs(30 * 86_400);

async fn room(tx: &mut Tx, inner: &Inner, owner: &str) -> Result<(), Error> {
    let now = tx.now();
    let query = Query::new(
        "SELECT COUNT(*) AS n FROM identity_keys WHERE owner = $1 AND (expires_at IS NULL OR expires_at > $2)",
    );
    let count: i64 = tx.fetch_one(query.bind(owner).bind(now)).await?.get("n")?;
    if count >= i64::from(inner.settings.keys.most) {
        return Err(Error::Conflict("there are as many keys as there may be".to_owned()));
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    inner: &Inner,
    id: &str,
    secret: &Secret<String>,
    kept: &Kept,
) -> Result<(), Error> {
    let version = inner.keyring.newest();
    let pepper = inner.keyring.derive("api-key", version)?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pepper.expose()), secret.expose().as_bytes());
    let now = tx.now();
    let query = Query::new(
        "INSERT INTO identity_keys (id, owner, name, digest, pepper, roles, scopes, tenant, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    );
    let query = query.bind(id).bind(kept.owner.as_str()).bind(kept.name.as_str());
    let query = query.bind(text::hex(tag.as_ref())).bind(i64::from(version));
    let query = query.bind(json!(kept.roles).to_string());
    let query = query.bind(kept.scopes.as_ref().map(|scopes| json!(scopes).to_string()));
    tx.execute(query.bind(kept.tenant.as_deref()).bind(now).bind(kept.expires_at)).await?;
    Ok(())
}

async fn get(tx: &mut Tx, id: &str) -> Result<ApiKey, Error> {
    read(&tx.fetch_one(Query::new("SELECT * FROM identity_keys WHERE id = $1").bind(id)).await?)
}

fn label(name: &str) -> Result<String, Error> {
    if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "is 1 to 128 bytes without control characters"));
    }
    Ok(name.to_owned())
}

fn shown(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "owner": key.owner, "name": key.name, "roles": key.roles, "scopes": key.scopes,
        "tenant": key.tenant, "expires_at": key.expires_at.map(Timestamp::as_micros),
    })
}
