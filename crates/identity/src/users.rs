//! People.

mod own;
mod record;

pub use record::{NewUser, User, UserChange};
pub(crate) use record::{canonical, grants_of, names};

use crate::audit::{Entry, Outcome};
use crate::identity::Changed;
use crate::principal::Granted;
use crate::rbac::ADMIN;
use crate::{Actor, Error, Identity, text};
use record::{Kept, read};
use seaworthy_core::Secret;
use seaworthy_store::{Query, Tx};
use serde_json::json;

impl Identity {
    /// Adds a person. Needs `users:write`, and every permission of the roles it is given. Without a password one is made
    /// up; it is in the answer, and must be changed at the first log-in in any case.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`] for a name that is taken, [`Error::Denied`], [`Error::Store`].
    pub async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<(User, Secret<String>), Error> {
        self.permit(actor, "users", "write", "users")?;
        let name = canonical(&new.name)?;
        self.hands_out(actor, "users", &new.roles)?;
        let password = match new.password {
            Some(password) => {
                self.0.settings.password.check(&password, &name)?;
                password
            }
            None => made_up()?,
        };
        let hash = self.0.hasher.hash(crate::password::normal(&password).ok_or_else(too_long)?).await?;
        let details = record::details(new.display_name, new.email, new.tenant)?;
        let (actor, roles) = (actor.clone(), new.roles);
        let user = self.change(move |tx, _| {
            Box::pin(async move {
                let kept = Kept { name, hash, roles, details, must_change: true };
                let user = record::insert(tx, kept).await?;
                let entry = Entry::new(&actor, "user.create", format!("user:{}", user.id), Outcome::Success);
                Ok(Changed::new(user.clone(), entry.change(None, Some(user.shown()))).seen())
            })
        });
        Ok((user.await?, password))
    }

