//! Who calls, and whether they may; and that no client says so itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{COOKIE, HeaderName};
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::Incoming;
use seaworthy_resilience::effects::{Counter, Effect};

use super::Exchange;
use crate::access::{
    Access, Caller, Carrier, Challenge, Denial, Grant, Later, Outcome, Presented, Refusal, RefusalKind,
};
use crate::body::ResponseBody;
use crate::error::Error;

/// What an authenticator said in the end.
pub(super) type Said = Outcome;

/// What a route's rules of access did.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    granted: Counter,
    absent: Counter,
    unauthenticated: Counter,
    forbidden: Counter,
    unavailable: Counter,
    waited: AtomicU64,
}

impl Counts {
    /// Every count by its name.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        vec![
            self.granted.effect("granted"),
            self.absent.effect("no_credential"),
            self.unauthenticated.effect("unauthenticated"),
            self.forbidden.effect("forbidden"),
            self.unavailable.effect("unavailable"),
        ]
    }

    /// How many had to wait for an authenticator.
    pub(crate) fn waited(&self) -> u64 {
        self.waited.load(Ordering::Relaxed)
    }
}

/// Drops what only the gateway may say, in every spelling that some service could take for it.
pub(super) fn disarm(reserved: &[HeaderName], headers: &mut HeaderMap) {
    let mut lookalike = false;
    for name in reserved {
        headers.remove(name);
        lookalike |= name.as_str().contains('-');
    }
    if lookalike && headers.keys().any(|name| name.as_str().contains('_')) {
        let is = |name: &&HeaderName| {
            let dashed = name.as_str().replace('_', "-");
            reserved.iter().any(|reserved| reserved.as_str() == dashed)
        };
        for name in headers.keys().filter(is).cloned().collect::<Vec<_>>() {
            headers.remove(name);
        }
    }
}

/// A request as authenticators and inspectors see it.
pub(super) fn presented<'a, B>(exchange: &'a Exchange, request: &'a http::Request<B>) -> Presented<'a> {
    Presented {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
        client: exchange.origin.client,
        secure: exchange.origin.secure,
        host: exchange.host.as_ref(),
        has_body: exchange.body,
        certificate: exchange.info.client_certificate.as_deref(),
        request_id: exchange.id.as_str(),
    }
}

/// What was decided, or what it takes to decide.
pub(super) enum Entered {
    /// It may pass.
    Passes,
    /// This is answered instead.
    Answered(Response<ResponseBody>),
    /// It may not.
    Refused(Error),
    /// The authenticator at this place has to be waited for.
    Waits(usize, Later<Outcome>),
}

/// Decides who calls and whether they may, as far as that can be said at once.
pub(super) fn enter(exchange: &mut Exchange, request: &mut http::Request<Incoming>) -> Entered {
    let Some(route) = exchange.route.clone() else { return Entered::Passes };
    let Some(access) = &route.settings.access else { return Entered::Passes };
    ask(exchange, request, access, 0, None)
}

/// Goes on with what an authenticator said that had to be waited for.
pub(super) fn go_on(
    exchange: &mut Exchange,
    request: &mut http::Request<Incoming>,
    at: usize,
    outcome: Outcome,
) -> Entered {
    let Some(route) = exchange.route.clone() else { return Entered::Passes };
    let Some(access) = &route.settings.access else { return Entered::Passes };
    route.accessed.waited.fetch_add(1, Ordering::Relaxed);
    ask(exchange, request, access, at, Some(outcome))
}

/// Asks authenticators from one place on. The first that recognises somebody decides; one that refuses does not keep a
/// later one from recognising another credential.
fn ask(
    exchange: &mut Exchange,
    request: &mut http::Request<Incoming>,
    access: &Access,
    from: usize,
    known: Option<Outcome>,
) -> Entered {
    let mut known = known;
    for (at, authenticator) in access.any_of.iter().enumerate().skip(from) {
        let outcome = match known.take() {
            Some(outcome) => outcome,
            None => authenticator.authenticate(&presented(exchange, request)),
        };
        match outcome {
            Outcome::Absent => {}
            Outcome::Granted(grant) => return grants(exchange, request, access, grant),
            Outcome::Refused(refusal) => {
                exchange.refusal.get_or_insert(refusal);
            }
            Outcome::Later(later) => return Entered::Waits(at, later),
        }
    }
    match exchange.refusal.take() {
        Some(refusal) => refuse(exchange, request, access, refusal, None),
        None => challenge(exchange, request, access),
    }
}

fn grants(
    exchange: &mut Exchange,
    request: &mut http::Request<Incoming>,
    access: &Access,
    grant: Grant,
) -> Entered {
    if let Some(refusal) = access.objection(&grant.caller) {
        return refuse(exchange, request, access, refusal, Some(&grant.caller));
    }
    if let Some(route) = exchange.route() {
        route.accessed.granted.add();
    }
    if !access.pass_credential {
        remove(request.headers_mut(), &grant.carrier);
    }
    exchange.cookies = grant.cookies;
    exchange.caller = Some(grant.caller);
    Entered::Passes
}

