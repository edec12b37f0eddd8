//! Who may use a route: what an authenticator is asked, and what it may answer.
//!
//! The gateway knows no token, key or session itself. It asks the authenticators of a route in turn, refuses what none of
//! them vouches for, compares scopes and roles, and tells the service who calls in headers that no client can write. What
//! an authenticator can say at once it must say at once; only what has to be fetched may take time, and must have an end.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};

/// Work that an authenticator has to wait for.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request, as far as an authenticator sees it: no body.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The method.
    pub method: &'a Method,
    /// What is asked for.
    pub uri: &'a Uri,
    /// Its headers, as the client wrote them.
    pub headers: &'a HeaderMap,
    /// The client's address, behind trusted proxies.
    pub client: IpAddr,
    /// Whether the client came by TLS.
    pub secure: bool,
    /// `Host` or `:authority`.
    pub host: Option<&'a HeaderValue>,
    /// Whether a body comes with it.
    pub has_body: bool,
    /// The client's certificate, DER, where one was shown and verified.
    pub certificate: Option<&'a [u8]>,
    /// The request's id.
    pub request_id: &'a str,
}

impl Presented<'_> {
    /// A header's value, where there is exactly one and it is text.
    pub fn only(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        let mut lines = self.headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

/// Somebody who was recognised. Two are the same where all but [`Caller::proof`] is.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Who: unique within `issuer`.
    pub subject: Arc<str>,
    /// Who vouches for it; empty for this Seaworthy itself.
    pub issuer: Arc<str>,
    /// How it was recognised: `jwt`, `api_key`, `session`, `mtls`.
    pub method: &'static str,
    /// What it may ask for.
    pub scopes: Vec<Arc<str>>,
    /// What it is.
    pub roles: Vec<Arc<str>>,
    /// Whose data it may see.
    pub tenant: Option<Arc<str>>,
    /// What the service is told of it: names and values, made once for all its requests.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The same once more, signed: made anew now and then, and no part of who it is.
    pub proof: Option<(HeaderName, HeaderValue)>,
}

impl Caller {
    /// What tells callers apart.
    #[expect(clippy::type_complexity, reason = "nobody but the two below sees it")]
    fn distinction(
        &self,
    ) -> (&str, &str, &str, &[Arc<str>], &[Arc<str>], Option<&str>, &[(HeaderName, HeaderValue)]) {
        let Self { subject, issuer, method, scopes, roles, tenant, headers, proof: _ } = self;
        (subject, issuer, method, scopes, roles, tenant.as_deref(), headers)
    }
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        self.distinction() == other.distinction()
    }
}

impl Eq for Caller {}

impl std::hash::Hash for Caller {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.distinction().hash(state);
    }
}

/// What a credential came in, so that it is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// A header.
    Header(HeaderName),
    /// A header, where its value starts so.
    Prefixed(HeaderName, Arc<str>),
    /// Cookies whose names start with this.
    Cookies(Arc<str>),
    /// Nothing that would be passed on (a certificate).
    Connection,
}

/// Somebody was recognised.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Who.
    pub caller: Arc<Caller>,
    /// What the credential came in.
    pub carrier: Carrier,
    /// `Set-Cookie` values for the answer: a session that was renewed.
    pub cookies: Vec<HeaderValue>,
}

/// A credential that is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// A stable name of why, for logs, metrics and the problem body.
    pub reason: &'static str,
    /// What the client reads.
    pub detail: &'static str,
    /// What kind.
    pub kind: RefusalKind,
}

/// What kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The credential is no good: 401.
    Unauthenticated,
    /// It is good, and not for this: 403.
    Forbidden,
    /// Whether it is good cannot be found out now: 503. Access fails closed.
    Unavailable,
}