    /// A person by id. Needs `users:read`, but for oneself.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn user(&self, actor: &Actor, id: &str) -> Result<User, Error> {
        if actor.principal.subject.user() == Some(id) {
            self.oneself(actor, "read")?;
        } else {
            self.permit(actor, "users", "read", &format!("user:{}", text::fit(id, 64)))?;
        }
        let query = Query::new("SELECT * FROM identity_users WHERE id = $1").bind(text::fit(id, 64));
        read(&self.0.store.fetch_optional(query).await?.ok_or(Error::NotFound("user"))?)
    }

    /// A person by name. Needs `users:read`, but for oneself.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn user_named(&self, actor: &Actor, name: &str) -> Result<User, Error> {
        let name = canonical(name).map_err(|_| Error::NotFound("user"));
        let is_own = actor.principal.subject.is_user()
            && name.as_ref().is_ok_and(|name| *name == actor.principal.name);
        if is_own {
            self.oneself(actor, "read")?;
        } else {
            self.permit(actor, "users", "read", "users")?;
        }
        let query = Query::new("SELECT * FROM identity_users WHERE name = $1").bind(name?);
        read(&self.0.store.fetch_optional(query).await?.ok_or(Error::NotFound("user"))?)
    }

    /// People by name, at most `most` (and 1,000), from after a name on. Needs `users:read`.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn users(&self, actor: &Actor, after: &str, most: usize) -> Result<Vec<User>, Error> {
        self.permit(actor, "users", "read", "users")?;
        let query = Query::new("SELECT * FROM identity_users WHERE name > $1 ORDER BY name LIMIT $2");
        let query = query.bind(text::fit(after, 128)).bind(i64::try_from(most.clamp(1, 1_000)).unwrap_or(1));
        self.0.store.fetch_all(query).await?.iter().map(read).collect()
    }

    /// Changes a person. Needs `users:write`, and every permission of the roles that are given and of those the person
    /// has. The last admin that is switched on stays one.
    ///
    /// # Errors
    /// As [`create_user`](Self::create_user), and [`Error::NotFound`].
    pub async fn update_user(&self, actor: &Actor, id: &str, change: UserChange) -> Result<User, Error> {
        let resource = format!("user:{}", text::fit(id, 64));
        self.permit(actor, "users", "write", &resource)?;
        self.hands_out(actor, &resource, change.roles.as_deref().unwrap_or_default())?;
        let change = change.checked()?;
        let before = self.above(actor, id).await?;
        let actor = actor.clone();
        self.change(move |tx, _| {
            Box::pin(async move {
                // what was looked at before: roles given meanwhile would slip through otherwise
                let held = held(tx, &before.id).await?;
                if held.roles != before.roles {
                    return Err(Error::Conflict("the person was changed meanwhile".to_owned()));
                }
                let after = record::update(tx, &held, change).await?;
                if !after.enabled {
                    end_everything(tx, &after.id).await?;
                }
                keep_an_admin(tx, &held).await?;
                let entry = Entry::new(&actor, "user.update", resource, Outcome::Success);
                let entry = entry.change(Some(held.shown()), Some(after.shown()));
                Ok(Changed::new(after, entry).seen())
            })
        })
        .await
    }

    /// Removes a person with all sessions, keys and tokens. Needs what [`update_user`](Self::update_user) needs.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for the last admin, [`Error::Denied`], [`Error::Store`].
    pub async fn delete_user(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        let resource = format!("user:{}", text::fit(id, 64));
        self.permit(actor, "users", "write", &resource)?;
        let before = self.above(actor, id).await?;
        let actor = actor.clone();
        self.change(move |tx, _| {
            Box::pin(async move {
                let held = held(tx, &before.id).await?;
                end_everything(tx, &held.id).await?;
                tx.execute(Query::new("DELETE FROM identity_users WHERE id = $1").bind(held.id.as_str()))
                    .await?;
                keep_an_admin(tx, &held).await?;
                let entry = Entry::new(&actor, "user.delete", resource, Outcome::Success);
                Ok(Changed::new((), entry.change(Some(held.shown()), None)).seen())
            })
        })
        .await
    }

    /// Lets somebody try again who was locked out. Needs what [`update_user`](Self::update_user) needs.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn unlock_user(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        let resource = format!("user:{}", text::fit(id, 64));
        self.permit(actor, "users", "write", &resource)?;
        let user = self.above(actor, id).await?;
        let (actor, tag) = (actor.clone(), self.tag(&user.name)?);
        self.change(move |tx, _| {
            Box::pin(async move {
                crate::lockout::forget(tx, &tag, &user.id).await?;
                Ok(Changed::new((), Entry::new(&actor, "user.unlock", resource, Outcome::Success)))
            })
        })
        .await
    }

    /// Gives a person a new password that is made up and must be changed at the next log-in, lets it try again where it
    /// was locked out, ends all sessions and tokens, and takes away the second factor where that is asked for. Needs what
    /// [`update_user`](Self::update_user) needs.
    ///
    /// # Errors
    /// As [`update_user`](Self::update_user).
    pub async fn reset_password(
        &self,
        actor: &Actor,
        id: &str,
        reset_second_factor: bool,
    ) -> Result<Secret<String>, Error> {
        let resource = format!("user:{}", text::fit(id, 64));
        self.permit(actor, "users", "write", &resource)?;
        let user = self.above(actor, id).await?;
        let password = made_up()?;
        let hash = self.0.hasher.hash(password.clone()).await?;
        let (actor, tag) = (actor.clone(), self.tag(&user.name)?);
        let change = self.change(move |tx, inner| {
            Box::pin(async move {
                crate::lockout::forget(tx, &tag, &user.id).await?;
                let held = held(tx, &user.id).await?;
                record::set_password(tx, &held.id, hash, true, inner.settings.password.history).await?;
                end_everything(tx, &held.id).await?;
                if reset_second_factor {
                    crate::second_factor::remove(tx, &held.id).await?;
                }
                let entry = Entry::new(&actor, "user.reset_password", resource, Outcome::Success)
                    .change(None, Some(json!({ "second_factor_removed": reset_second_factor })));
                Ok(Changed::new((), entry).seen())
            })
        });
        change.await?;
        Ok(password)
    }

    /// The person, where the actor has all that it has, grants included: nobody resets the password of somebody who may do more.
    async fn above(&self, actor: &Actor, id: &str) -> Result<User, Error> {
        let query = Query::new("SELECT * FROM identity_users WHERE id = $1").bind(text::fit(id, 64));
        let user = read(&self.0.store.fetch_optional(query).await?.ok_or(Error::NotFound("user"))?)?;
        let query = Query::new(
            "SELECT what, expires_at FROM identity_grants WHERE user_id = $1 AND expires_at > $2 LIMIT 1000",
        );
        let held = self.0.store.fetch_all(query.bind(user.id.as_str()).bind(self.now())).await?;
        // what they hold for a time counts too: whoever gets their password gets that
        let theirs = user.roles.iter().cloned().map(Granted::Role);
        let theirs: Vec<_> = theirs.chain(grants_of(&held)?.into_iter().map(|grant| grant.what)).collect();
        if self.0.policy.covers(&actor.principal, &theirs, self.now()) {
            return Ok(user);
        }
        self.deny(actor, "access.denied", &format!("user:{}", user.id), "the person may do more than you")
    }

    /// Refuses roles that are not there, and those that allow more than the actor has.
    pub(crate) fn hands_out(&self, actor: &Actor, resource: &str, roles: &[String]) -> Result<(), Error> {
        if roles.len() > 64 {
            return Err(Error::invalid("roles", "are more than 64"));
        }
        if let Some(unknown) = roles.iter().find(|role| !self.0.policy.knows(role)) {
            return Err(Error::invalid("roles", format!("\"{}\" is not there", text::fit(unknown, 64))));
        }
        let given: Vec<_> = roles.iter().cloned().map(Granted::Role).collect();
        if self.0.policy.covers(&actor.principal, &given, self.now()) {
            return Ok(());
        }
        self.deny(actor, "access.denied", resource, "the roles allow more than you have")
    }
}

