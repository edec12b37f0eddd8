//! Tokens that only their issuer can read (RFC 7662). Fails closed: no answer, no access.

use crate::client::{self, Authentication};
use crate::fetch::{self, FetchError, Http};
use crate::flight::{Flights, Lead};
use crate::jwt::{
    Cache, Check, Counters, Issuer, Keys, Reject, Revocations, RevocationsFull, TokenRef, Verified,
};
use crate::jwt::{Good, Marks, count, read_claims};
use http::Uri;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// More calls than this at a time would be an attack on the provider through us.
const MOST_CALLS: usize = 64;

/// How to ask an issuer about its tokens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name here.
    pub name: String,
    /// The exact `iss`, checked if the answer has one.
    pub issuer: String,
    /// One of these must be in the answer's `aud`; empty if the provider never says (then scopes must do).
    pub audiences: Vec<String>,
    /// The introspection endpoint.
    pub endpoint: String,
    /// Our name there.
    pub client_id: String,
    /// And its proof.
    pub authentication: Authentication,
    /// How long an answer is believed. Default 30 s, at most 60 s; never longer than the token lives.
    pub keep: Duration,
    /// Where scopes stand. Default `scope`, else `scp`.
    pub scope_claim: Option<String>,
    /// Where roles stand. Default none.
    pub roles_claim: Option<String>,
    /// Where the tenant stands. Default none.
    pub tenant_claim: Option<String>,
    /// Whether the endpoint may be called over plain HTTP on another machine. Default false.
    pub plain_http: bool,
}

impl Settings {
    /// With the defaults above.
    pub fn new(
        name: &str,
        issuer: &str,
        endpoint: &str,
        client_id: &str,
        authentication: Authentication,
    ) -> Self {
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            audiences: Vec::new(),
            endpoint: endpoint.to_owned(),
            client_id: client_id.to_owned(),
            authentication,
            keep: Duration::from_secs(30),
            scope_claim: None,
            roles_claim: None,
            tenant_claim: None,
            plain_http: false,
        }
    }
}

type Answer = Result<Arc<Verified>, Reject>;

/// Asks the issuer about each token once in a while, and once at a time. One for all cores.
pub struct Introspector {
    settings: Settings,
    endpoint: Uri,
    claims: Issuer,
    http: Http,
    cache: Cache,
    flights: Flights<Answer>,
    revocations: Revocations,
    counters: Counters,
}

impl std::fmt::Debug for Introspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Introspector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Introspector {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// An address that must not be called.
    pub fn new(mut settings: Settings, http: Http) -> Result<Arc<Self>, FetchError> {
        let endpoint = fetch::address(&settings.endpoint, settings.plain_http)?;
        settings.keep = settings.keep.min(Duration::from_mins(1));
        let mut claims = Issuer::new(&settings.name, &settings.issuer, "", Keys::Discovery);
        claims.audiences.clone_from(&settings.audiences);
        claims.scope_claim.clone_from(&settings.scope_claim);
        claims.roles_claim.clone_from(&settings.roles_claim);
        claims.tenant_claim.clone_from(&settings.tenant_claim);
        Ok(Arc::new(Self {
            settings,
            endpoint,
            claims,
            http,
            cache: Cache::new(32 * 1024 * 1024, 10_000, Duration::from_secs(10)),
            flights: Flights::new(MOST_CALLS),
            revocations: Revocations::default(),
            counters: Counters::default(),
        }))
    }

    /// Whether this token is to be believed. Never blocks.
    pub fn check(self: &Arc<Self>, token: &str, now: SystemTime) -> Check {
        // VSCHAR of RFC 6749: whatever else it is, it is no token
        if token.is_empty()
            || token.len() > 16 * 1024
            || !token.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        {
            return Check::Ready(self.refused(Reject::Malformed));
        }
        let TokenRef::Digest(digest) = TokenRef::of(token) else {
            return Check::Ready(self.refused(Reject::Malformed));
        };
        if let Some(known) = self.known(&digest, now) {
            count(&self.counters.cache_hits);
            return Check::Ready(known.or_else(|reject| self.refused(reject)));
        }
        count(&self.counters.cache_misses);
        let Some(joined) = self.flights.join(digest) else {
            count(&self.counters.fetches_limited);
            return Check::Ready(self.refused(Reject::IntrospectionUnavailable));
        };
        if let Some(lead) = joined.lead {
            self.spawn(lead, token.to_owned(), digest, now);
        }
        let this = Arc::clone(self);
        Check::Wait(Box::pin(async move {
            let answer = joined.receiver.await.unwrap_or(Err(Reject::IntrospectionUnavailable));
            answer.or_else(|reject| this.refused(reject))
        }))
    }

