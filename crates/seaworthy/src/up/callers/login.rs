//! The paths that a log-in has for itself: its start, the way back from the provider, the end.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use seaworthy_api::IdentityDoor;
use seaworthy_core::ErrorCode;
use seaworthy_gateway::access::{self, Later, Presented};
use seaworthy_gateway::error_docs;
use seaworthy_identity::audit::{Entry, Outcome};
use seaworthy_identity::{Actor, Foreign, Principal, Subject};
use seaworthy_oauth::csrf;
use seaworthy_oauth::oidc::{Login, LoginError};
use serde_json::json;

use super::prefix;
use super::session::{cookies, is_over, origin};

/// The pages of one log-in.
#[derive(Debug)]
pub(super) struct Pages {
    prefix: String,
    origins: Vec<String>,
    login: Arc<Login>,
    door: IdentityDoor,
}

impl Pages {
    pub(super) fn of(name: &str, login: &Arc<Login>, door: &IdentityDoor) -> Arc<dyn access::Login> {
        let origins = origin(&login.settings().redirect_uri).into_iter().collect();
        Arc::new(Self { prefix: prefix(name), origins, login: Arc::clone(login), door: door.clone() })
    }
}

impl access::Login for Pages {
    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn answer(&self, presented: &Presented<'_>) -> Later<Response<Bytes>> {
        let now = SystemTime::now();
        let id = presented.request_id.to_owned();
        let page = presented.uri.path().strip_prefix(&self.prefix).unwrap_or_default();
        let query = presented.uri.query().unwrap_or_default();
        let reads = matches!(*presented.method, Method::GET | Method::HEAD);
        match page {
            "start" if reads => {
                let wanted = parameter(query, "return_to").unwrap_or_else(|| "/".to_owned());
                let begun = self.login.begin(&wanted, now);
                Box::pin(async move {
                    match begun.await {
                        Ok(begun) => redirect(&begun.redirect, begun.cookies),
                        Err(error) => failed(&error, &id),
                    }
                })
            }
            "callback" if reads => {
                let back = self.login.callback(query, &cookies(presented.headers), now);
                let (door, mut actor) = (self.door.clone(), unknown(presented));
                let login = self.login.settings().name.clone();
                let issuer = self.login.settings().issuer.clone();
                Box::pin(async move {
                    match back.await {
                        Ok(back) => {
                            tracing::info!(subject = back.session.subject, "logged in");
                            actor.principal = external(&issuer, &back.session.subject);
                            note(&door, Entry::new(&actor, "log_in", login, Outcome::Success));
                            redirect(&back.return_to, back.cookies)
                        }
                        Err(error) => {
                            let entry = Entry::new(&actor, "log_in", login, Outcome::Failure);
                            note(&door, entry.because(error.code().as_str()));
                            failed(&error, &id)
                        }
                    }
                })
            }
            "session" if reads => ready(self.session(presented, now, &id)),
            "logout" if reads => ready(form()),
            "logout" if presented.method == Method::POST => self.log_out(presented, now, id),
            "start" | "callback" | "session" | "logout" => {
                let detail = "this method is not allowed here";
                ready(problem(
                    StatusCode::METHOD_NOT_ALLOWED,
                    ErrorCode::Invalid,
                    "method_not_allowed",
                    detail,
                    &id,
                ))
            }
            _ => ready(problem(
                StatusCode::NOT_FOUND,
                ErrorCode::NotFound,
                "no_route",
                "there is nothing here",
                &id,
            )),
        }
    }
}