fn too_long() -> Error {
    Error::invalid("password", "is too long")
}

/// A password of 100 bits that can be read out on the telephone.
pub(crate) fn made_up() -> Result<Secret<String>, Error> {
    let letters = text::letters::<20>()?;
    let parts: Vec<_> = (0..4).filter_map(|at| letters.get(at * 5..at * 5 + 5)).collect();
    Ok(Secret::new(parts.join("-")))
}

/// The person, held until the transaction ends.
pub(crate) async fn held(tx: &mut Tx, id: &str) -> Result<User, Error> {
    let query = Query::new("SELECT * FROM identity_users WHERE id = $1 {lock}").bind(id);
    read(&tx.fetch_optional(query).await?.ok_or(Error::NotFound("user"))?)
}

/// Ends sessions, challenges, tokens and known devices.
pub(crate) async fn end_everything(tx: &mut Tx, id: &str) -> Result<(), Error> {
    for query in [
        "DELETE FROM identity_sessions WHERE user_id = $1",
        "DELETE FROM identity_challenges WHERE user_id = $1",
        "DELETE FROM identity_devices WHERE user_id = $1",
        "DELETE FROM identity_token_families WHERE user_id = $1",
    ] {
        tx.execute(Query::new(query).bind(id)).await?;
    }
    let query = Query::new("UPDATE identity_users SET tokens_from = $2 WHERE id = $1");
    let now = tx.now();
    tx.execute(query.bind(id).bind(now)).await?;
    Ok(())
}

/// Somebody must be able to undo whatever is done: where an admin was changed, there still is one.
async fn keep_an_admin(tx: &mut Tx, before: &User) -> Result<(), Error> {
    if !before.enabled || !before.roles.iter().any(|role| role == ADMIN) {
        return Ok(());
    }
    if tx.backend() == seaworthy_store::Backend::Postgres {
        // two admins who switch each other off at the same moment
        tx.fetch_all(Query::new("SELECT pg_advisory_xact_lock(6101)")).await?;
    }
    let rows = tx.fetch_all(Query::new("SELECT roles FROM identity_users WHERE enabled = 1")).await?;
    for row in rows {
        if names(&row.get::<String>("roles")?).iter().any(|role| role == ADMIN) {
            return Ok(());
        }
    }
    Err(Error::Conflict("the last admin stays one".to_owned()))
}
