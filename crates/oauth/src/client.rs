//! Calls to a token endpoint, and tokens of our own for calls to an upstream.

use crate::fetch::{self, FetchError, Http};
use crate::flight::Flight;
use crate::form;
use base64::Engine as _;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
use seaworthy_core::{ErrorCode, Secret};
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// How a client proves to the provider who it is.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// HTTP Basic, both parts form-encoded (RFC 6749 §2.3.1).
    Basic(Secret<String>),
    /// `client_secret` in the body.
    Post(Secret<String>),
    /// A public client: its name alone.
    Public,
}

/// A provider's refusal or a broken answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The call itself failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The provider refused; its `error` code.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The errand died or too many wait for it.
    #[error("the token could not be waited for")]
    Interrupted,
}

impl TokenError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Refused(_) => ErrorCode::Unauthenticated,
            Self::Interrupted => ErrorCode::Unavailable,
        }
    }
}

/// A POST with client authentication; gives back the JSON object of a `200` answer.
pub(crate) async fn post(
    http: &Http,
    endpoint: &Uri,
    (client_id, authentication): (&str, &Authentication),
    fields: &[(&str, &str)],
) -> Result<Map<String, Value>, TokenError> {
    let mut fields = fields.to_vec();
    let mut request =
        Request::post(endpoint.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    match authentication {
        Authentication::Basic(secret) => request = request.header(AUTHORIZATION, basic(client_id, secret)),
        Authentication::Post(secret) => {
            fields.push(("client_id", client_id));
            fields.push(("client_secret", secret.expose()));
        }
        Authentication::Public => fields.push(("client_id", client_id)),
    }
    let request = request.body(Bytes::from(form::encode(fields)));
    let answer = http.send(request.map_err(|_| FetchError::Address(endpoint.to_string()))?).await?;
    let object = crate::strict::object(&answer.body);
    if answer.status == StatusCode::OK {
        return object.ok_or_else(|| FetchError::Answer("it is no JSON object").into());
    }
    // only the words of RFC 6749 are passed on, never a provider's free text
    let word = object.as_ref().and_then(|object| object.get("error")?.as_str());
    let fit =
        |word: &&str| word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match word.filter(fit) {
        Some(word) if answer.status.is_client_error() => Err(TokenError::Refused(word.to_owned())),
        _ => Err(FetchError::Status(answer.status.as_u16()).into()),
    }
}

fn basic(client_id: &str, secret: &Secret<String>) -> HeaderValue {
    let pair = Secret::new(format!("{}:{}", form::escape(client_id), form::escape(secret.expose())));
    let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.expose()));
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// How to get a token of our own (RFC 6749 §4.4).
#[derive(Debug, Clone)]
pub struct Settings {
    /// The provider's token endpoint.
    pub token_endpoint: String,
    /// Our name there.
    pub client_id: String,
    /// And its proof.
    pub authentication: Authentication,
    /// What the token is needed for; may be empty.
    pub scopes: Vec<String>,
    /// The `audience` parameter some providers want.
    pub audience: Option<String>,
    /// Whether the endpoint may be called over plain HTTP on another machine. Default should be false.
    pub plain_http: bool,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    /// From here on a new one is fetched …
    renew: SystemTime,
    /// … and from here on this one is not used.
    ends: SystemTime,
}

/// A bearer token for calls to an upstream, renewed ahead of its end by whoever asks for it, in the background.
pub struct ClientCredentials {
    settings: Settings,
    endpoint: Uri,
    http: Http,
    token: RwLock<Option<Token>>,
    flight: Arc<Flight<Result<HeaderValue, TokenError>>>,
    /// After a failure nothing is tried until here.
    next_try: RwLock<Option<SystemTime>>,
}

impl std::fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCredentials").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A token that does not say how long it lives is used this long.
const UNSAID: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_secs(5);

impl ClientCredentials {
    /// Nothing is fetched yet.
    ///
    /// # Errors
    /// An address that must not be called.
    pub fn new(settings: Settings, http: Http) -> Result<Arc<Self>, FetchError> {
        let endpoint = fetch::address(&settings.token_endpoint, settings.plain_http)?;
        let (token, flight, next_try) = (RwLock::default(), Arc::default(), RwLock::default());
        Ok(Arc::new(Self { settings, endpoint, http, token, flight, next_try }))
    }

