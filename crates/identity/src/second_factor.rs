//! The second factor: time-based codes (RFC 6238), and codes on paper for when the device is lost.

mod totp;

#[cfg(test)]
mod tests;

use crate::audit::{Entry, Outcome};
use crate::identity::{Changed, Inner};
use crate::lockout::{self, Scope};
use crate::sessions::{self, Brought, LoggedIn};
use crate::{Actor, AuthMethod, Error, Identity, Reject, text};
use seaworthy_core::Secret;
use seaworthy_store::seal::Place;
use seaworthy_store::{Query, Row, Tx};
use std::sync::Arc;

/// How many codes on paper there are.
const RECOVERY_CODES: usize = 10;

/// A second factor that is being set up.
#[derive(Debug)]
pub struct Enrolment {
    /// For typing: Base32.
    pub secret: Secret<String>,
    /// For scanning: `otpauth://…`.
    pub uri: Secret<String>,
}

/// What comes with a code.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the password was answered with.
    pub challenge: Secret<String>,
    /// Six digits, or a code on paper.
    pub code: Secret<String>,
    /// As in [`Credentials`](crate::Credentials).
    pub device: Option<Secret<String>>,
    /// As in [`Credentials`](crate::Credentials).
    pub agent: Option<String>,
    /// As in [`Credentials`](crate::Credentials).
    pub previous: Option<Secret<String>>,
}

impl Identity {
    /// The second step of a log-in. A code is good once (6.5.1), a challenge for a few tries and minutes.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::LockedOut`], [`Error::Store`].
    pub async fn second_factor(&self, actor: &Actor, answer: Answer) -> Result<LoggedIn, Error> {
        let result = self.try_second_factor(actor, answer).await;
        self.0.counters.log_in(&result, |_| true);
        result
    }

    async fn try_second_factor(&self, actor: &Actor, answer: Answer) -> Result<LoggedIn, Error> {
        let refused = |reason: Reject| Err(Error::Unauthenticated(reason));
        let digest = text::sha256(answer.challenge.expose());
        let Some((user, scopes)) = self.try_challenge(&digest).await? else {
            self.note_failure(actor, "challenge", Reject::Unknown).await?;
            return refused(Reject::Unknown);
        };
        let mut known = actor.clone();
        known.principal = Arc::new(crate::Principal::bare(
            crate::Subject::User(user.clone()),
            &user,
            AuthMethod::PasswordAndTotp,
        ));
        let (code, brought) =
            (answer.code, Brought::new(answer.agent, answer.device.as_ref(), answer.previous.as_ref()));
        let (theirs, id) = (known.clone(), user.clone());
        let done = self.change(move |tx, inner| {
            Box::pin(async move {
                let entrant = sessions::may_come_in(tx, &id).await?;
                if !uses_code(tx, inner, &id, code.expose()).await? {
                    return Err(Error::Unauthenticated(Reject::Wrong));
                }
                let query = Query::new("DELETE FROM identity_challenges WHERE digest = $1");
                if tx.execute(query.bind(digest)).await? == 0 {
                    return Err(Error::Unauthenticated(Reject::Reused));
                }
                lockout::succeeded(tx, &scopes, &inner.settings.lockout).await?;
                sessions::begin(tx, inner, &theirs, entrant, AuthMethod::PasswordAndTotp, brought).await
            })
        });
        match done.await {
            Err(Error::Unauthenticated(reason)) => {
                self.note_failure(&known, &user, reason).await?;
                refused(reason)
            }
            other => other,
        }
    }

    async fn note_failure(&self, actor: &Actor, user: &str, reason: Reject) -> Result<(), Error> {
        let entry = Entry::new(actor, "log_in.second_factor", format!("user:{user}"), Outcome::Failure);
        self.0.log.record(entry.because(reason.reason())).await
    }

