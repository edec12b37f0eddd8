//! Sessions: a token that says nothing, of which only the digest is kept.

mod begin;

pub(crate) use begin::{Brought, begin, may_come_in};

use crate::audit::{Entry, Outcome};
use crate::identity::{Changed, Inner};
use crate::users::{grants_of, names};
use crate::{Actor, AuthMethod, Error, Identity, Principal, Reject, SessionId, text};
use aws_lc_rs::hmac;
use begin::is_old;
use seaworthy_core::Secret;
use seaworthy_store::{Query, Row, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How exactly it is known when a session was last used.
const TOUCH: Duration = Duration::from_secs(60);
/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its public name.
    pub id: SessionId,
    /// Whose.
    pub user: String,
    /// How it was begun: `password` or `password+totp`.
    pub method: String,
    /// From where.
    pub client: Option<String>,
    /// By what.
    pub agent: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
}

/// What somebody gets who came in.
#[derive(Debug)]
pub struct LoggedIn {
    /// The session.
    pub session: Session,
    /// What its holder shows.
    pub token: Secret<String>,
    /// What must come with every request that changes something, where the token comes in a cookie.
    pub csrf: String,
    /// What the device shows at the next log-in: it may then try though strangers have locked the account.
    pub device: Secret<String>,
    /// Whether nothing but a new password is possible.
    pub must_change: bool,
}

/// Who a session's holder is.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who.
    pub principal: Arc<Principal>,
    /// By what.
    pub session: Session,
    /// Whether nothing but a new password is possible.
    pub must_change: bool,
}

fn csrf(inner: &Inner, session: &SessionId) -> Result<String, Error> {
    let key = inner.keyring.derive("csrf", inner.keyring.newest())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    Ok(text::hex(hmac::sign(&key, session.0.as_bytes()).as_ref()))
}

const WITH_USER: &str =
    "SELECT s.id, s.user_id, s.method, s.client, s.agent, s.created_at, s.used_at, s.expires_at,
    u.name, u.roles, u.tenant, u.enabled, u.must_change, u.password_at
    FROM identity_sessions s JOIN identity_users u ON u.id = s.user_id WHERE s.digest = $1";

impl Identity {
    /// Who holds this session's token. A session that nobody used for long, or that is too old, is none (7.3.1, 7.3.2).
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub async fn session(&self, token: &str) -> Result<Authenticated, Error> {
        if !token.starts_with("sws_") || token.len() > 128 {
            return Err(Error::Unauthenticated(Reject::Malformed));
        }
        let row = self.0.store.fetch_optional(Query::new(WITH_USER).bind(text::sha256(token))).await?;
        let row = row.ok_or(Error::Unauthenticated(Reject::Unknown))?;
        let session = read(&row)?;
        let now = self.now();
        if now >= session.expires_at || now.since(session.used_at) >= self.0.settings.sessions.idle {
            return Err(Error::Unauthenticated(Reject::Expired));
        }
        if row.get::<i64>("enabled")? == 0 {
            return Err(Error::Unauthenticated(Reject::Disabled));
        }
        self.touch(&session, now).await;
        let must_change = row.get::<i64>("must_change")? != 0
            || is_old(&self.0, Timestamp::from_micros(row.get("password_at")?), now);
        let principal = self.holder(&row, &session, must_change, now).await?;
        Ok(Authenticated { principal: Arc::new(principal), session, must_change })
    }

    async fn holder(
        &self,
        row: &Row,
        session: &Session,
        must_change: bool,
        now: Timestamp,
    ) -> Result<Principal, Error> {
        let query = Query::new(
            "SELECT what, expires_at FROM identity_grants WHERE user_id = $1 AND expires_at > $2 LIMIT 1000",
        );
        let grants = self.0.store.fetch_all(query.bind(session.user.as_str()).bind(now)).await?;
        let method = if session.method == AuthMethod::PasswordAndTotp.as_str() {
            AuthMethod::PasswordAndTotp
        } else {
            AuthMethod::Password
        };
        let mut principal =
            Principal::bare(crate::Subject::User(session.user.clone()), &row.get::<String>("name")?, method);
        principal.roles = names(&row.get::<String>("roles")?);
        principal.tenant = row.get("tenant")?;
        principal.grants = grants_of(&grants)?;
        principal.session = Some(session.id.clone());
        if must_change {
            // nothing but one's own account until there is a new password
            principal.scopes = Some("account:*".parse().into_iter().collect());
        }
        Ok(principal)
    }

    /// That it cannot be written down keeps nobody out.
    async fn touch(&self, session: &Session, now: Timestamp) {
        if now.since(session.used_at) < TOUCH.min(self.0.settings.sessions.idle / 4) {
            return;
        }
        let query = Query::new("UPDATE identity_sessions SET used_at = $2 WHERE id = $1 AND used_at < $2");
        if let Err(error) = self.0.store.execute(query.bind(session.id.0.as_str()).bind(now)).await {
            tracing::debug!(%error, "a session's use could not be written down");
        }
    }