    /// `Authorization` for an upstream call, if there is a token that is still good. Never waits; when the token is
    /// missing or near its end, a new one is fetched meanwhile.
    pub fn current(self: &Arc<Self>, now: SystemTime) -> Option<HeaderValue> {
        let token = self.token.read().unwrap_or_else(PoisonError::into_inner).clone();
        let renew = token.as_ref().is_none_or(|token| now >= token.renew);
        if renew
            && self.may_try(now)
            && let Some(lead) = self.flight.begin()
        {
            self.spawn(lead, now);
        }
        token.filter(|token| now < token.ends).map(|token| token.header)
    }

    /// The same, but waits for the first one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn token(self: &Arc<Self>, now: SystemTime) -> BoxFuture<'static, Result<HeaderValue, TokenError>> {
        if let Some(header) = self.current(now) {
            return Box::pin(std::future::ready(Ok(header)));
        }
        if !self.flight.under_way() && !self.may_try(now) {
            return Box::pin(std::future::ready(Err(TokenError::Interrupted)));
        }
        let Some(joined) = self.flight.join() else {
            return Box::pin(std::future::ready(Err(TokenError::Interrupted)));
        };
        if let Some(lead) = joined.lead {
            self.spawn(lead, now);
        }
        Box::pin(async move { joined.receiver.await.unwrap_or(Err(TokenError::Interrupted)) })
    }

    /// The upstream refused this token (401): it is not used again.
    pub fn reject(&self, header: &HeaderValue) {
        let mut token = self.token.write().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref().is_some_and(|token| token.header == header) {
            *token = None;
        }
    }

    fn may_try(&self, now: SystemTime) -> bool {
        self.next_try.read().unwrap_or_else(PoisonError::into_inner).is_none_or(|next| now >= next)
    }

    fn spawn(self: &Arc<Self>, lead: crate::flight::Lead<Result<HeaderValue, TokenError>>, now: SystemTime) {
        let this = Arc::clone(self);
        self.http.handle().spawn(async move {
            let result = this.fetch(now).await;
            let pause = result.as_ref().err().map(|error| {
                tracing::warn!(client = this.settings.client_id, %error, "no token for the upstream");
                now + PAUSE
            });
            *this.next_try.write().unwrap_or_else(PoisonError::into_inner) = pause;
            let header = result.map(|token| {
                let header = token.header.clone();
                *this.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
                header
            });
            lead.finish(&header);
        });
    }

    async fn fetch(&self, now: SystemTime) -> Result<Token, TokenError> {
        let scope = self.settings.scopes.join(" ");
        let mut fields = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        if let Some(audience) = &self.settings.audience {
            fields.push(("audience", audience));
        }
        let client = (self.settings.client_id.as_str(), &self.settings.authentication);
        let answer = post(&self.http, &self.endpoint, client, &fields).await?;
        let bearer = answer
            .get("token_type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        let token = answer.get("access_token").and_then(Value::as_str).filter(|_| bearer);
        let unusable = || FetchError::Answer("there is no bearer token in it");
        let text = Secret::new(format!("Bearer {}", token.ok_or_else(unusable)?));
        let mut header = HeaderValue::from_str(text.expose()).map_err(|_| unusable())?;
        header.set_sensitive(true);
        let lives = lifetime(&answer).unwrap_or(UNSAID);
        // the last tenth, at least 10 s of it, is for fetching the next one
        let margin = (lives / 10).max(Duration::from_secs(10)).min(lives / 2);
        Ok(Token { header, renew: now + (lives - margin), ends: now + lives.saturating_sub(margin / 4) })
    }
}

/// `expires_in`, at most a year.
pub(crate) fn lifetime(answer: &Map<String, Value>) -> Option<Duration> {
    let value = answer.get("expires_in")?;
    let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    Some(Duration::from_secs(seconds.min(365 * 86_400)))
}
