//! The beginning of a session.

use super::{LoggedIn, Session, csrf};
use crate::audit::{Entry, Outcome};
use crate::identity::{Changed, Inner};
use crate::log_in::Credentials;
use crate::{Actor, AuthMethod, Error, Reject, SessionId, text};
use seaworthy_core::Secret;
use seaworthy_store::{Query, Timestamp, Tx};

/// The most devices that are known of one person.
const MOST_DEVICES: i64 = 10;

/// What a client brought along.
pub(crate) struct Brought {
    agent: Option<String>,
    device: Option<String>,
    previous: Option<String>,
}

impl Brought {
    pub(crate) fn of(credentials: Credentials) -> Self {
        Self::new(credentials.agent, credentials.device.as_ref(), credentials.previous.as_ref())
    }

    pub(crate) fn new(
        agent: Option<String>,
        device: Option<&Secret<String>>,
        previous: Option<&Secret<String>>,
    ) -> Self {
        let digest = |token: &Secret<String>| text::sha256(token.expose());
        Self {
            agent: agent.map(|agent| text::fit(&agent, 256)),
            device: device.map(digest),
            previous: previous.map(digest),
        }
    }
}

/// Somebody who may come in.
pub(crate) struct Entrant {
    pub(crate) id: String,
    pub(crate) second_factor: bool,
    must_change: bool,
    password_at: Timestamp,
}

/// The person, held; refused where it was switched off meanwhile.
pub(crate) async fn may_come_in(tx: &mut Tx, user: &str) -> Result<Entrant, Error> {
    let held = crate::users::held(tx, user).await.map_err(|error| match error {
        Error::NotFound(_) => Error::Unauthenticated(Reject::Unknown),
        other => other,
    })?;
    if !held.enabled {
        return Err(Error::Unauthenticated(Reject::Disabled));
    }
    Ok(Entrant {
        id: held.id,
        second_factor: held.second_factor,
        must_change: held.must_change,
        password_at: held.password_at,
    })
}

/// Begins a session with a token that nobody had before (7.2.4).
pub(crate) async fn begin(
    tx: &mut Tx,
    inner: &Inner,
    actor: &Actor,
    user: Entrant,
    method: AuthMethod,
    brought: Brought,
) -> Result<Changed<LoggedIn>, Error> {
    let now = tx.now();
    if let Some(previous) = &brought.previous {
        tx.execute(Query::new("DELETE FROM identity_sessions WHERE digest = $1").bind(previous.as_str()))
            .await?;
    }
    let (token, digest) = text::token("sws_")?;
    let session = Session {
        id: SessionId(text::id("session")?),
        user: user.id.clone(),
        method: method.as_str().to_owned(),
        client: actor.client.map(|client| client.to_string()),
        agent: brought.agent,
        created_at: now,
        used_at: now,
        expires_at: now.plus(inner.settings.sessions.absolute),
    };
    make_room(tx, inner, &user.id).await?;
    insert(tx, &session, digest).await?;
    let device = known_device(tx, inner, &user.id, brought.device).await?;
    tx.execute(
        Query::new("UPDATE identity_users SET last_log_in_at = $2 WHERE id = $1")
            .bind(user.id.as_str())
            .bind(now),
    )
    .await?;
    let must_change = user.must_change || is_old(inner, user.password_at, now);
    let entry = Entry::new(actor, "log_in", format!("user:{}", user.id), Outcome::Success)
        .because(method.as_str())
        .change(None, Some(serde_json::json!({ "session": session.id.0 })));
    let csrf = csrf(inner, &session.id)?;
    Ok(Changed::new(LoggedIn { session, token, csrf, device, must_change }, entry))
}

pub(super) fn is_old(inner: &Inner, password_at: Timestamp, now: Timestamp) -> bool {
    inner.settings.password.age.is_some_and(|age| now.since(password_at) >= age)
}

/// The oldest end for a new one.
async fn make_room(tx: &mut Tx, inner: &Inner, user: &str) -> Result<(), Error> {
    let query = Query::new(
        "DELETE FROM identity_sessions WHERE user_id = $1 AND id NOT IN (
             SELECT id FROM identity_sessions WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2)",
    );
    let most = i64::from(inner.settings.sessions.most.max(1)) - 1;
    tx.execute(query.bind(user).bind(most)).await?;
    Ok(())
}

async fn insert(tx: &mut Tx, session: &Session, digest: String) -> Result<(), Error> {
    let query = Query::new(
        "INSERT INTO identity_sessions (id, digest, user_id, method, client, agent, created_at, used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
    );
    let query = query.bind(session.id.0.as_str()).bind(digest).bind(session.user.as_str());
    let query = query.bind(session.method.as_str()).bind(session.client.as_deref());
    let query = query.bind(session.agent.as_deref()).bind(session.created_at).bind(session.expires_at);
    tx.execute(query).await?;
    Ok(())
}

/// A new word for the device in place of the one it had.
async fn known_device(
    tx: &mut Tx,
    inner: &Inner,
    user: &str,
    old: Option<String>,
) -> Result<Secret<String>, Error> {
    let now = tx.now();
    let (device, digest) = text::token("swd_")?;
    if let Some(old) = old {
        let query = Query::new("DELETE FROM identity_devices WHERE digest = $1 AND user_id = $2");
        tx.execute(query.bind(old).bind(user)).await?;
    }
    let query = Query::new(
        "DELETE FROM identity_devices WHERE user_id = $1 AND digest NOT IN (
             SELECT digest FROM identity_devices WHERE user_id = $1 ORDER BY expires_at DESC, digest LIMIT $2)",
    );
    tx.execute(query.bind(user).bind(MOST_DEVICES - 1)).await?;
    let query = Query::new("INSERT INTO identity_devices (digest, user_id, expires_at) VALUES ($1, $2, $3)");
    let expires = now.plus(inner.settings.lockout.device);
    tx.execute(query.bind(digest).bind(user).bind(expires)).await?;
    Ok(device)
}
