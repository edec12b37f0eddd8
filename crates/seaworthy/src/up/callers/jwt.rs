//! Bearer tokens of issuers.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use seaworthy_api::IdentityDoor;
use seaworthy_core::ErrorCode;
use seaworthy_gateway::access::{
    Authenticator, Caller, Carrier, Challenge, Grant, Outcome, Presented, Refusal, RefusalKind,
};
use seaworthy_identity::Foreign;
use seaworthy_oauth::introspect::Introspector;
use seaworthy_oauth::jwt::{Check, Reject, Verified, Verifier};

use super::introduction::Introduction;
use super::key::OwnTokens;
use crate::config::identity::{OURSELVES, Rule};

/// Callers whose headers are kept ready.
const READY: u64 = 20_000;
/// What API keys start with: they are not ours.
const API_KEY: &str = "sw_";

/// Recognises callers by their token.
#[derive(Debug, Clone)]
pub(super) struct TokenWay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    verifier: Option<Arc<Verifier>>,
    asked: Vec<Arc<Introspector>>,
    door: IdentityDoor,
    /// Our own tokens.
    own: Option<OwnTokens>,
    issuers: Vec<String>,
    introduction: Arc<Introduction>,
    /// By the place of what was verified, which is kept beside: no other can have that place as long as it is here.
    ready: moka::sync::Cache<usize, (Arc<Verified>, Arc<Caller>)>,
}

impl TokenWay {
    pub(super) fn new(
        (verifier, asked): (Option<Arc<Verifier>>, Vec<Arc<Introspector>>),
        door: IdentityDoor,
        rule: &Rule,
        introduction: Arc<Introduction>,
    ) -> Self {
        let ready = introduction.ready(READY);
        let own = rule.issuers.is_empty() || rule.issuers.iter().any(|issuer| issuer == OURSELVES);
        let own = own.then(|| OwnTokens::new(door.clone(), Arc::clone(&introduction)));
        Self(Arc::new(Inner {
            verifier,
            asked,
            door,
            own,
            issuers: rule.issuers.clone(),
            introduction,
            ready,
        }))
    }
}

/// The one bearer token of a request.
pub(super) fn bearer<'a>(presented: &'a Presented<'_>) -> Result<Option<&'a str>, Refusal> {
    let mut lines = presented.headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let malformed = Refusal {
        reason: "credential_malformed",
        detail: "write one `Authorization: Bearer TOKEN`",
        kind: RefusalKind::Unauthenticated,
    };
    if lines.next().is_some() {
        return Err(malformed);
    }
    let (scheme, token) = line.as_bytes().split_at(line.len().min(7));
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Ok(None);
    }
    match std::str::from_utf8(token) {
        Ok(token) if !token.is_empty() => Ok(Some(token)),
        _ => Err(malformed),
    }
}

impl Authenticator for TokenWay {
    fn name(&self) -> &'static str {
        "jwt"
    }

    fn authenticate(&self, presented: &Presented<'_>) -> Outcome {
        let token = match bearer(presented) {
            Ok(Some(token)) if !token.starts_with(API_KEY) => token,
            Ok(_) => return Outcome::Absent,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let own = || self.0.own.as_ref().and_then(|own| own.recognise(token));
        let now = SystemTime::now();
        let signed = token.bytes().filter(|byte| *byte == b'.').count() == 2;
        // a verifier knows by a look whether a token is of one of its issuers; nobody else is asked about ours
        if (self.0.verifier.is_none() || !signed)
            && let Some(outcome) = own()
        {
            return outcome;
        }
        let check = match (&self.0.verifier, self.0.asked.first()) {
            (Some(verifier), asked) if signed || asked.is_none() => verifier.check(token, now),
            (_, Some(asked)) => asked.check(token, now),
            (_, None) => Check::Ready(Err(Reject::Issuer)),
        };
        match check {
            Check::Ready(Err(Reject::Issuer)) => {
                own().unwrap_or_else(|| self.0.conclude(Err(Reject::Issuer)))
            }
            Check::Ready(answer) => self.0.conclude(answer),
            Check::Wait(wait) => {
                let this = Arc::clone(&self.0);
                Outcome::Later(Box::pin(async move { this.conclude(wait.await) }))
            }
        }
    }

    fn challenge(&self, _presented: &Presented<'_>) -> Challenge {
        Challenge { header: Some(HeaderValue::from_static("Bearer realm=\"seaworthy\"")), answer: None }
    }
}

impl Inner {
    fn conclude(&self, answer: Result<Arc<Verified>, Reject>) -> Outcome {
        let verified = match answer {
            Ok(verified) => verified,
            Err(reject) => {
                let kind = match reject.code() {
                    ErrorCode::Unavailable => RefusalKind::Unavailable,
                    ErrorCode::Forbidden => RefusalKind::Forbidden,
                    _ => RefusalKind::Unauthenticated,
                };
                let detail = "the token is not accepted; the reason says why";
                return Outcome::Refused(Refusal { reason: reject.reason(), detail, kind });
            }
        };
        if !self.issuers.is_empty() && !self.issuers.iter().any(|issuer| **issuer == *verified.issuer) {
            return refused("token_issuer", "tokens of this issuer are not accepted here");
        }
        if self.is_revoked(&verified) {
            let (reason, detail) = ("token_revoked", "the token is not accepted; the reason says why");
            return Outcome::Refused(Refusal { reason, detail, kind: RefusalKind::Unauthenticated });
        }
        if !self.introduction.admits(&verified.subject) {
            return refused("subject_denied", "this caller may not use this");
        }
        Outcome::Granted(Grant {
            caller: self.caller(&verified),
            carrier: Carrier::Header(AUTHORIZATION),
            cookies: Vec::new(),
        })
    }

    /// Whether it was taken back here, though its issuer vouches for it.
    fn is_revoked(&self, verified: &Verified) -> bool {
        let Some(identity) = self.door.now() else { return false };
        let issuer = &*verified.issuer_url;
        let subject = Foreign::Subject { issuer, subject: &verified.subject };
        let token = verified.token_id.as_deref().map(|id| Foreign::Token { issuer, id });
        let (all, one) = ([subject, token.unwrap_or(subject)], [subject]);
        identity.view().is_revoked(if token.is_some() { &all } else { &one }, verified.issued)
    }

    fn caller(&self, verified: &Arc<Verified>) -> Arc<Caller> {
        let place = Arc::as_ptr(verified) as usize;
        if let Some((_, caller)) = self.ready.get(&place) {
            return caller;
        }
        let caller = Caller {
            subject: Arc::clone(&verified.subject),
            issuer: Arc::clone(&verified.issuer_url),
            method: "jwt",
            scopes: verified.scopes.clone(),
            roles: verified.roles.clone(),
            tenant: verified.tenant.clone(),
            ..Caller::default()
        };
        let caller = self.introduction.write(caller, &verified.claims);
        self.ready.insert(place, (Arc::clone(verified), Arc::clone(&caller)));
        caller
    }
}

pub(super) fn refused(reason: &'static str, detail: &'static str) -> Outcome {
    Outcome::Refused(Refusal { reason, detail, kind: RefusalKind::Forbidden })
}