impl Pages {
    /// Ends a session. A page of another site cannot do that to somebody.
    fn log_out(&self, presented: &Presented<'_>, now: SystemTime, id: String) -> Later<Response<Bytes>> {
        if let Err(reject) = csrf::check(presented.method, presented.headers, &self.origins) {
            let detail = "log-out must come from a page of this site";
            return ready(problem(StatusCode::FORBIDDEN, ErrorCode::Forbidden, reject.reason(), detail, &id));
        }
        match self.login.session(&cookies(presented.headers), now) {
            Ok(session) => {
                let end = self.login.logout(&session, now);
                let (door, mut actor) = (self.door.clone(), unknown(presented));
                let issuer = self.login.settings().issuer.clone();
                Box::pin(async move {
                    if let Some(identity) = door.now() {
                        actor.principal = external(&issuer, &session.subject);
                        // what is kept in memory here ends it in this process; the store, everywhere and for good
                        let what = Foreign::Session { issuer: &issuer, id: &session.id };
                        if let Err(error) = identity.revoke_foreign(&actor, what).await {
                            tracing::warn!(%error, "the end of a session could not be written down");
                        }
                    }
                    let end = end.await;
                    redirect(&end.redirect, end.cookies)
                })
            }
            // there is nothing to end
            Err(_) => ready(redirect("/", Vec::new())),
        }
    }

    /// Who is logged in, for pages that show it.
    fn session(&self, presented: &Presented<'_>, now: SystemTime, id: &str) -> Response<Bytes> {
        let session = self.login.session(&cookies(presented.headers), now).ok();
        let issuer = &self.login.settings().issuer;
        let session = session.filter(|session| !is_over(&self.door, session, issuer));
        let Some(session) = session else {
            let detail = "nobody is logged in";
            return problem(
                StatusCode::UNAUTHORIZED,
                ErrorCode::Unauthenticated,
                "no_credential",
                detail,
                id,
            );
        };
        let body = json!({ "subject": session.subject, "roles": session.roles, "scopes": session.scopes });
        page(StatusCode::OK, "application/json", body.to_string())
    }
}

/// Who asks, before that is known.
fn unknown(presented: &Presented<'_>) -> Actor {
    let mut actor = Actor::anonymous(Some(presented.client));
    actor.request_id = Some(presented.request_id.to_owned());
    actor
}

fn external(issuer: &str, subject: &str) -> Arc<Principal> {
    let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
    let name = subject.clone();
    Arc::new(Principal { name, subject: Subject::External { issuer, subject }, ..Principal::anonymous() })
}

fn note(door: &IdentityDoor, entry: Entry) {
    if let Some(identity) = door.now() {
        identity.audit().note(entry);
    }
}

fn ready(response: Response<Bytes>) -> Later<Response<Bytes>> {
    Box::pin(std::future::ready(response))
}

/// The value of a parameter that is there once.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => decoded(value),
        _ => None,
    }
}

/// A value that is encoded wrong is none: others may read something else in it.
fn decoded(text: &str) -> Option<String> {
    let is_pair = |pair: &[u8]| pair.iter().all(u8::is_ascii_hexdigit);
    if !text.split('%').skip(1).all(|rest| rest.as_bytes().get(..2).is_some_and(is_pair)) {
        return None;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

fn page(status: StatusCode, kind: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn redirect(to: &str, cookies: Vec<HeaderValue>) -> Response<Bytes> {
    let mut response = page(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new());
    let location = HeaderValue::from_str(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, location);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A page that asks once more: a link alone must not log anybody out.
fn form() -> Response<Bytes> {
    let body = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Log out</title>\
                <form method=\"post\"><button>Log out</button></form></html>\n";
    page(StatusCode::OK, "text/html; charset=utf-8", body.to_owned())
}

fn failed(error: &LoginError, id: &str) -> Response<Bytes> {
    tracing::warn!(%error, request_id = id, "a log-in failed");
    let code = error.code();
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    problem(status, code, error.reason(), "the log-in failed; start again", id)
}

fn problem(status: StatusCode, code: ErrorCode, reason: &str, detail: &str, id: &str) -> Response<Bytes> {
    let body = json!({
        "type": format!("{}{code}#{reason}", error_docs::PATH),
        "title": status.canonical_reason().unwrap_or("error"),
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
        "reason": reason,
        "request_id": id,
    });
    page(status, "application/problem+json", body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_there_twice_is_none() {
        assert_eq!(parameter("a=1&return_to=%2Fx%3Fy&b", "return_to").as_deref(), Some("/x?y"));
        assert_eq!(parameter("return_to=/a&return_to=/b", "return_to"), None);
        for bad in ["return_to=%", "return_to=%2", "return_to=%zz", "return_to=%ff", ""] {
            assert_eq!(parameter(bad, "return_to"), None, "{bad}");
        }
    }
}
