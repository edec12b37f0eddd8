use super::insert;
use crate::audit::{Entry, Outcome};
use crate::identity::Changed;
use crate::principal::Granted;
use crate::{Actor, Error, Identity, text};
use seaworthy_store::{Query, Row, Timestamp};
use serde_json::json;
use std::time::Duration;

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestState {
    /// Nobody has answered.
    Pending,
    /// It was granted.
    Approved,
    /// It was not.
    Denied,
    /// Whoever asked took it back.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
}

impl RequestState {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    fn parse(text: &str) -> Self {
        let all = [Self::Pending, Self::Approved, Self::Denied, Self::Withdrawn];
        all.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Expired)
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRequest {
    /// Its id.
    pub id: String,
    /// Who asks.
    pub user: String,
    /// For what: a role's name, or permissions.
    pub what: String,
    /// Why.
    pub reason: String,
    /// For how long, from the approval on.
    pub duration: Duration,
    /// How it stands.
    pub state: RequestState,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
    /// Who answered.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// What was said.
    pub decision_reason: Option<String>,
}

impl Identity {
    /// Asks for a role or permissions for a time, for oneself.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`] where too many wait, [`Error::Denied`], [`Error::Store`].
    pub async fn request_access(
        &self,
        actor: &Actor,
        what: Granted,
        reason: &str,
        duration: Duration,
    ) -> Result<AccessRequest, Error> {
        let user = self.oneself(actor, "write")?;
        let reason = self.askable(&what, reason, duration)?;
        let actor = actor.clone();
        self.change(move |tx, inner| {
            Box::pin(async move {
                crate::users::held(tx, &user).await?;
                let now = tx.now();
                let query = Query::new(
                    "SELECT COUNT(*) AS n FROM identity_requests WHERE user_id = $1 AND state = 'pending' AND expires_at > $2",
                );
                let waiting: i64 = tx.fetch_one(query.bind(user.as_str()).bind(now)).await?.get("n")?;
                if waiting >= i64::from(inner.settings.grants.most) {
                    return Err(Error::Conflict("as many requests wait as may".to_owned()));
                }
                let id = text::id("request")?;
                let query = Query::new(
                    "INSERT INTO identity_requests (id, user_id, what, reason, duration_us, state, created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7) RETURNING *",
                );
                let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
                let query = query.bind(id.as_str()).bind(user.as_str()).bind(what.to_string());
                let query = query.bind(reason.as_str()).bind(micros).bind(now);
                let row = tx.fetch_one(query.bind(now.plus(inner.settings.grants.request))).await?;
                let entry = Entry::new(&actor, "access_request.create", format!("request:{id}"), Outcome::Success);
                let after = json!({ "what": what.to_string(), "duration_s": duration.as_secs() });
                let entry = entry.because(reason).change(None, Some(after));
                Ok(Changed::new(read(&row, now)?, entry))
            })
        })
        .await
    }

    /// Requests, newest first, at most `most` (and 1,000): one's own, or, with `grants:read`, everybody's (`user` `None`).
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn access_requests(
        &self,
        actor: &Actor,
        user: Option<&str>,
        most: usize,
    ) -> Result<Vec<AccessRequest>, Error> {
        match user {
            Some(user) => self.own_or(actor, user, "grants", "read")?,
            None => self.permit(actor, "grants", "read", "requests")?,
        }
        let query = Query::new(
            "SELECT * FROM identity_requests WHERE user_id = $1 OR $1 = '' ORDER BY created_at DESC, id LIMIT $2",
        );
        let query = query.bind(text::fit(user.unwrap_or_default(), 64));
        let rows =
            self.0.store.fetch_all(query.bind(i64::try_from(most.clamp(1, 1_000)).unwrap_or(1))).await?;
        let now = self.now();
        rows.iter().map(|row| read(row, now)).collect()
    }

