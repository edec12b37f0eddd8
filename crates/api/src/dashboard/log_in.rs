//! The way in, in plain forms, and the way out.

use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode, Uri};
use maud::{Markup, html};
use seaworthy_core::Secret;
use seaworthy_identity::audit::{Entry, Outcome};
use seaworthy_identity::{Actor, Answer, Challenge, Credentials, Error, LogIn, LoggedIn};
use serde::Deserialize;

use super::browser::return_to;
use super::shell::bare;
use super::text;
use super::visit::Visit;
use crate::access::{COOKIE, OPERATOR_COOKIE, operator_csrf_matches};
use crate::identity::log_in::{DEVICE, DEVICE_AGE, agent, is_local};
use crate::identity::problem;
use crate::request::cookie;
use crate::{Control, IdentityState, Problem};

/// What somebody brings.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Brought {
    name: String,
    password: String,
    /// The operator's token, instead of name and password.
    token: String,
    /// What the password was answered with, at the second step.
    challenge: String,
    code: String,
    return_to: String,
}

/// What the way out needs.
#[derive(Deserialize)]
pub(crate) struct Leaving {
    #[serde(default)]
    csrf: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    return_to: Option<String>,
}

/// A form for name and password, and one for the operator's token.
#[utoipa::path(get, path = "/dashboard/login", tag = "dashboard", extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn form(visit: Visit, uri: Uri) -> Response {
    let wanted: Wanted = Query::try_from_uri(&uri).map(|Query(wanted)| wanted).unwrap_or_default();
    show(&visit.control, StatusCode::OK, "", wanted.return_to.as_deref())
}

/// Logs in, and leads back to where somebody wanted to go.
#[utoipa::path(post, path = "/dashboard/login", tag = "dashboard", extensions(("x-permission" = json!("public"))),
    responses((status = 303, description = "in"), (status = 401, body = String, content_type = "text/html")))]
pub(crate) async fn log_in(visit: Visit, Form(brought): Form<Brought>) -> Response {
    let back = return_to(Some(&brought.return_to)).to_owned();
    let done = match brought.token.trim().is_empty() {
        false => as_operator(&visit, &Secret::new(brought.token.trim().to_owned()), &back).await,
        true => as_person(&visit, brought, &back).await,
    };
    done.unwrap_or_else(|problem| refused(&visit.control, &problem, &back))
}

/// The second step: a code.
#[utoipa::path(post, path = "/dashboard/login/second-factor", tag = "dashboard",
    extensions(("x-permission" = json!("public"))),
    responses((status = 303, description = "in"), (status = 401, body = String, content_type = "text/html")))]
pub(crate) async fn second_factor(visit: Visit, Form(brought): Form<Brought>) -> Response {
    let back = return_to(Some(&brought.return_to)).to_owned();
    let answered = async {
        let answer = Answer {
            challenge: Secret::new(brought.challenge.clone()),
            code: Secret::new(brought.code.trim().to_owned()),
            device: cookie(&visit.headers, DEVICE),
            agent: agent(&visit.headers),
            previous: cookie(&visit.headers, COOKIE),
        };
        let identity = visit.control.identity.open()?;
        match identity.second_factor(&visit.actor, answer).await {
            Ok(done) => Ok(came_in(&visit, &done, &back)),
            Err(Error::Unauthenticated(_)) => {
                let told = "This code is not accepted. Codes are good for half a minute, and once.";
                Ok(ask_code(StatusCode::UNAUTHORIZED, &brought.challenge, told, &back))
            }
            Err(error) => Err(problem(error)),
        }
    };
    answered.await.unwrap_or_else(|problem| refused(&visit.control, &problem, &back))
}

/// Ends the session in use.
#[utoipa::path(post, path = "/dashboard/logout", tag = "dashboard", extensions(("x-permission" = json!("public"))),
    responses((status = 303, description = "out")))]
pub(crate) async fn log_out(visit: Visit, Form(leaving): Form<Leaving>) -> Result<Response, Problem> {
    let (control, headers) = (&visit.control, &visit.headers);
    let mut gone = Vec::new();
    if let Some(token) = control.access.operator_session(headers)
        && operator_csrf_matches(token.expose(), &leaving.csrf)
    {
        control.access.end_operator_session(headers);
        note(&visit, "session.end", Outcome::Success).await;
        gone.push(removal(OPERATOR_COOKIE));
    }
    if let (Some(identity), Some(token)) = (control.identity.now(), cookie(headers, COOKIE))
        && let Ok(known) = identity.session(token.expose()).await
        && identity.csrf_matches(&known.session.id, &leaving.csrf)
    {
        let actor = Actor { principal: known.principal, ..visit.actor.clone() };
        identity.log_out(&actor).await.map_err(problem)?;
        gone.push(removal(COOKIE));
    }
    Ok(led("/dashboard/login", gone))
}

async fn as_person(visit: &Visit, brought: Brought, back: &str) -> Result<Response, Problem> {
    let identity = visit.control.identity.open()?;
    let credentials = Credentials {
        name: brought.name.trim().to_owned(),
        password: Secret::new(brought.password),
        device: cookie(&visit.headers, DEVICE),
        agent: agent(&visit.headers),
        previous: cookie(&visit.headers, COOKIE),
    };
    match identity.log_in(&visit.actor, credentials).await.map_err(problem)? {
        LogIn::Done(done) => Ok(came_in(visit, &done, back)),
        LogIn::NeedsSecondFactor(Challenge { token, .. }) => {
            Ok(ask_code(StatusCode::OK, token.expose(), "", back))
        }
    }
}