    /// Counts a try; whose challenge it is.
    async fn try_challenge(&self, digest: &str) -> Result<Option<(String, Vec<Scope>)>, Error> {
        let (digest, inner) = (digest.to_owned(), Arc::clone(&self.0));
        let write = self.0.store.write(move |tx| {
            Box::pin(async move {
                let now = tx.now();
                let query = Query::new(
                    "UPDATE identity_challenges SET tries = tries + 1
                     WHERE digest = $1 AND expires_at > $2 AND tries < $3 RETURNING user_id",
                );
                let tries = i64::from(inner.settings.sessions.challenge_tries.max(1));
                let row = tx.fetch_optional(query.bind(digest).bind(now).bind(tries)).await?;
                let Some(row) = row else { return Ok(Ok(None)) };
                let user: String = row.get("user_id")?;
                let scopes = lockout::of_user("tf", &user, &inner.settings.lockout);
                let attempt = lockout::attempt(tx, &scopes, &inner.settings.lockout).await?;
                Ok::<_, Error>(attempt.map(|()| Some((user, scopes))))
            })
        });
        write.await?.map_err(Error::LockedOut)
    }

    /// Begins to set up a second factor; it counts once a code of it was [confirmed](Self::confirm_second_factor). The
    /// password is asked for once more.
    ///
    /// # Errors
    /// [`Error::Conflict`] where there is one; [`Error::Unauthenticated`], [`Error::LockedOut`], [`Error::Denied`],
    /// [`Error::Store`].
    pub async fn begin_second_factor(
        &self,
        actor: &Actor,
        password: Secret<String>,
    ) -> Result<Enrolment, Error> {
        let user = self.oneself(actor, "write")?;
        self.confirm_password(actor, &user, password).await?;
        let secret = Secret::new(text::random::<20>()?.to_vec());
        let place = Place { column: "identity_users.totp", row: &user };
        let sealed = self.0.keyring.seal(place, secret.expose())?;
        let actor = actor.clone();
        let name = actor.principal.name.clone();
        let change = self.change(move |tx, _| {
            Box::pin(async move {
                let query = Query::new(
                    "UPDATE identity_users SET totp = $2, totp_step = 0 WHERE id = $1 AND totp_confirmed = 0",
                );
                if tx.execute(query.bind(user.as_str()).bind(sealed)).await? == 0 {
                    return Err(Error::Conflict("there is a second factor already".to_owned()));
                }
                let entry =
                    Entry::new(&actor, "second_factor.begin", format!("user:{user}"), Outcome::Success);
                Ok(Changed::new((), entry))
            })
        });
        change.await?;
        let secret = totp::base32(secret.expose());
        let uri = totp::uri(&self.0.settings.issuer, &name, &secret);
        Ok(Enrolment { secret: Secret::new(secret), uri: Secret::new(uri) })
    }

