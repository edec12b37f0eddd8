//! Coming in, and exchanging refresh tokens: what is open to callers that nobody knows yet.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{HOST, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use seaworthy_core::Secret;
use seaworthy_identity::{Actor, Answer, Credentials, LogIn, LoggedIn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem;
use super::view::TokenView;
use crate::access::COOKIE as SESSION;
use crate::guard::without_port;
use crate::jobs::moment;
use crate::request::cookie;
use crate::{Control, Problem, request};

/// The cookie that a device is known by at the next log-in.
pub(crate) const DEVICE: &str = "seaworthy_device";
/// How long browsers keep that.
pub(crate) const DEVICE_AGE: u64 = 90 * 86_400;

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogInOrder {
    #[schema(example = "ann")]
    name: String,
    password: String,
    /// What an earlier log-in gave this device; browsers have it in a cookie.
    #[serde(default)]
    device: Option<String>,
}

/// A code for the second step.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactorOrder {
    /// What the password was answered with.
    challenge: String,
    /// Six digits, or a recovery code.
    #[schema(example = "123456")]
    code: String,
    #[serde(default)]
    device: Option<String>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshOrder {
    refresh_token: String,
}

/// How far somebody came.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum LogInView {
    /// In. Browsers have the session in a cookie; orders need `csrf` in `X-CSRF-Token`.
    Done {
        /// The session's public id.
        session: String,
        /// The session's token, for programs: as a cookie `seaworthy_session`.
        token: String,
        /// What orders of this session need in `X-CSRF-Token`.
        csrf: String,
        /// What this device shows at the next log-in.
        device: String,
        /// When the session ends, however much it is used.
        expires: String,
        /// Whether nothing but a new password is possible.
        must_change: bool,
    },
    /// The password was right; a code is asked for.
    NeedsSecondFactor {
        /// Goes with the code.
        challenge: String,
        /// Until then.
        expires: String,
    },
}

/// Logs in by name and password.
#[utoipa::path(post, path = "/api/v1/login", tag = "account", request_body = LogInOrder,
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = LogInView), (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "locked out for a while")))]
pub(crate) async fn log_in(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let identity = control.identity.open()?;
    let order: LogInOrder = request::body(&bytes)?;
    let credentials = Credentials {
        name: order.name,
        password: Secret::new(order.password),
        device: device(order.device, &headers),
        agent: agent(&headers),
        previous: cookie(&headers, SESSION),
    };
    match identity.log_in(&actor, credentials).await.map_err(problem)? {
        LogIn::Done(done) => Ok(came_in(&done, &headers)),
        LogIn::NeedsSecondFactor(challenge) => Ok(Json(LogInView::NeedsSecondFactor {
            challenge: challenge.token.expose().clone(),
            expires: moment(challenge.expires),
        })
        .into_response()),
    }
}

/// The second step of a log-in.
#[utoipa::path(post, path = "/api/v1/login/second-factor", tag = "account", request_body = SecondFactorOrder,
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = LogInView), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn second_factor(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let identity = control.identity.open()?;
    let order: SecondFactorOrder = request::body(&bytes)?;
    let answer = Answer {
        challenge: Secret::new(order.challenge),
        code: Secret::new(order.code),
        device: device(order.device, &headers),
        agent: agent(&headers),
        previous: cookie(&headers, SESSION),
    };
    Ok(came_in(&identity.second_factor(&actor, answer).await.map_err(problem)?, &headers))
}

/// Exchanges a refresh token for a new pair. Each is good once: a second use ends all that came of the same log-in.
#[utoipa::path(post, path = "/api/v1/tokens/refresh", tag = "tokens", request_body = RefreshOrder,
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = TokenView), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn refresh(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<TokenView>, Problem> {
    let identity = control.identity.open()?;
    let order: RefreshOrder = request::body(&bytes)?;
    let pair = identity.refresh(&actor, &Secret::new(order.refresh_token)).await.map_err(problem)?;
    Ok(Json(pair.into()))
}

/// The keys of this Seaworthy's access tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "tokens",
    extensions(("x-permission" = json!("public"))), responses((status = 200, body = Object)))]
pub(crate) async fn jwks(State(control): State<Control>) -> Result<Json<serde_json::Value>, Problem> {
    Ok(Json(control.identity.open()?.jwks()))
}

/// What others need to know of this issuer (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "tokens",
    extensions(("x-permission" = json!("public"))), responses((status = 200, body = Object)))]
pub(crate) async fn discovery(
    State(control): State<Control>,
    headers: HeaderMap,
) -> Result<Json<serde_json::Value>, Problem> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let mut document = control.identity.open()?.discovery(&format!("http://{host}"));
    // tokens are had by a session, and exchanged in JSON: not what a client of RFC 6749 would send
    if let Some(members) = document.as_object_mut() {
        members.remove("token_endpoint");
        members.remove("revocation_endpoint");
    }
    Ok(Json(document))
}

fn came_in(done: &LoggedIn, headers: &HeaderMap) -> Response {
    let view = LogInView::Done {
        session: done.session.id.0.clone(),
        token: done.token.expose().clone(),
        csrf: done.csrf.clone(),
        device: done.device.expose().clone(),
        expires: moment(done.session.expires_at),
        must_change: done.must_change,
    };
    let mut response = Json(view).into_response();
    let secure = if is_local(headers) { "" } else { "; Secure" };
    let session = format!("{SESSION}={}; Path=/; HttpOnly; SameSite=Strict{secure}", done.token.expose());
    let device = format!(
        "{DEVICE}={}; Path=/api/v1/login; Max-Age={DEVICE_AGE}; HttpOnly; SameSite=Strict{secure}",
        done.device.expose()
    );
    for cookie in [session, device] {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Takes the session's cookie away.
pub(super) fn gone() -> HeaderValue {
    HeaderValue::from_static("seaworthy_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
}

/// Whether a browser is on this machine, where there is no TLS to ask for.
pub(crate) fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn device(given: Option<String>, headers: &HeaderMap) -> Option<Secret<String>> {
    given.map(Secret::new).or_else(|| cookie(headers, DEVICE))
}

pub(crate) fn agent(headers: &HeaderMap) -> Option<String> {
    headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned)
}