/// Nobody presented anything: the authenticators say how that is done.
fn challenge(exchange: &Exchange, request: &http::Request<Incoming>, access: &Access) -> Entered {
    if let Some(route) = exchange.route() {
        route.accessed.absent.add();
    }
    let presented = presented(exchange, request);
    let mut headers = Vec::new();
    for authenticator in &access.any_of {
        let Challenge { header, answer } = authenticator.challenge(&presented);
        if let Some(answer) = answer {
            return Entered::Answered(answer.map(ResponseBody::full));
        }
        headers.extend(header);
    }
    let refusal = Refusal {
        reason: "no_credential",
        detail: "this needs a credential",
        kind: RefusalKind::Unauthenticated,
    };
    tell(exchange, &presented, refusal, None);
    Entered::Refused(Error::Access { refusal, challenges: headers })
}

fn refuse(
    exchange: &Exchange,
    request: &http::Request<Incoming>,
    access: &Access,
    refusal: Refusal,
    caller: Option<&Caller>,
) -> Entered {
    let presented = presented(exchange, request);
    if let Some(route) = exchange.route() {
        let counts = &route.accessed;
        match refusal.kind {
            RefusalKind::Unauthenticated => counts.unauthenticated.add(),
            RefusalKind::Forbidden => counts.forbidden.add(),
            RefusalKind::Unavailable => counts.unavailable.add(),
        }
    }
    tell(exchange, &presented, refusal, caller);
    let challenges = match refusal.kind {
        RefusalKind::Unavailable => Vec::new(),
        _ => access.any_of.iter().filter_map(|way| way.challenge(&presented).header).collect(),
    };
    Entered::Refused(Error::Access { refusal, challenges })
}

fn tell(exchange: &Exchange, presented: &Presented<'_>, refusal: Refusal, caller: Option<&Caller>) {
    if let (Some(witness), Some(route)) = (&exchange.plan.shared.witness, exchange.route()) {
        let status = Error::Access { refusal, challenges: Vec::new() }.status();
        witness.denied(&Denial {
            reason: refusal.reason,
            status,
            route: &route.settings.name,
            caller,
            presented,
        });
    }
}

/// Takes out whatever is ours and was shown beside, or where nobody asked for it: a service could be somebody else with it.
pub(super) fn keep_ours(exchange: &Exchange, headers: &mut HeaderMap) {
    let passes = |access: &Access| access.pass_credential;
    if exchange.route().and_then(|route| route.settings.access.as_ref()).is_some_and(passes) {
        return;
    }
    for carrier in &exchange.plan.shared.carriers {
        let there = match carrier {
            Carrier::Header(name) | Carrier::Prefixed(name, _) => headers.contains_key(name),
            Carrier::Cookies(_) => headers.contains_key(COOKIE),
            Carrier::Connection => false,
        };
        if there {
            remove(headers, carrier);
        }
    }
}

/// Takes a credential out of what is passed on.
fn remove(headers: &mut HeaderMap, carrier: &Carrier) {
    match carrier {
        Carrier::Header(name) => drop(headers.remove(name)),
        Carrier::Prefixed(name, prefix) => {
            let starts = |value: &HeaderValue| {
                value
                    .as_bytes()
                    .get(..prefix.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
            };
            if headers.get_all(name).iter().any(starts) {
                headers.remove(name);
            }
        }
        Carrier::Connection => {}
        Carrier::Cookies(prefix) => {
            let ours = |crumb: &&str| !crumb.trim_start().starts_with(&**prefix);
            let rest: Vec<String> = headers
                .get_all(COOKIE)
                .iter()
                .filter_map(|line| line.to_str().ok())
                .flat_map(|line| line.split(';').filter(ours).map(|crumb| crumb.trim().to_owned()))
                .filter(|crumb| !crumb.is_empty())
                .collect();
            headers.remove(COOKIE);
            if let Ok(value) = HeaderValue::from_str(&rest.join("; "))
                && !rest.is_empty()
            {
                headers.insert(COOKIE, value);
            }
        }
    }
}

/// Tells the service who calls. Comes after what a client's `Connection` header could take away.
pub(super) fn introduce(caller: Option<&Arc<Caller>>, headers: &mut HeaderMap) {
    for (name, value) in caller.iter().flat_map(|caller| caller.headers.iter().chain(&caller.proof)) {
        headers.insert(name, value.clone());
    }
}

/// The answer of a log-in's own path.
pub(super) async fn log_in(answer: Later<Response<Bytes>>) -> Response<ResponseBody> {
    answer.await.map(ResponseBody::full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn what_only_the_gateway_may_say_goes_in_every_spelling() {
        let reserved = [HeaderName::from_static("x-auth-subject"), HeaderName::from_static("x-auth-roles")];
        let mut headers = map(&[
            ("x-auth-subject", "root"),
            ("x_auth_subject", "root"),
            ("x-auth_roles", "admin"),
            ("x-auth-subjects", "kept"),
            ("x_other", "kept"),
        ]);
        disarm(&reserved, &mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-auth-subjects", "x_other"]);
    }

    #[test]
    fn a_credential_is_not_passed_on() {
        let mut headers =
            map(&[("cookie", "a=1; sw_session=secret;sw_session.1=more; b=2"), ("authorization", "x")]);
        remove(&mut headers, &Carrier::Cookies("sw_session".into()));
        assert_eq!(headers.get(COOKIE).unwrap(), "a=1; b=2");
        remove(&mut headers, &Carrier::Cookies("a".into()));
        remove(&mut headers, &Carrier::Cookies("b".into()));
        assert!(!headers.contains_key(COOKIE));
        remove(&mut headers, &Carrier::Header(http::header::AUTHORIZATION));
        assert!(headers.is_empty());
    }
}