/// What an authenticator says.
pub enum Outcome {
    /// There is no credential of its kind.
    Absent,
    /// Somebody was recognised.
    Granted(Grant),
    /// The credential is no good.
    Refused(Refusal),
    /// It has to be found out.
    Later(Later<Outcome>),
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Granted(grant) => f.debug_tuple("Granted").field(&grant.caller.subject).finish(),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(&refusal.reason).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// What a client without credentials is told.
#[derive(Debug, Clone, Default)]
pub struct Challenge {
    /// A `WWW-Authenticate` value.
    pub header: Option<HeaderValue>,
    /// An answer instead of 401: the way to a log-in page, for browsers that navigate.
    pub answer: Option<Response<Bytes>>,
}

/// One way to recognise callers.
pub trait Authenticator: std::fmt::Debug + Send + Sync {
    /// Its name: `jwt`, `api_key`, `session`, `mtls`.
    fn name(&self) -> &'static str;
    /// Who calls.
    fn authenticate(&self, presented: &Presented<'_>) -> Outcome;
    /// What a client without a credential is told.
    fn challenge(&self, presented: &Presented<'_>) -> Challenge;
}

/// Paths that a way to log in needs for itself, on every listener: the callback of an identity provider, log-out.
pub trait Login: std::fmt::Debug + Send + Sync {
    /// Where they start, with a slash at both ends.
    fn prefix(&self) -> &str;
    /// Answers a request there.
    fn answer(&self, presented: &Presented<'_>) -> Later<Response<Bytes>>;
}

/// What the gateway itself shows to a service: a token of its own.
pub trait Credential: std::fmt::Debug + Send + Sync {
    /// The `Authorization` value to send now; `None`: there is none, and nothing may be sent without.
    fn current(&self) -> Option<HeaderValue>;
    /// The service answered 401: it may not be good any more.
    fn refused(&self);
}

/// A credential among a service's settings; it is the same only where it is the very same.
#[derive(Debug, Clone)]
pub struct OwnCredential(pub Arc<dyn Credential>);

impl PartialEq for OwnCredential {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Somebody was not let in.
#[derive(Debug, Clone, Copy)]
pub struct Denial<'a> {
    /// A stable name of why.
    pub reason: &'static str,
    /// The status that was answered.
    pub status: StatusCode,
    /// The route.
    pub route: &'a str,
    /// Who, where that is known.
    pub caller: Option<&'a Caller>,
    /// The request.
    pub presented: &'a Presented<'a>,
}

/// Hears of what is decided. Must not wait.
pub trait Witness: std::fmt::Debug + Send + Sync {
    /// Somebody was not let in.
    fn denied(&self, denial: &Denial<'_>);
}

/// Who may use a route.
#[derive(Debug, Clone)]
pub struct Access {
    /// One of these must recognise the caller, in this order.
    pub any_of: Vec<Arc<dyn Authenticator>>,
    /// All of these scopes are needed.
    pub scopes: Vec<Arc<str>>,
    /// One of these roles is needed; none: any will do.
    pub roles: Vec<Arc<str>>,
    /// Whether the credential goes to the service too.
    pub pass_credential: bool,
}

impl Access {
    /// Why this caller may not use the route, if so.
    pub(crate) fn objection(&self, caller: &Caller) -> Option<Refusal> {
        let refuse = |reason, detail| Some(Refusal { reason, detail, kind: RefusalKind::Forbidden });
        if !self.scopes.iter().all(|scope| caller.scopes.contains(scope)) {
            return refuse("insufficient_scope", "the credential lacks a scope that this needs");
        }
        if !self.roles.is_empty() && !self.roles.iter().any(|role| caller.roles.contains(role)) {
            return refuse("insufficient_role", "the caller has none of the roles that this needs");
        }
        None
    }
}

/// Looks at requests for what no client of good will sends.
pub trait Inspector: std::fmt::Debug + Send + Sync {
    /// Whether this client may ask at all, before it is asked who it is. `Some`: the request goes no further.
    fn admit(&self, _presented: &Presented<'_>) -> Option<Objection> {
        None
    }
    /// Looks at a head, once it is known who calls.
    fn head(&self, _presented: &Presented<'_>) -> Opinion {
        Opinion::Passes
    }
    /// How many bytes of a body it wants to see before the request goes on; `None`: none of it.
    fn wants(&self, _presented: &Presented<'_>) -> Option<Wanted> {
        None
    }
    /// Looks at a body, or at the beginning of one that is longer.
    fn body(&self, _presented: &Presented<'_>, _body: &[u8], _whole: bool) -> Opinion {
        Opinion::Passes
    }
    /// Hears how the request was answered, whoever answered it.
    fn answered(&self, _client: IpAddr, _status: StatusCode) {}
    /// Asked once the head of the service's answer is here; `Some`: reads along. Answers of others than the service are
    /// none of this: those out of a cache, of a fallback, of the gateway itself.
    fn response(&self, _answer: &Answer<'_>) -> Option<Box<dyn Follower>> {
        None
    }
}

/// The head of a service's answer, and what it answers.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// What was asked for.
    pub uri: &'a Uri,
    /// The request's id.
    pub request_id: &'a str,
    /// The status. Never an informational one.
    pub status: StatusCode,
    /// The answer's headers, as the service wrote them.
    pub headers: &'a HeaderMap,
}

/// Reads along while an answer streams to its client, which waits for it: whatever takes time must be done elsewhere.
pub trait Follower: Send {
    /// Sees more of the body.
    fn data(&mut self, bytes: &[u8]);
    /// The answer is over. `whole`: no byte of its body is missing, neither broken off nor left unread by its client.
    /// Called once, unless the process ends first.
    fn end(&mut self, whole: bool);
}

/// What an inspector thinks of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    /// Nothing against it.
    Passes,
    /// It may go on; the service is told this in [`SCORE`].
    Marked(HeaderValue),
    /// It goes no further.
    Refused(Objection),
}

/// What the service is told of a suspicious request. No client can write it.
pub const SCORE: HeaderName = HeaderName::from_static("x-seaworthy-score");

/// How much of a body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The first so many bytes.
    pub bytes: u64,
    /// Whether a longer body is refused (413), since only a whole one can be judged.
    pub whole: bool,
}

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// A stable name of why.
    pub reason: &'static str,
    /// What the client reads: what is wrong and where, never a value.
    pub detail: String,
    /// 400, 403, 413, 415, 422 or 429.
    pub status: StatusCode,
    /// When to come back, in seconds, with 429.
    pub retry_after: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scopes: &[&str], roles: &[&str]) -> Caller {
        let texts = |texts: &[&str]| texts.iter().map(|text| Arc::from(*text)).collect();
        Caller { scopes: texts(scopes), roles: texts(roles), ..Caller::default() }
    }

