//! Coming in: name and password, then, where there is one, the second factor.

use crate::audit::{Entry, Outcome};
use crate::identity::Inner;
use crate::lockout::{self, Scope};
use crate::sessions::{self, LoggedIn};
use crate::users::canonical;
use crate::{Actor, AuthMethod, Error, Identity, Reject, Subject, password, text};
use aws_lc_rs::hmac;
use seaworthy_core::Secret;
use seaworthy_store::{Query, Timestamp, Tx};
use std::sync::Arc;

/// What somebody brings who wants to come in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name as it was typed.
    pub name: String,
    /// The password as it was typed.
    pub password: Secret<String>,
    /// What the device was given at an earlier log-in: [`LoggedIn::device`].
    pub device: Option<Secret<String>>,
    /// What the client says it is.
    pub agent: Option<String>,
    /// The token of a session that the client still has: it ends.
    pub previous: Option<Secret<String>>,
}

/// How far somebody came.
#[derive(Debug)]
pub enum LogIn {
    /// In.
    Done(Box<LoggedIn>),
    /// The password was right, and a code is asked for.
    NeedsSecondFactor(Challenge),
}

/// What goes with the code: [`Identity::second_factor`].
#[derive(Debug)]
pub struct Challenge {
    /// Shows that the password was right. Good for a few tries.
    pub token: Secret<String>,
    /// Until then.
    pub expires: Timestamp,
}

/// What is known of somebody who says a name.
struct Claimed {
    user: Option<(String, String)>,
    is_enabled: bool,
    hash: Option<String>,
    scopes: Vec<Scope>,
}

impl Identity {
    /// Name and password. Everything that can be wrong has one answer, and takes as long (6.3.8).
    ///
    /// # Errors
    /// [`Error::Unauthenticated`]; [`Error::LockedOut`], for names that are nobody's too; [`Error::Busy`];
    /// [`Error::Store`].
    pub async fn log_in(&self, actor: &Actor, credentials: Credentials) -> Result<LogIn, Error> {
        let result = self.try_log_in(actor, credentials).await;
        self.0.counters.log_in(&result, |done| matches!(done, LogIn::Done(_)));
        result
    }

    async fn try_log_in(&self, actor: &Actor, credentials: Credentials) -> Result<LogIn, Error> {
        let name = canonical(&credentials.name).unwrap_or_default();
        let tag = self.tag(&name)?;
        let claimed = match self.claim(actor, &name, &tag, credentials.device.as_ref()).await? {
            Ok(claimed) => claimed,
            Err(wait) => {
                let entry = Entry::new(actor, "log_in", format!("name:{tag}"), Outcome::Denied);
                self.0.log.note(entry.because("locked"));
                return Err(Error::LockedOut(wait));
            }
        };
        let typed = password::normal(&credentials.password).unwrap_or(Secret::new(String::new()));
        let is_right = match self.0.hasher.matches(typed.clone(), claimed.hash.clone()).await {
            Ok(is_right) => is_right,
            Err(error) => {
                self.not_tried(claimed.scopes).await?;
                return Err(error);
            }
        };
        let Some((user, shown)) = claimed.user.clone().filter(|_| is_right && claimed.is_enabled) else {
            self.failed(actor, &claimed, &tag, is_right).await?;
            return Err(Error::Unauthenticated(Reject::Wrong));
        };
        let again = self.rehashed(typed, claimed.hash.as_deref()).await;
        let mut known = actor.clone();
        known.principal =
            Arc::new(crate::Principal::bare(Subject::User(user.clone()), &shown, AuthMethod::Password));
        self.change(move |tx, inner| {
            Box::pin(async move {
                lockout::succeeded(tx, &claimed.scopes, &inner.settings.lockout).await?;
                if let (Some(new), Some(old)) = (again, claimed.hash) {
                    // only where it is still that one
                    let query =
                        Query::new("UPDATE identity_users SET password = $3 WHERE id = $1 AND password = $2");
                    tx.execute(query.bind(user.as_str()).bind(old).bind(new)).await?;
                }
                let row = sessions::may_come_in(tx, &user).await?;
                if row.second_factor {
                    return challenge(tx, inner, &known, &user).await;
                }
                let brought = sessions::Brought::of(credentials);
                let done = sessions::begin(tx, inner, &known, row, AuthMethod::Password, brought).await?;
                Ok(done.map(|session| LogIn::Done(Box::new(session))))
            })
        })
        .await
    }

