//! The ways to show who one is at the control listener.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use seaworthy_core::{ErrorCode, Secret};
use seaworthy_defence::addresses::client_network;
use seaworthy_gateway::access::{Authenticator, Outcome, Presented, RefusalKind};
use seaworthy_identity::rbac::{self, Pattern, Permission};
use seaworthy_identity::{AuthMethod, Error, Principal, Reject, Subject, View};
use seaworthy_resilience::rate_limit::{Decision, KeyedLimiter, Settings};
use tokio::sync::watch;
use tokio::time::Instant;

use super::operator_session::{self, OPERATOR_COOKIE, OperatorSessions};
use crate::identity::problem;
use crate::request::cookie;
use crate::{IdentityDoor, Problem};

/// Refused credentials of one client network in a minute that are told apart; further ones are only told to wait. A good
/// one is good at any time: whoever guesses must not be able to lock others of the same network out.
const FAILURES: u32 = 60;
/// Refusals of one client network in a minute that are told one by one in the audit log.
const TOLD: u32 = 60;
/// Most networks remembered.
const NETWORKS: usize = 10_000;

/// What whoever may read this machine's token file has: all of it, and nothing without the file.
#[derive(Clone)]
pub struct OperatorToken([u8; 32]);

impl OperatorToken {
    /// Only its digest is kept.
    pub fn new(token: &Secret<String>) -> Self {
        Self(sha256(token.expose().as_bytes()))
    }

    fn is(&self, token: &str) -> bool {
        verify_slices_are_equal(&self.0, &sha256(token.as_bytes())).is_ok()
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(…)")
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// What a door is made of.
#[derive(Debug)]
pub struct AccessParts {
    /// The token of this machine's operator, where there is one.
    pub operator: Option<OperatorToken>,
    /// All roles.
    pub policy: watch::Receiver<Arc<rbac::Policy>>,
    /// People, keys and tokens of the store.
    pub identity: IdentityDoor,
    /// What callers may do that nobody knows.
    pub anonymous: Vec<Permission>,
    /// Authenticators of other issuers' tokens. Their roles are names of roles here.
    pub external: watch::Receiver<Arc<[Arc<dyn Authenticator>]>>,
}

/// Tells who is calling, and what they may do.
#[derive(Debug, Clone)]
pub struct AccessDoor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: AccessParts,
    sessions: OperatorSessions,
    failures: KeyedLimiter<Vec<u8>>,
    told: KeyedLimiter<Vec<u8>>,
}

/// Who was recognised, and whether a browser's cookie did it, which a page of another site can make it send.
pub(crate) struct Recognised {
    pub(crate) principal: Principal,
    /// Whether a page of another site could have made a browser send it.
    pub(crate) forgeable: bool,
}

impl Recognised {
    /// By what no browser sends on its own.
    fn by_itself(principal: Principal) -> Self {
        Self { principal, forgeable: false }
    }
}

/// The cookie of a session at the control listener.
pub(crate) const COOKIE: &str = "seaworthy_session";
/// What must come with orders of a session.
pub(crate) const CSRF: &str = "x-csrf-token";

impl AccessDoor {
    /// A door with these ways in.
    pub fn new(parts: AccessParts) -> Self {
        let limit = |requests| {
            KeyedLimiter::new(Settings { requests, per: Duration::from_secs(60), burst: requests }, NETWORKS)
        };
        let sessions = OperatorSessions::default();
        Self(Arc::new(Inner { parts, sessions, failures: limit(FAILURES), told: limit(TOLD) }))
    }

    /// A door that opens to this token alone.
    pub fn operator(token: &Secret<String>) -> Self {
        let (external, policy) = (watch::channel(Arc::from([])).1, watch::channel(Arc::default()).1);
        let operator = Some(OperatorToken::new(token));
        let identity = IdentityDoor::shut();
        Self::new(AccessParts { operator, policy, identity, anonymous: Vec::new(), external })
    }

    /// Who is calling; somebody unknown where no credential is shown.
    pub(crate) async fn recognise(&self, presented: &Presented<'_>) -> Result<Recognised, Problem> {
        match self.look(presented).await {
            Ok(recognised) => Ok(recognised),
            Err(refused) if refused.is_unavailable() => Err(refused),
            Err(refused) => Err(self.refused(presented.client, refused)),
        }
    }

    /// A refusal of a credential, or that there were too many.
    fn refused(&self, client: IpAddr, refused: Problem) -> Problem {
        let decision = decide(&self.0.failures, client);
        if decision.allowed {
            return refused;
        }
        let detail = "too many credentials of this network were refused";
        Problem::new(ErrorCode::Limited, "too_many_failures", detail)
            .retry_after(u32::try_from(decision.retry_after.as_secs() + 1).unwrap_or(60))
    }