    /// Shows that the device makes the right codes: from now on one is asked for. Codes on paper, each good once, come
    /// back; they are shown never again.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a wrong code; [`Error::LockedOut`], [`Error::Conflict`], [`Error::Denied`],
    /// [`Error::Store`].
    pub async fn confirm_second_factor(
        &self,
        actor: &Actor,
        code: Secret<String>,
    ) -> Result<Vec<Secret<String>>, Error> {
        let user = self.oneself(actor, "write")?;
        let scopes = self.try_code(&user).await?;
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            let letters = text::letters::<16>()?;
            codes.push(Secret::new(format!("{}-{}", &letters[..8], &letters[8..])));
        }
        let digests: Vec<_> = codes.iter().map(|code| text::sha256(&plain(code.expose()))).collect();
        let actor = actor.clone();
        let change = self.change(move |tx, inner| {
            Box::pin(async move {
                let held = crate::users::held(tx, &user).await?;
                if held.second_factor {
                    return Err(Error::Conflict("there is a second factor already".to_owned()));
                }
                if !uses_totp(tx, inner, &user, code.expose()).await? {
                    return Err(Error::Unauthenticated(Reject::Wrong));
                }
                lockout::succeeded(tx, &scopes, &inner.settings.lockout).await?;
                let query = Query::new("UPDATE identity_users SET totp_confirmed = 1 WHERE id = $1");
                tx.execute(query.bind(user.as_str())).await?;
                let query = Query::new("DELETE FROM identity_recovery_codes WHERE user_id = $1");
                tx.execute(query.bind(user.as_str())).await?;
                for digest in digests {
                    let query =
                        Query::new("INSERT INTO identity_recovery_codes (user_id, digest) VALUES ($1, $2)");
                    tx.execute(query.bind(user.as_str()).bind(digest)).await?;
                }
                let entry =
                    Entry::new(&actor, "second_factor.confirm", format!("user:{user}"), Outcome::Success);
                Ok(Changed::new((), entry))
            })
        });
        change.await?;
        Ok(codes)
    }

    /// Takes one's own second factor away. The password is asked for once more.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::LockedOut`], [`Error::Denied`], [`Error::Store`].
    pub async fn remove_second_factor(&self, actor: &Actor, password: Secret<String>) -> Result<(), Error> {
        let user = self.oneself(actor, "write")?;
        self.confirm_password(actor, &user, password).await?;
        let actor = actor.clone();
        self.change(move |tx, _| {
            Box::pin(async move {
                remove(tx, &user).await?;
                let entry =
                    Entry::new(&actor, "second_factor.remove", format!("user:{user}"), Outcome::Success);
                Ok(Changed::new((), entry))
            })
        })
        .await
    }

    async fn try_code(&self, user: &str) -> Result<Vec<Scope>, Error> {
        let scopes = lockout::of_user("tf", user, &self.0.settings.lockout);
        let (tried, inner) = (scopes.clone(), Arc::clone(&self.0));
        let write = self.0.store.write(move |tx| {
            Box::pin(async move { lockout::attempt(tx, &tried, &inner.settings.lockout).await })
        });
        let attempt: Result<(), _> = write.await?;
        attempt.map_err(Error::LockedOut)?;
        Ok(scopes)
    }
}

pub(crate) async fn remove(tx: &mut Tx, user: &str) -> Result<(), Error> {
    let query =
        Query::new("UPDATE identity_users SET totp = NULL, totp_confirmed = 0, totp_step = 0 WHERE id = $1");
    tx.execute(query.bind(user)).await?;
    tx.execute(Query::new("DELETE FROM identity_recovery_codes WHERE user_id = $1").bind(user)).await?;
    Ok(())
}

/// Whether it is a code of this person that was not used before; it is used now.
async fn uses_code(tx: &mut Tx, inner: &Inner, user: &str, code: &str) -> Result<bool, Error> {
    if code.len() > 64 {
        return Ok(false);
    }
    if uses_totp(tx, inner, user, code).await? {
        return Ok(true);
    }
    let query = Query::new("DELETE FROM identity_recovery_codes WHERE user_id = $1 AND digest = $2");
    Ok(tx.execute(query.bind(user).bind(text::sha256(&plain(code)))).await? > 0)
}

async fn uses_totp(tx: &mut Tx, inner: &Inner, user: &str, code: &str) -> Result<bool, Error> {
    let query = Query::new("SELECT totp, totp_step FROM identity_users WHERE id = $1 {lock}").bind(user);
    let Some(row): Option<Row> = tx.fetch_optional(query).await? else { return Ok(false) };
    let Some(sealed) = row.get::<Option<String>>("totp")? else { return Ok(false) };
    let place = Place { column: "identity_users.totp", row: user };
    let secret = inner.keyring.open_sealed(place, &sealed)?;
    let last: i64 = row.get("totp_step")?;
    let Some(step) = totp::matching(secret.expose(), code, tx.now(), last) else { return Ok(false) };
    let query = Query::new("UPDATE identity_users SET totp_step = $2 WHERE id = $1");
    tx.execute(query.bind(user).bind(step)).await?;
    Ok(true)
}

/// However it was written.
fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect()
}