    /// From now on this token is refused. `until`: when it ends anyway.
    ///
    /// # Errors
    /// No room: the token is still believed.
    pub fn revoke_token(
        &self,
        token: TokenRef<'_>,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), RevocationsFull> {
        self.revocations.token(token, until, now)
    }

    /// From now on tokens of this subject issued before `not_before` are refused, until `until`.
    ///
    /// # Errors
    /// No room: the tokens are still believed.
    pub fn revoke_subject(
        &self,
        issuer_and_subject: (&str, &str),
        not_before: SystemTime,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), RevocationsFull> {
        self.revocations.subject(issuer_and_subject, not_before, until, now)
    }

    /// What happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    fn refused<T>(&self, reject: Reject) -> Result<T, Reject> {
        self.counters.reject(reject);
        Err(reject)
    }

    fn known(&self, digest: &[u8; 32], now: SystemTime) -> Option<Answer> {
        let Some(good) = self.cache.good(digest) else {
            return self.cache.bad(digest, now).map(Err);
        };
        if now >= good.until || now < good.from {
            self.cache.forget(digest);
            return None;
        }
        let revoked = self.revocations.apply_to(&good.marks, good.verified.issued);
        Some(if revoked { Err(Reject::Revoked) } else { Ok(good.verified) })
    }

    fn spawn(self: &Arc<Self>, lead: Lead<Answer>, token: String, digest: [u8; 32], now: SystemTime) {
        let this = Arc::clone(self);
        self.http.handle().spawn(async move {
            let answer = this.ask(&token, now).await;
            let answer = answer.and_then(|verified| this.keep(verified, digest, token.len(), now));
            if answer == Err(Reject::Inactive) {
                this.cache.refuse(digest, Reject::Inactive, now);
            }
            lead.finish(&answer);
        });
    }

    fn keep(&self, verified: Verified, digest: [u8; 32], bytes: usize, now: SystemTime) -> Answer {
        let marks = Marks::of(digest, &verified);
        if self.revocations.apply_to(&marks, verified.issued) {
            return Err(Reject::Revoked);
        }
        let verified = Arc::new(verified);
        let until = verified.expires.min(now + self.settings.keep);
        self.cache.believe(digest, Good::new((Arc::clone(&verified), marks), (now, until), (0, 0), bytes));
        Ok(verified)
    }

    async fn ask(&self, token: &str, now: SystemTime) -> Result<Verified, Reject> {
        let client = (self.settings.client_id.as_str(), &self.settings.authentication);
        let fields = [("token", token), ("token_type_hint", "access_token")];
        match client::post(&self.http, &self.endpoint, client, &fields).await {
            Ok(answer) => {
                count(&self.counters.fetches_ok);
                self.judge(answer, now)
            }
            Err(error) => {
                count(&self.counters.fetches_failed);
                tracing::warn!(issuer = self.settings.name, %error, "the issuer cannot be asked about a token");
                Err(Reject::IntrospectionUnavailable)
            }
        }
    }

    fn judge(&self, mut answer: Map<String, Value>, now: SystemTime) -> Result<Verified, Reject> {
        if answer.get("active") != Some(&Value::Bool(true)) {
            return Err(Reject::Inactive);
        }
        if answer.get("iss").is_some_and(|issuer| issuer != self.settings.issuer.as_str()) {
            return Err(Reject::Issuer);
        }
        // one without an end is asked about again after a while
        if !answer.contains_key("exp") {
            let ends = now + self.settings.keep;
            let seconds = ends.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            answer.insert("exp".to_owned(), seconds.into());
        }
        if !answer.contains_key("sub")
            && let Some(client) = answer.get("client_id").cloned()
        {
            answer.insert("sub".to_owned(), client);
        }
        if self.settings.audiences.is_empty() {
            return read_claims(&self.any_audience(&mut answer), answer, now);
        }
        read_claims(&self.claims, answer, now)
    }

    /// The provider names no audience, and it was not asked for one.
    fn any_audience(&self, answer: &mut Map<String, Value>) -> Issuer {
        answer.insert("aud".to_owned(), self.settings.client_id.as_str().into());
        Issuer { audiences: vec![self.settings.client_id.clone()], ..self.claims.clone() }
    }
}