    /// Answers are cached by caller: a token that is signed anew must not make another one of the same.
    #[test]
    fn a_new_proof_makes_no_other_caller() {
        let proof = |text: &'static str| {
            Some((HeaderName::from_static("x-auth-token"), HeaderValue::from_static(text)))
        };
        let mut seen =
            std::collections::HashSet::from([Caller { proof: proof("a"), ..caller(&["read"], &[]) }]);
        assert!(!seen.insert(Caller { proof: proof("b"), ..caller(&["read"], &[]) }));
        assert!(seen.insert(Caller { proof: proof("a"), ..caller(&[], &["read"]) }));
        let told = vec![(HeaderName::from_static("x-auth-tenant"), HeaderValue::from_static("north"))];
        assert!(seen.insert(Caller { headers: told, ..caller(&["read"], &[]) }));
    }

    #[test]
    fn all_scopes_and_one_role_are_needed() {
        let needed = caller(&["read", "write"], &["editor", "owner"]);
        let access =
            Access { any_of: vec![], scopes: needed.scopes, roles: needed.roles, pass_credential: false };
        let reason = |caller: &Caller| access.objection(caller).map(|refusal| refusal.reason);
        assert_eq!(reason(&caller(&["read", "write", "more"], &["owner"])), None);
        assert_eq!(reason(&caller(&["read"], &["owner"])), Some("insufficient_scope"));
        assert_eq!(reason(&caller(&["readwrite", "Read"], &["owner"])), Some("insufficient_scope"));
        assert_eq!(reason(&caller(&["read", "write"], &["own", "Owner"])), Some("insufficient_role"));
    }
}