    /// Whether there is an operator's token to log in with.
    pub(crate) fn has_operator(&self) -> bool {
        self.0.parts.operator.is_some()
    }

    /// Exchanges the operator's token for a session of a browser: what its cookie holds.
    pub(crate) fn begin_operator_session(
        &self,
        token: &Secret<String>,
        client: IpAddr,
    ) -> Result<Secret<String>, Problem> {
        if !self.0.parts.operator.as_ref().is_some_and(|operator| operator.is(token.expose())) {
            return Err(self
                .refused(client, unauthenticated("credential_unknown", "this is not the operator's token")));
        }
        let begun = self.0.sessions.begin(Instant::now());
        begun.ok_or_else(|| Problem::new(ErrorCode::Internal, "internal", "there are no random numbers"))
    }

    /// Ends the operator's session of a browser, where it has one.
    pub(crate) fn end_operator_session(&self, headers: &http::HeaderMap) {
        if let Some(token) = cookie(headers, OPERATOR_COOKIE) {
            self.0.sessions.end(token.expose());
        }
    }

    /// The operator's session that a browser's cookie holds.
    pub(crate) fn operator_session(&self, headers: &http::HeaderMap) -> Option<Secret<String>> {
        cookie(headers, OPERATOR_COOKIE).filter(|token| self.0.sessions.knows(token.expose(), Instant::now()))
    }

    /// Whether a refusal of this client is told by itself: a flood must not become a flood of entries.
    pub(crate) fn tells(&self, client: Option<IpAddr>) -> bool {
        client.is_none_or(|client| decide(&self.0.told, client).allowed)
    }

    async fn look(&self, presented: &Presented<'_>) -> Result<Recognised, Problem> {
        let token = bearer(presented)?;
        if let Some(token) = token {
            if self.0.parts.operator.as_ref().is_some_and(|operator| operator.is(token)) {
                return Ok(Recognised::by_itself(operator()));
            }
            if let Some(recognised) = self.known_here(token)? {
                return Ok(recognised);
            }
        }
        let external = self.0.parts.external.borrow().clone();
        for authenticator in external.iter() {
            let mut outcome = authenticator.authenticate(presented);
            loop {
                match outcome {
                    Outcome::Later(later) => outcome = later.await,
                    Outcome::Absent => break,
                    Outcome::Granted(grant) => {
                        return Ok(Recognised::by_itself(external_principal(&grant.caller)));
                    }
                    Outcome::Refused(refusal) if refusal.kind == RefusalKind::Unavailable => {
                        return Err(Problem::new(ErrorCode::Unavailable, refusal.reason, refusal.detail));
                    }
                    Outcome::Refused(refusal) => return Err(unauthenticated(refusal.reason, refusal.detail)),
                }
            }
        }
        if token.is_some() {
            return match self.0.parts.identity.is_opening() {
                // whether it is known cannot be found out now
                true => self.0.parts.identity.open().map(|_| Recognised::by_itself(Principal::anonymous())),
                false => Err(unauthenticated("credential_unknown", "nobody here knows this credential")),
            };
        }
        self.by_cookie(presented).await
    }

    /// API keys and tokens of the store, without the store: as it was last seen.
    fn known_here(&self, token: &str) -> Result<Option<Recognised>, Problem> {
        let Some(identity) = self.0.parts.identity.now() else { return Ok(None) };
        let refused = |reject: Reject| {
            let reason = match reject {
                Reject::Expired => "credential_expired",
                Reject::Revoked => "credential_revoked",
                Reject::Malformed => "credential_malformed",
                Reject::Kind => "credential_wrong_kind",
                Reject::Audience => "credential_wrong_audience",
                // whether there is such a key is not told
                _ => "credential_unknown",
            };
            unauthenticated(reason, "this credential is not accepted")
        };
        let now = std::time::SystemTime::now();
        if View::is_key(token) {
            let caller = identity.view().check_key(token, now).map_err(refused)?;
            return Ok(Some(Recognised::by_itself(Principal::clone(&caller.principal))));
        }
        match identity.view().check_token(token, now) {
            Ok(caller) => Ok(Some(Recognised::by_itself(Principal::clone(&caller.principal)))),
            // another issuer's, perhaps
            Err(Reject::Malformed | Reject::Unknown | Reject::Issuer) => Ok(None),
            Err(reject) => Err(refused(reject)),
        }
    }