    /// Answers a request. Needs `grants:approve`, and, to approve, all that is asked for; nobody answers his own (8.2.1).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for one that was answered or is over, [`Error::Denied`],
    /// [`Error::Store`].
    pub async fn decide_request(
        &self,
        actor: &Actor,
        id: &str,
        approve: bool,
        reason: &str,
    ) -> Result<AccessRequest, Error> {
        let resource = format!("request:{}", text::fit(id, 64));
        self.permit(actor, "grants", "approve", &resource)?;
        let request = self.request(id).await?;
        if actor.principal.subject.user() == Some(request.user.as_str()) {
            return self.deny(actor, "access_request.decide", &resource, "nobody answers his own request");
        }
        let what = granted(&request.what)?;
        if approve {
            self.grantable(actor, &what, &request.reason, request.duration, &resource)?;
        }
        let (actor, reason, id) = (actor.clone(), text::fit(reason, 1_024), request.id);
        let state = if approve { RequestState::Approved } else { RequestState::Denied };
        self.change(move |tx, _| {
            Box::pin(async move {
                let now = tx.now();
                let query = Query::new(
                    "UPDATE identity_requests SET state = $2, decided_by = $3, decided_at = $4, decision_reason = $5
                     WHERE id = $1 AND state = 'pending' AND expires_at > $4 RETURNING *",
                );
                let query = query.bind(id.as_str()).bind(state.as_str());
                let query = query.bind(actor.principal.subject.to_string()).bind(now).bind(reason.as_str());
                let row = tx.fetch_optional(query).await?;
                let row = row.ok_or_else(|| Error::Conflict("the request was answered, or is over".to_owned()))?;
                let request = read(&row, now)?;
                let mut after = json!({ "state": state.as_str(), "user": request.user, "what": request.what });
                if approve {
                    crate::users::held(tx, &request.user).await?;
                    let grant = insert(tx, &request.user, &what, &request.reason, &actor, request.duration).await?;
                    after["grant"] = json!(grant.id);
                }
                let entry = Entry::new(&actor, "access_request.decide", resource, Outcome::Success);
                let entry = entry.because(reason).change(None, Some(after));
                Ok(Changed { value: request, entries: vec![entry], is_seen: approve })
            })
        })
        .await
    }

    /// Takes one's own request back.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for somebody else's; [`Error::Denied`], [`Error::Store`].
    pub async fn withdraw_request(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        let user = self.oneself(actor, "write")?;
        let (actor, id) = (actor.clone(), text::fit(id, 64));
        self.change(move |tx, _| {
            Box::pin(async move {
                let query = Query::new(
                    "UPDATE identity_requests SET state = 'withdrawn' WHERE id = $1 AND user_id = $2 AND state = 'pending'",
                );
                if tx.execute(query.bind(id.as_str()).bind(user)).await? == 0 {
                    return Err(Error::NotFound("request"));
                }
                let entry = Entry::new(&actor, "access_request.withdraw", format!("request:{id}"), Outcome::Success);
                Ok(Changed::new((), entry))
            })
        })
        .await
    }

    async fn request(&self, id: &str) -> Result<AccessRequest, Error> {
        let query = Query::new("SELECT * FROM identity_requests WHERE id = $1").bind(text::fit(id, 64));
        let row = self.0.store.fetch_optional(query).await?.ok_or(Error::NotFound("request"))?;
        read(&row, self.now())
    }
}

fn granted(what: &str) -> Result<Granted, Error> {
    if !what.contains(':') {
        return Ok(Granted::Role(what.to_owned()));
    }
    what.parse()
        .map(Granted::Permission)
        .map_err(|_| Error::Internal("a request asks for nothing that is known"))
}

fn read(row: &Row, now: Timestamp) -> Result<AccessRequest, Error> {
    let expires_at = Timestamp::from_micros(row.get("expires_at")?);
    let mut state = RequestState::parse(&row.get::<String>("state")?);
    if state == RequestState::Pending && expires_at <= now {
        state = RequestState::Expired;
    }
    Ok(AccessRequest {
        id: row.get("id")?,
        user: row.get("user_id")?,
        what: row.get("what")?,
        reason: row.get("reason")?,
        duration: Duration::from_micros(u64::try_from(row.get::<i64>("duration_us")?).unwrap_or(0)),
        state,
        created_at: Timestamp::from_micros(row.get("created_at")?),
        expires_at,
        decided_by: row.get("decided_by")?,
        decided_at: row.get::<Option<i64>>("decided_at")?.map(Timestamp::from_micros),
        decision_reason: row.get("decision_reason")?,
    })
}