    /// The key under which names are kept where they count failures.
    pub(crate) fn tag(&self, name: &str) -> Result<String, Error> {
        // of the oldest version: a new one must not forget who is locked out
        let version = self.0.keyring.versions().next().unwrap_or(0);
        let key = self.0.keyring.derive("lockout", version)?;
        Ok(lockout::tag(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), name))
    }

    /// Counts the attempt and reads what it is compared with.
    async fn claim(
        &self,
        actor: &Actor,
        name: &str,
        tag: &str,
        device: Option<&Secret<String>>,
    ) -> Result<Result<Claimed, std::time::Duration>, Error> {
        let (name, tag) = (name.to_owned(), tag.to_owned());
        let device = device.filter(|d| d.expose().len() <= 256).map(|d| text::sha256(d.expose()));
        let network = lockout::network(actor.client);
        let inner = Arc::clone(&self.0);
        let write = self.0.store.write(move |tx| {
            Box::pin(async move {
                let query =
                    Query::new("SELECT id, name, password, enabled FROM identity_users WHERE name = $1");
                let row = tx.fetch_optional(query.bind(name)).await?;
                let mut claimed = Claimed { user: None, is_enabled: false, hash: None, scopes: Vec::new() };
                if let Some(row) = row {
                    claimed.user = Some((row.get("id")?, row.get("name")?));
                    claimed.hash = Some(row.get("password")?);
                    claimed.is_enabled = row.get::<i64>("enabled")? != 0;
                }
                let known = match (&claimed.user, device) {
                    (Some((user, _)), Some(device)) => is_known(tx, user, &device).await?.then_some(device),
                    _ => None,
                };
                let settings = &inner.settings.lockout;
                claimed.scopes = match known {
                    Some(device) => lockout::of_device(&tag, &device, settings),
                    None => lockout::of_stranger(&tag, &network, settings),
                };
                let attempt = lockout::attempt(tx, &claimed.scopes, settings).await?;
                Ok::<_, Error>(attempt.map(|()| claimed))
            })
        });
        write.await
    }

    /// Takes an attempt back that was not looked at: a crowd before the door must not lock anybody out.
    pub(crate) async fn not_tried(&self, scopes: Vec<Scope>) -> Result<(), Error> {
        let inner = Arc::clone(&self.0);
        let write = self.0.store.write(move |tx| {
            Box::pin(async move { lockout::not_tried(tx, &scopes, &inner.settings.lockout).await })
        });
        write.await
    }

    async fn failed(&self, actor: &Actor, claimed: &Claimed, tag: &str, is_right: bool) -> Result<(), Error> {
        let (resource, reason) = match &claimed.user {
            Some((user, _)) if is_right => (format!("user:{user}"), Reject::Disabled),
            Some((user, _)) => (format!("user:{user}"), Reject::Wrong),
            // not what was typed: people type passwords there
            None => (format!("name:{tag}"), Reject::Unknown),
        };
        let entry = Entry::new(actor, "log_in", resource, Outcome::Failure).because(reason.reason());
        self.0.log.record(entry).await
    }

    /// A new hash where the old one was made with other parameters. That it cannot be made keeps nobody out.
    async fn rehashed(&self, password: Secret<String>, stored: Option<&str>) -> Option<String> {
        if !stored.is_some_and(|stored| self.0.hasher.is_outdated(stored)) {
            return None;
        }
        self.0.hasher.hash(password).await.ok()
    }
}

async fn is_known(tx: &mut Tx, user: &str, device: &str) -> Result<bool, Error> {
    let now = tx.now();
    let query = Query::new(
        "SELECT digest FROM identity_devices WHERE digest = $1 AND user_id = $2 AND expires_at > $3",
    );
    Ok(tx.fetch_optional(query.bind(device).bind(user).bind(now)).await?.is_some())
}

async fn challenge(
    tx: &mut Tx,
    inner: &Inner,
    known: &Actor,
    user: &str,
) -> Result<crate::identity::Changed<LogIn>, Error> {
    let (token, digest) = text::token("swc_")?;
    let expires = tx.now().plus(inner.settings.sessions.challenge);
    let query =
        Query::new("INSERT INTO identity_challenges (digest, user_id, expires_at) VALUES ($1, $2, $3)");
    tx.execute(query.bind(digest).bind(user).bind(expires)).await?;
    let entry = Entry::new(known, "log_in.password", format!("user:{user}"), Outcome::Success);
    let value = LogIn::NeedsSecondFactor(Challenge { token, expires });
    Ok(crate::identity::Changed::new(value, entry))
}