    /// A browser's session. What it may change needs the token that only its own pages have.
    async fn by_cookie(&self, presented: &Presented<'_>) -> Result<Recognised, Problem> {
        let given = presented.only(CSRF).unwrap_or_default();
        // first: whoever has the token of this machine can act though the store is away
        if let Some(token) = self.operator_session(presented.headers) {
            let forgeable = !operator_session::csrf_matches(token.expose(), given);
            return Ok(Recognised { principal: operator(), forgeable });
        }
        let Some(token) = cookie(presented.headers, COOKIE) else {
            return Ok(Recognised::by_itself(Principal::anonymous()));
        };
        let Some(identity) = self.0.parts.identity.now() else {
            return Ok(Recognised::by_itself(Principal::anonymous()));
        };
        let session = match identity.session(token.expose()).await {
            Ok(session) => session,
            // a session that is over is none: its holder may log in
            Err(Error::Unauthenticated(_)) => return Ok(Recognised::by_itself(Principal::anonymous())),
            Err(error) => return Err(problem(error)),
        };
        let csrf = identity.csrf_matches(&session.session.id, given);
        Ok(Recognised { principal: Principal::clone(&session.principal), forgeable: !csrf })
    }

    /// All roles.
    pub(crate) fn policy(&self) -> Arc<rbac::Policy> {
        self.0.parts.policy.borrow().clone()
    }

    /// Whether somebody may do something.
    pub(crate) fn allows(&self, principal: &Principal, permission: &Permission) -> bool {
        let anonymous =
            || principal.subject == Subject::Anonymous && self.0.parts.anonymous.contains(permission);
        self.0.parts.policy.borrow().allows(principal, permission, now()) || anonymous()
    }
}

fn decide(limiter: &KeyedLimiter<Vec<u8>>, client: IpAddr) -> Decision {
    limiter.decide(client_network(client).to_string().as_bytes(), Instant::now())
}

fn now() -> seaworthy_store::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    seaworthy_store::Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn unauthenticated(reason: &str, detail: &str) -> Problem {
    Problem::new(ErrorCode::Unauthenticated, reason, detail)
}

/// The bearer token, where one is shown in the one way that is understood the same by everybody.
fn bearer<'a>(presented: &'a Presented<'_>) -> Result<Option<&'a str>, Problem> {
    let mut lines = presented.headers.get_all(http::header::AUTHORIZATION).iter();
    let (Some(line), second) = (lines.next(), lines.next()) else { return Ok(None) };
    let malformed = || unauthenticated("credential_malformed", "write one `Authorization: Bearer TOKEN`");
    let text = line.to_str().map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(malformed)?;
    match scheme.eq_ignore_ascii_case("bearer") && second.is_none() && !token.is_empty() {
        true => Ok(Some(token)),
        false => Err(malformed()),
    }
}

fn operator() -> Principal {
    Principal { name: "operator".to_owned(), ..Principal::system() }
}

/// Roles say what somebody may; scopes that are written as permissions of ours narrow it. Others (`openid`) are not meant
/// for us.
fn external_principal(caller: &seaworthy_gateway::access::Caller) -> Principal {
    let scopes: BTreeSet<Pattern> = caller.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
    let subject =
        Subject::External { issuer: caller.issuer.to_string(), subject: caller.subject.to_string() };
    Principal {
        name: caller.subject.to_string(),
        subject,
        roles: caller.roles.iter().map(ToString::to_string).collect(),
        tenant: caller.tenant.as_ref().map(ToString::to_string),
        method: AuthMethod::ExternalToken,
        scopes: (!scopes.is_empty()).then_some(scopes),
        ..Principal::anonymous()
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_gateway::access::Caller;

    use super::*;

    /// ASVS 8.3.1: a token of another issuer is good for no more than it was asked for.
    #[test]
    fn scopes_of_others_narrow_their_roles() {
        let caller = |scopes: &[&str]| Caller {
            subject: "ann".into(),
            roles: vec!["operator".into()],
            scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
            ..Caller::default()
        };
        let policy = rbac::Policy::default();
        let may = |scopes: &[&str], permission: &str| {
            let principal = external_principal(&caller(scopes));
            policy.allows(&principal, &permission.parse().unwrap(), now())
        };
        for scopes in [&[][..], &["openid", "profile"], &["jobs:*", "openid"], &["jobs:write"]] {
            assert!(may(scopes, "jobs:write"), "{scopes:?}");
        }
        assert!(!may(&["jobs:read"], "jobs:write") && !may(&["queues:*"], "jobs:write"));
        assert!(!may(&["users:write"], "users:write"), "a scope is no permission by itself");
    }
}
