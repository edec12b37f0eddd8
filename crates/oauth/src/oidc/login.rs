use super::cookie::Cookies;
use super::id_token::{self, same};
use super::outcome::{Begin, LoggedIn, LoginError, LoginSettingsError, Logout};
use super::provider::{Directory, Endpoints};
use super::return_to::return_to;
use super::seal::Sealer;
use super::session::{Session, SessionError};
use super::settings::{LoginSettings, Provider};
use crate::client;
use crate::fetch::Http;
use crate::flight::Flights;
use crate::form;
use crate::jwt::{Issuer, Keys, Marks, Options, Purpose, Reject, Revocations, Verified};
use crate::jwt::{Verifier, digest};
use crate::strict::to_base64url;
use aws_lc_rs::digest::{SHA256, digest as hash};
use aws_lc_rs::rand;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri};
use seaworthy_core::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a log-in under way remembers in the browser.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    return_to: String,
    ends: u64,
}

/// Renewals are remembered so long: a page that asks ten times at once gets ten times the same.
const REFRESH_GRACE: Duration = Duration::from_secs(30);

type Renewed = Result<Session, LoginError>;

/// Log-in at one provider. One for all cores.
pub struct Login {
    pub(super) settings: LoginSettings,
    http: Http,
    directory: Arc<Directory>,
    id_tokens: Arc<Verifier>,
    pub(super) logout_tokens: Arc<Verifier>,
    cookies: Cookies,
    sealer: Sealer,
    pub(super) revocations: Revocations,
    refreshing: Flights<Renewed>,
    refreshed: moka::sync::Cache<[u8; 32], (Session, SystemTime)>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Login {
    /// Nothing is fetched yet.
    ///
    /// # Errors
    /// Settings with which nobody could log in safely.
    pub fn new(settings: LoginSettings, http: Http) -> Result<Arc<Self>, LoginSettingsError> {
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if settings.cookie.is_empty() || settings.cookie.len() > 64 || !settings.cookie.bytes().all(fit) {
            return Err(LoginSettingsError::Cookie(settings.cookie));
        }
        crate::fetch::address(&settings.redirect_uri, settings.plain_http)?;
        let verifier = |purpose, types: &[&str]| {
            let keys = match &settings.provider {
                Provider::Discovery => Keys::Discovery,
                Provider::Fixed { jwks_uri, .. } => Keys::Jwks(jwks_uri.clone()),
            };
            let mut issuer = Issuer::new(&settings.name, &settings.issuer, &settings.client_id, keys);
            issuer.purpose = purpose;
            issuer.types = types.iter().map(|typ| (*typ).to_owned()).collect();
            issuer.algorithms.clone_from(&settings.algorithms);
            issuer.roles_claim.clone_from(&settings.roles_claim);
            issuer.tenant_claim.clone_from(&settings.tenant_claim);
            issuer.plain_http = settings.plain_http;
            Verifier::new(
                vec![issuer],
                Options { cache_bytes: 1024 * 1024, ..Options::default() },
                http.clone(),
            )
        };
        Ok(Arc::new(Self {
            directory: Directory::new(&settings, http.clone())?,
            id_tokens: verifier(Purpose::Identity, &["jwt"])?,
            logout_tokens: verifier(Purpose::Logout, &["logout+jwt", "jwt"])?,
            cookies: Cookies { name: settings.cookie.clone(), secure: settings.secure },
            sealer: Sealer::new(&settings.keys).ok_or(LoginSettingsError::NoKey)?,
            revocations: Revocations::default(),
            refreshing: Flights::new(1_000),
            refreshed: moka::sync::Cache::builder()
                .max_capacity(10_000)
                .time_to_live(REFRESH_GRACE * 2)
                .build(),
            http,
            settings,
        }))
    }

    /// How people log in here.
    pub const fn settings(&self) -> &LoginSettings {
        &self.settings
    }

    /// Sends somebody to the provider. `wanted` is where they go afterwards; what is no path of ours becomes `/`.
    pub fn begin(
        self: &Arc<Self>,
        wanted: &str,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<Begin, LoginError>> {
        let (this, wanted) = (Arc::clone(self), return_to(wanted).to_owned());
        Box::pin(async move {
            let endpoints = this.directory.endpoints(now).await.map_err(LoginError::Provider)?;
            this.begin_at(&endpoints, wanted, now)
        })
    }

    fn begin_at(
        &self,
        endpoints: &Endpoints,
        return_to: String,
        now: SystemTime,
    ) -> Result<Begin, LoginError> {
        let pending = Pending {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            return_to,
            ends: seconds(now + self.settings.login),
        };
        let challenge = to_base64url(hash(&SHA256, pending.verifier.as_bytes()).as_ref());
        let mut scopes = vec!["openid"];
        scopes.extend(self.settings.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
        let scopes = scopes.join(" ");
        let own = [
            ("response_type", "code"),
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", self.settings.redirect_uri.as_str()),
            ("scope", scopes.as_str()),
            ("state", pending.state.as_str()),
            ("nonce", pending.nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let more = self.settings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let more = more.filter(|(name, _)| !own.iter().any(|(own, _)| own == name));
        let redirect = with_query(&endpoints.authorization, &form::encode(own.into_iter().chain(more)));
        let suffix = suffix(&pending.state);
        let bytes = serde_json::to_vec(&pending).map_err(|_| LoginError::Interrupted)?;
        let sealed = self.sealer.seal(&self.place(&suffix), bytes).ok_or(LoginError::Interrupted)?;
        let cookies = self.cookies.set(&suffix, &sealed, self.settings.login).ok_or(LoginError::TooLarge)?;
        Ok(Begin { redirect, cookies })
    }

    /// The provider sent somebody back. `query` is the request's raw query, `cookies` its `Cookie` header.
    pub fn callback(
        self: &Arc<Self>,
        query: &str,
        cookies: &str,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<LoggedIn, LoginError>> {
        let this = Arc::clone(self);
        let opened = self.answer(query, cookies, now);
        let jar = cookies.to_owned();
        Box::pin(async move {
            let (pending, pairs) = opened?;
            let endpoints = this.directory.endpoints(now).await.map_err(LoginError::Provider)?;
            match form::only(&pairs, "iss") {
                Some(issuer) if issuer == this.settings.issuer => {}
                None if !endpoints.says_iss && !pairs.iter().any(|(name, _)| name == "iss") => {}
                _ => return Err(LoginError::Issuer),
            }
            if let Some((_, error)) = pairs.iter().find(|(name, _)| name == "error") {
                let fit = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
                let known = error.len() <= 64 && error.bytes().all(fit);
                return Err(LoginError::Refused(if known { error.clone() } else { "error".to_owned() }));
            }
            let code = Secret::new(form::only(&pairs, "code").ok_or(LoginError::State)?.to_owned());
            let suffix = suffix(&pending.state);
            let worker = Arc::clone(&this);
            let (verifier, nonce) = (Secret::new(pending.verifier), pending.nonce);
            let work = this.http.handle().spawn(async move {
                let fields = [
                    ("grant_type", "authorization_code"),
                    ("code", code.expose().as_str()),
                    ("redirect_uri", worker.settings.redirect_uri.as_str()),
                    ("code_verifier", verifier.expose().as_str()),
                ];
                worker.exchange(&endpoints.token, &fields, Some(&nonce), None, now).await
            });
            let session = work.await.unwrap_or(Err(LoginError::Interrupted))?;
            let mut cookies = this.store(&session, now)?;
            cookies.extend(this.cookies.clear(&suffix, 1));
            cookies.extend(this.cookies.clear_crowd(&jar, &suffix));
            Ok(LoggedIn { session, return_to: pending.return_to, cookies })
        })
    }

    fn answer(
        &self,
        query: &str,
        cookies: &str,
        now: SystemTime,
    ) -> Result<(Pending, Vec<(String, String)>), LoginError> {
        let pairs = form::decode(query).ok_or(LoginError::State)?;
        let state = form::only(&pairs, "state").ok_or(LoginError::State)?;
        let suffix = suffix(state);
        let sealed = self.cookies.get(cookies, &suffix).ok_or(LoginError::State)?;
        let bytes = self.sealer.open(&self.place(&suffix), &sealed).ok_or(LoginError::State)?;
        let pending: Pending = serde_json::from_slice(bytes.expose()).map_err(|_| LoginError::State)?;
        if !same(&pending.state, state) || seconds(now) >= pending.ends {
            return Err(LoginError::State);
        }
        Ok((pending, pairs))
    }

    /// Tokens for a code or a refresh token. Runs on the runtime of [`Http`].
    async fn exchange(
        self: &Arc<Self>,
        endpoint: &Uri,
        fields: &[(&str, &str)],
        nonce: Option<&str>,
        old: Option<&Session>,
        now: SystemTime,
    ) -> Renewed {
        let client = (self.settings.client_id.as_str(), &self.settings.authentication);
        let answer = client::post(&self.http, endpoint, client, fields).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let access = text("access_token");
        let verified = match text("id_token") {
            Some(token) => {
                let verified =
                    self.id_tokens.check(token, now).resolve().await.map_err(LoginError::IdToken)?;
                id_token::check(token, &verified, &self.settings.client_id, (nonce, access))
                    .map_err(LoginError::IdToken)?;
                Some(verified)
            }
            None => None,
        };
        let mut session = match (old, verified) {
            (Some(old), None) => old.clone(),
            // another person's tokens never enter a session
            (Some(old), Some(new)) if old.subject != *new.subject => {
                return Err(LoginError::IdToken(Reject::ClaimInvalid));
            }
            (Some(old), Some(new)) => Session {
                id: old.id.clone(),
                created: old.created,
                ..session_of(&new, old.provider_session.clone(), now)?
            },
            (None, Some(new)) => session_of(&new, None, now)?,
            (None, None) => return Err(LoginError::IdToken(Reject::ClaimMissing)),
        };
        session.id_token = text("id_token").map(secret).or(old.and_then(|old| old.id_token.clone()));
        session.refresh_token =
            text("refresh_token").map(secret).or(old.and_then(|old| old.refresh_token.clone()));
        session.access_token = access.map(secret);
        session.access_ends = client::lifetime(&answer).map(|lives| now + lives);
        if let Some(scope) = text("scope") {
            session.scopes = scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        } else if let Some(old) = old {
            session.scopes.clone_from(&old.scopes);
        } else {
            session.scopes.clone_from(&self.settings.scopes);
        }
        session.seen = now;
        Ok(session)
    }

    /// Who is logged in, by a request's `Cookie` header.
    ///
    /// # Errors
    /// Nobody, or not any more.
    pub fn session(&self, cookies: &str, now: SystemTime) -> Result<Session, SessionError> {
        let sealed = self.cookies.get(cookies, "").ok_or(SessionError::Missing)?;
        let bytes = self.sealer.open(&self.place(""), &sealed).ok_or(SessionError::Invalid)?;
        let session = Session::from_bytes(bytes.expose()).ok_or(SessionError::Invalid)?;
        if now >= session.created + self.settings.absolute || now >= session.seen + self.settings.idle {
            return Err(SessionError::Expired);
        }
        let provider = session.provider_session.as_ref().map(|sid| digest(&[b"sid", sid.as_bytes()]));
        let own = digest(&[b"session", session.id.as_bytes()]);
        let marks = Marks::new(own, provider, (&self.settings.issuer, &session.subject));
        if self.revocations.apply_to(&marks, Some(session.created)) {
            return Err(SessionError::Revoked);
        }
        Ok(session)
    }

    /// New cookies if the session was last noted as used more than a minute ago.
    pub fn touch(&self, session: &Session, now: SystemTime) -> Option<Vec<HeaderValue>> {
        let quiet = now.duration_since(session.seen).unwrap_or_default();
        if quiet < Duration::from_mins(1).min(self.settings.idle / 4) {
            return None;
        }
        self.store(&Session { seen: now, ..session.clone() }, now).ok()
    }

    fn store(&self, session: &Session, now: SystemTime) -> Result<Vec<HeaderValue>, LoginError> {
        let bytes = session.to_bytes().ok_or(LoginError::TooLarge)?;
        let sealed = self.sealer.seal(&self.place(""), bytes).ok_or(LoginError::Interrupted)?;
        let left = (session.created + self.settings.absolute).duration_since(now).unwrap_or_default();
        self.cookies.set("", &sealed, left).ok_or(LoginError::TooLarge)
    }

    /// Renews the tokens: once at a time per session, however many requests ask; all get the same.
    pub fn refresh(
        self: &Arc<Self>,
        session: &Session,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<LoggedIn, LoginError>> {
        let Some(token) = session.refresh_token.clone() else {
            return Box::pin(std::future::ready(Err(LoginError::Over)));
        };
        let (this, old) = (Arc::clone(self), session.clone());
        Box::pin(async move {
            let key = digest(&[b"refresh", token.expose().as_bytes()]);
            let session = this.renewed(key, old, token, now).await?;
            let cookies = this.store(&session, now)?;
            Ok(LoggedIn { session, return_to: "/".to_owned(), cookies })
        })
    }

    async fn renewed(
        self: &Arc<Self>,
        key: [u8; 32],
        old: Session,
        token: Secret<String>,
        now: SystemTime,
    ) -> Renewed {
        let endpoints = self.directory.endpoints(now).await.map_err(LoginError::Provider)?;
        let joined = self.refreshing.join(key).ok_or(LoginError::Interrupted)?;
        if let Some((session, until)) = self.refreshed.get(&key)
            && now < until
        {
            if let Some(lead) = joined.lead {
                lead.finish(&Ok(session.clone()));
            }
            return Ok(session);
        }
        if let Some(lead) = joined.lead {
            let this = Arc::clone(self);
            self.http.handle().spawn(async move {
                let fields = [("grant_type", "refresh_token"), ("refresh_token", token.expose().as_str())];
                let result = this.exchange(&endpoints.token, &fields, None, Some(&old), now).await;
                let result = result.map_err(|error| match error {
                    LoginError::Refused(word) if word == "invalid_grant" => LoginError::Over,
                    other => other,
                });
                if let Ok(session) = &result {
                    this.refreshed.insert(key, (session.clone(), now + REFRESH_GRACE));
                }
                lead.finish(&result);
            });
        }
        joined.receiver.await.unwrap_or(Err(LoginError::Interrupted))
    }

    /// Ends the session here at once, and says where it is ended at the provider. If the provider cannot be asked, or
    /// has no such place, that is our own page.
    pub fn logout(self: &Arc<Self>, session: &Session, now: SystemTime) -> BoxFuture<'static, Logout> {
        // the cookies are removed all the same
        let _ = self.revoke_session(&session.id, now);
        let (this, hint) = (Arc::clone(self), session.id_token.clone());
        Box::pin(async move {
            let own = this.settings.after_logout.clone();
            let end =
                this.directory.endpoints(now).await.ok().and_then(|endpoints| endpoints.end_session.clone());
            let redirect = end.map_or_else(
                || own.clone().unwrap_or_else(|| "/".to_owned()),
                |end| {
                    let mut pairs = vec![("client_id", this.settings.client_id.as_str())];
                    pairs.extend(hint.iter().map(|hint| ("id_token_hint", hint.expose().as_str())));
                    pairs.extend(own.iter().map(|own| ("post_logout_redirect_uri", own.as_str())));
                    with_query(&end, &form::encode(pairs))
                },
            );
            Logout { redirect, cookies: this.cookies.clear_all() }
        })
    }

    fn place(&self, suffix: &str) -> Vec<u8> {
        [self.settings.name.as_bytes(), b"\0", &self.cookies.place(suffix)].concat()
    }
}

/// 256 random bits.
fn random() -> Result<String, LoginError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| LoginError::Interrupted)?;
    Ok(to_base64url(&bytes))
}

/// Each log-in under way has a cookie of its own: two tabs do not spoil each other's.
fn suffix(state: &str) -> String {
    let print = digest(&[b"state", state.as_bytes()]);
    format!("-login-{}", to_base64url(&print[..6]))
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn with_query(uri: &Uri, query: &str) -> String {
    let joint = if uri.query().is_some() { '&' } else { '?' };
    format!("{uri}{joint}{query}")
}

fn session_of(verified: &Verified, sid: Option<String>, now: SystemTime) -> Result<Session, LoginError> {
    const PROTOCOL: [&str; 14] = [
        "iss",
        "aud",
        "exp",
        "iat",
        "nbf",
        "nonce",
        "at_hash",
        "c_hash",
        "s_hash",
        "azp",
        "jti",
        "sid",
        "auth_time",
        "typ",
    ];
    let texts = |all: &[Arc<str>]| all.iter().map(|one| one.to_string()).collect();
    let claims: Map<_, _> = verified
        .claims
        .iter()
        .filter(|(name, _)| !PROTOCOL.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    Ok(Session {
        id: random()?,
        provider_session: verified.claims.get("sid").and_then(Value::as_str).map(str::to_owned).or(sid),
        subject: verified.subject.to_string(),
        roles: texts(&verified.roles),
        tenant: verified.tenant.as_ref().map(ToString::to_string),
        scopes: Vec::new(),
        claims,
        access_token: None,
        access_ends: None,
        created: now,
        seen: now,
        refresh_token: None,
        id_token: None,
    })
}