async fn as_operator(visit: &Visit, token: &Secret<String>, back: &str) -> Result<Response, Problem> {
    let begun = visit.control.access.begin_operator_session(token, visit.client());
    let outcome = if begun.is_ok() { Outcome::Success } else { Outcome::Denied };
    if begun.is_ok() || visit.control.access.tells(visit.actor.client) {
        note(visit, "session.begin", outcome).await;
    }
    // somebody who was here as a person is the operator now
    let kept = (OPERATOR_COOKIE, begun?, "/", None);
    visit.control.access.end_operator_session(&visit.headers);
    Ok(led(back, vec![given(visit, &kept)]))
}

/// Writes down what is in no store: the operator's sessions.
async fn note(visit: &Visit, action: &str, outcome: Outcome) {
    tracing::info!(target: "seaworthy::audit", action, ?outcome, client = ?visit.actor.client, "operator's session");
    if let Some(identity) = visit.control.identity.now() {
        identity.audit().note(Entry::new(&visit.actor, action, "operator", outcome));
    }
}

fn came_in(visit: &Visit, done: &LoggedIn, back: &str) -> Response {
    visit.control.access.end_operator_session(&visit.headers);
    let session = (COOKIE, done.token.clone(), "/", None);
    let device = (DEVICE, done.device.clone(), "/dashboard/login", Some(DEVICE_AGE));
    let cookies = vec![given(visit, &session), given(visit, &device), removal(OPERATOR_COOKIE)];
    led(if done.must_change { "/dashboard/account" } else { back }, cookies)
}

fn given(visit: &Visit, (name, value, path, age): &(&str, Secret<String>, &str, Option<u64>)) -> String {
    let secure = if is_local(&visit.headers) { "" } else { "; Secure" };
    let age = age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    format!("{name}={}; Path={path}{age}; HttpOnly; SameSite=Strict{secure}", value.expose())
}

fn removal(name: &str) -> String {
    format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
}

fn led(to: &str, cookies: Vec<String>) -> Response {
    let mut response = Redirect::to(to).into_response();
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
    response
}

/// The form once more, with why.
fn refused(control: &Control, problem: &Problem, back: &str) -> Response {
    let told = match problem.reason() {
        "credential_refused" => "Name and password do not go together.",
        "credential_unknown" => "This is not the operator’s token.",
        _ => problem.detail(),
    };
    show(control, problem.status(), told, Some(back))
}

fn show(control: &Control, status: StatusCode, told: &str, back: Option<&str>) -> Response {
    let back = return_to(back);
    let people = match control.identity.state() {
        IdentityState::Off => Markup::default(),
        IdentityState::Opening(why) => html! {
            p.notice { "People cannot log in now: the store is away (" (text::inline(&why, 200)) ")." }
        },
        IdentityState::Open(_) => by_name(told, back),
    };
    let is_open = matches!(control.identity.state(), IdentityState::Open(_));
    let main = html! {
        h1 { "Log in" }
        @if !told.is_empty() { p.refusal #refusal role="alert" { (text::inline(told, 300)) } }
        (people)
        @if control.access.has_operator() {
            @if is_open {
                details { summary { "Use the operator’s token" } (by_token(told, back)) }
            } @else { (by_token(told, back)) }
        }
        p.muted { "Logged in already, and came by a link from elsewhere? " a href=(back) { "Go on" } "." }
    };
    bare("Log in", status, &main)
}

fn described(told: &str) -> Option<&'static str> {
    (!told.is_empty()).then_some("refusal")
}

fn by_name(told: &str, back: &str) -> Markup {
    html! {
        form.log-in method="post" action="/dashboard/login" {
            input type="hidden" name="return_to" value=(back);
            label for="name" { "Name" }
            input #name name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required
                maxlength="64" autofocus aria-describedby=[described(told)];
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required maxlength="1024"
                aria-describedby=[described(told)];
            button.primary type="submit" { "Log in" }
        }
    }
}

fn by_token(told: &str, back: &str) -> Markup {
    html! {
        form.log-in method="post" action="/dashboard/login" {
            input type="hidden" name="return_to" value=(back);
            label for="token" { "Operator’s token" }
            input #token name="token" type="password" autocomplete="off" required maxlength="256"
                aria-describedby=[described(told)];
            p.muted { "It stands in the file " code { "seaworthy.token" } " beside the configuration, for whoever may read it. \
                The session ends after an hour without use, and after twelve in any case." }
            button.primary type="submit" { "Log in as operator" }
        }
    }
}

fn ask_code(status: StatusCode, challenge: &str, told: &str, back: &str) -> Response {
    let main = html! {
        h1 { "Second factor" }
        @if !told.is_empty() { p.refusal #refusal role="alert" { (told) } }
        form.log-in method="post" action="/dashboard/login/second-factor" {
            input type="hidden" name="return_to" value=(back);
            input type="hidden" name="challenge" value=(challenge);
            label for="code" { "Code of your authenticator, or a recovery code" }
            input #code name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required
                maxlength="64" autofocus aria-describedby=[described(told)];
            button.primary type="submit" { "Log in" }
        }
        p.muted { a href="/dashboard/login" { "Begin again" } }
    };
    bare("Second factor", status, &main)
}
