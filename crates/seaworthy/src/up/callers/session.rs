//! Sessions of browsers that logged in at an OpenID provider.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT, CACHE_CONTROL, COOKIE, LOCATION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use seaworthy_api::IdentityDoor;
use seaworthy_gateway::access::{
    Authenticator, Caller, Carrier, Challenge, Grant, Outcome, Presented, Refusal, RefusalKind,
};
use seaworthy_identity::Foreign;
use seaworthy_oauth::csrf;
use seaworthy_oauth::oidc::{Login, LoginError, Session};

use super::introduction::Introduction;
use super::jwt::refused;
use super::prefix;

/// What stands for something else in the value of a query.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A provider that did not renew a session is asked again for it after so long.
const AGAIN: Duration = Duration::from_secs(30);
/// Sessions remembered for it.
const WAITING: u64 = 10_000;

/// Recognises callers by their session.
#[derive(Debug, Clone)]
pub(super) struct SessionWay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: String,
    issuer: Arc<str>,
    /// The names of its cookies, with and without what browsers add.
    cookies: Arc<str>,
    origins: Vec<String>,
    login: Arc<Login>,
    introduction: Arc<Introduction>,
    door: IdentityDoor,
    /// Sessions that could not be renewed just now: they go on as they are for a while.
    waiting: moka::sync::Cache<String, ()>,
}

impl SessionWay {
    pub(super) fn new(
        name: &str,
        login: Arc<Login>,
        introduction: Arc<Introduction>,
        door: IdentityDoor,
    ) -> Self {
        let waiting = moka::sync::Cache::builder().max_capacity(WAITING).time_to_live(AGAIN).build();
        let start = format!("{}start", prefix(name));
        let settings = login.settings();
        let host = if settings.secure { "__Host-" } else { "" };
        Self(Arc::new(Inner {
            start,
            issuer: settings.issuer.as_str().into(),
            cookies: format!("{host}{}", settings.cookie).into(),
            origins: origin(&settings.redirect_uri).into_iter().collect(),
            login,
            introduction,
            door,
            waiting,
        }))
    }
}

/// Whether a session, or everything of its holder, was ended here, in this process or another.
pub(super) fn is_over(door: &IdentityDoor, session: &Session, issuer: &str) -> bool {
    let own = Foreign::Session { issuer, id: &session.id };
    let theirs = Foreign::Subject { issuer, subject: &session.subject };
    door.now().is_some_and(|identity| identity.view().is_revoked(&[own, theirs], Some(session.created)))
}

/// What sessions of a log-in come in, its log-ins under way included.
pub(super) fn carrier(login: &Login) -> Carrier {
    let settings = login.settings();
    let host = if settings.secure { "__Host-" } else { "" };
    Carrier::Cookies(format!("{host}{}", settings.cookie).into())
}

/// Scheme, host and port of a URL, as browsers write them.
pub(super) fn origin(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?.as_str().to_ascii_lowercase()))
}

/// All cookies in one line.
pub(super) fn cookies(headers: &HeaderMap) -> String {
    let lines: Vec<_> = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).collect();
    lines.join("; ")
}

impl Authenticator for SessionWay {
    fn name(&self) -> &'static str {
        "session"
    }

    fn authenticate(&self, presented: &Presented<'_>) -> Outcome {
        if !presented.headers.contains_key(COOKIE) {
            return Outcome::Absent;
        }
        let now = SystemTime::now();
        // whatever is wrong with a session, its holder has to log in again
        let Ok(session) = self.0.login.session(&cookies(presented.headers), now) else {
            return Outcome::Absent;
        };
        if is_over(&self.0.door, &session, &self.0.issuer) {
            return Outcome::Absent;
        }
        // a page of another site can open a WebSocket, whose method is a safe one
        let upgrades = presented.headers.contains_key(UPGRADE);
        let method = if upgrades { &Method::POST } else { presented.method };
        if let Err(reject) = csrf::check(method, presented.headers, &self.0.origins) {
            let reason = reject.reason();
            return refused(reason, "a request with a session must come from a page of this site");
        }
        if session.wants_refresh(now) && !self.0.waiting.contains_key(&session.id) {
            let this = Arc::clone(&self.0);
            let renewed = this.login.refresh(&session, now);
            let navigates = navigates(presented);
            return Outcome::Later(Box::pin(async move {
                match this.renewed(renewed.await, session, now) {
                    // as without a session: the way to the log-in, not an error page
                    Outcome::Refused(Refusal { kind: RefusalKind::Unauthenticated, .. }) if navigates => {
                        Outcome::Absent
                    }
                    outcome => outcome,
                }
            }));
        }
        let renewed = self.0.login.touch(&session, now).unwrap_or_default();
        self.0.grant(&session, renewed)
    }

    /// Browsers that navigate are led to the log-in; whatever else asks is told that it needs a session.
    fn challenge(&self, presented: &Presented<'_>) -> Challenge {
        let target = presented.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let location = format!("{}?return_to={}", self.0.start, utf8_percent_encode(target, VALUE));
        let answer = HeaderValue::from_str(&location).ok().filter(|_| navigates(presented)).map(|location| {
            let mut response = Response::new(bytes::Bytes::new());
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(LOCATION, location);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        });
        Challenge { header: Some(HeaderValue::from_static("Session realm=\"seaworthy\"")), answer }
    }
}

/// Whether a browser asks for a page that somebody will see.
fn navigates(presented: &Presented<'_>) -> bool {
    let text = |name| presented.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let html = text(ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    let mode = text(http::HeaderName::from_static("sec-fetch-mode"));
    presented.method == Method::GET && html && mode.is_none_or(|mode| mode == "navigate")
}

impl Inner {
    fn grant(&self, session: &Session, cookies: Vec<HeaderValue>) -> Outcome {
        if !self.introduction.admits(&session.subject) {
            return refused("subject_denied", "this caller may not use this");
        }
        let caller = Caller {
            subject: session.subject.as_str().into(),
            issuer: Arc::clone(&self.issuer),
            method: "session",
            scopes: session.scopes.iter().map(|scope| scope.as_str().into()).collect(),
            roles: session.roles.iter().map(|role| role.as_str().into()).collect(),
            tenant: session.tenant.as_deref().map(Into::into),
            ..Caller::default()
        };
        let caller = self.introduction.write(caller, &session.claims);
        Outcome::Granted(Grant { caller, carrier: Carrier::Cookies(Arc::clone(&self.cookies)), cookies })
    }

    /// A provider that is away for a moment does not end sessions: they have their own limits.
    fn renewed(
        &self,
        renewed: Result<seaworthy_oauth::oidc::LoggedIn, LoginError>,
        session: Session,
        now: SystemTime,
    ) -> Outcome {
        match renewed {
            Ok(renewed) => self.grant(&renewed.session, renewed.cookies),
            Err(LoginError::Over) => {
                let _ = self.login.revoke_session(&session.id, now);
                Outcome::Refused(Refusal {
                    reason: "session_over",
                    detail: "the provider ended this session; log in again",
                    kind: RefusalKind::Unauthenticated,
                })
            }
            Err(error) => {
                tracing::warn!(%error, "a session could not be renewed");
                self.waiting.insert(session.id.clone(), ());
                self.grant(&session, Vec::new())
            }
        }
    }
}