    /// What must come with every request of this session that changes something.
    ///
    /// # Errors
    /// [`Error::Seal`].
    pub fn csrf_token(&self, session: &SessionId) -> Result<String, Error> {
        csrf(&self.0, session)
    }

    /// Whether that is what came (3.5.1). Takes as long either way.
    pub fn csrf_matches(&self, session: &SessionId, given: &str) -> bool {
        let Some(given) = text::unhex::<32>(given) else { return false };
        self.0.keyring.versions().any(|version| {
            self.0.keyring.derive("csrf", version).is_ok_and(|key| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
                hmac::verify(&key, session.0.as_bytes(), &given).is_ok()
            })
        })
    }

    /// The sessions of a person, newest first; those that are over are left out. Needs `sessions:read`, but for one's own
    /// (7.5.2).
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn sessions(&self, actor: &Actor, user: &str) -> Result<Vec<Session>, Error> {
        self.own_or(actor, user, "sessions", "read")?;
        let now = self.now();
        let query = Query::new(
            "SELECT * FROM identity_sessions WHERE user_id = $1 AND expires_at > $2 AND used_at > $3
             ORDER BY created_at DESC, id LIMIT 1000",
        );
        let query = query.bind(text::fit(user, 64)).bind(now);
        let rows = self.0.store.fetch_all(query.bind(now.minus(self.0.settings.sessions.idle))).await?;
        rows.iter().map(read).collect()
    }

    /// Ends one session of a person. Needs `sessions:write`, but for one's own.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Store`].
    pub async fn revoke_session(&self, actor: &Actor, user: &str, id: &SessionId) -> Result<(), Error> {
        self.own_or(actor, user, "sessions", "write")?;
        let (actor, user, id) = (actor.clone(), text::fit(user, 64), text::fit(&id.0, 64));
        self.change(move |tx, _| {
            Box::pin(async move {
                let query = Query::new("DELETE FROM identity_sessions WHERE id = $1 AND user_id = $2");
                if tx.execute(query.bind(id.as_str()).bind(user)).await? == 0 {
                    return Err(Error::NotFound("session"));
                }
                let entry = Entry::new(&actor, "session.revoke", format!("session:{id}"), Outcome::Success);
                Ok(Changed::new((), entry))
            })
        })
        .await
    }

    /// Ends all sessions of a person but the one in use; how many there were. Needs `sessions:write`, but for one's own
    /// (7.4.3, 7.4.5).
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn revoke_sessions(&self, actor: &Actor, user: &str) -> Result<u64, Error> {
        self.own_or(actor, user, "sessions", "write")?;
        let (actor, user) = (actor.clone(), text::fit(user, 64));
        self.change(move |tx, _| {
            Box::pin(async move {
                let keep = actor.principal.session.clone().map(|session| session.0).unwrap_or_default();
                let query = Query::new("DELETE FROM identity_sessions WHERE user_id = $1 AND id <> $2");
                let ended = tx.execute(query.bind(user.as_str()).bind(keep)).await?;
                let entry =
                    Entry::new(&actor, "session.revoke_all", format!("user:{user}"), Outcome::Success)
                        .change(None, Some(serde_json::json!({ "ended": ended })));
                Ok(Changed::new(ended, entry))
            })
        })
        .await
    }

    /// Ends the session in use (7.4.1).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn log_out(&self, actor: &Actor) -> Result<(), Error> {
        let Some(session) = actor.principal.session.clone() else { return Ok(()) };
        let actor = actor.clone();
        self.change(move |tx, _| {
            Box::pin(async move {
                let query = Query::new("DELETE FROM identity_sessions WHERE id = $1");
                tx.execute(query.bind(session.0.as_str())).await?;
                let entry = Entry::new(&actor, "log_out", format!("session:{}", session.0), Outcome::Success);
                Ok(Changed::new((), entry))
            })
        })
        .await
    }

    /// One's own, or a permission for everybody's.
    pub(crate) fn own_or(
        &self,
        actor: &Actor,
        user: &str,
        resource: &str,
        action: &str,
    ) -> Result<(), Error> {
        if actor.principal.subject.user() == Some(user) {
            self.oneself(actor, action).map(|_| ())
        } else {
            self.permit(actor, resource, action, &format!("user:{}", text::fit(user, 64)))
        }
    }
}

fn read(row: &Row) -> Result<Session, Error> {
    let moment = |column| row.get::<i64>(column).map(Timestamp::from_micros);
    Ok(Session {
        id: SessionId(row.get("id")?),
        user: row.get("user_id")?,
        method: row.get("method")?,
        client: row.get("client")?,
        agent: row.get("agent")?,
        created_at: moment("created_at")?,
        used_at: moment("used_at")?,
        expires_at: moment("expires_at")?,
    })
}
