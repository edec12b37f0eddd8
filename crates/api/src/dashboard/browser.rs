//! Browsers that are not let in: they are shown a page, and the way to the log-in.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, Method};
use maud::html;
use seaworthy_identity::Actor;

use super::HOME;
use super::shell::Shown;
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, heading, status};
use crate::access::Table;
use crate::{Control, Problem};

/// Longer ones lead to the overview.
const LONGEST_WAY: usize = 2_048;

/// A browser that asks for a page of the dashboard.
pub(crate) struct Browser {
    wanted: String,
    headers: HeaderMap,
    is_read: bool,
}

impl Browser {
    /// Whether it is one: pages are what browsers ask for that say that they take them.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let ours = path == HOME || path.starts_with("/dashboard/");
        let takes = request.headers().get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        if !ours || !takes.is_some_and(|accept| accept.contains("text/html")) {
            return None;
        }
        Some(Self {
            wanted: request.uri().path_and_query().map_or_else(|| path.to_owned(), ToString::to_string),
            headers: request.headers().clone(),
            is_read: matches!(*request.method(), Method::GET | Method::HEAD),
        })
    }

    /// The way to the log-in, for whoever has shown nothing yet.
    pub(crate) fn way_in(&self, problem: &Problem) -> Option<Response> {
        let way = text::link("/dashboard/login", &[("return_to", Some(return_to(Some(&self.wanted))))]);
        (self.is_read && problem.reason() == "no_credential").then(|| Redirect::to(&way).into_response())
    }

    /// A page that says why not.
    pub(crate) fn refused(
        &self,
        control: &Control,
        table: &Arc<Table>,
        actor: &Actor,
        problem: &Problem,
    ) -> Response {
        let must_change = actor.principal.scopes.is_some() && actor.principal.session.is_some();
        if self.is_read && must_change && problem.reason() == "permission_missing" {
            // nothing but a new password is possible
            return Redirect::to("/dashboard/account").into_response();
        }
        wrong(&Visit::of(control, table, actor, &self.headers), problem)
    }
}

/// A page that says what is wrong.
pub(super) fn wrong(visit: &Visit, problem: &Problem) -> Response {
    let status_code = problem.status();
    let title = status_code.canonical_reason().unwrap_or("Error");
    let main = html! {
        (heading(&html! { (title) }, &html! { (status(Tone::Warn, &status_code.as_u16().to_string())) }))
        div.card {
            p.why { (text::inline(problem.detail(), 500)) }
            p.muted { "The log tells more under the request id " code { (problem.request_id()) } "." }
            p { a href=(HOME) { "Overview" } " · " a href="/dashboard/login" { "Log in as somebody else" } }
        }
    };
    Shown { title, live: None, way: "", main, status: status_code }.answer(visit)
}

/// Where a log-in leads: a page of the dashboard, and nowhere else.
pub(super) fn return_to(wanted: Option<&str>) -> &str {
    let ours = |way: &&str| {
        let rest = way.strip_prefix(HOME);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && way.len() <= LONGEST_WAY
            && way.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !way.starts_with("/dashboard/log")
    };
    wanted.filter(ours).unwrap_or(HOME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ins_lead_to_pages_of_ours() {
        for way in
            ["/dashboard", "/dashboard/jobs?queue=a%20b", "/dashboard?range=1h", "/dashboard/services/a%2Fb"]
        {
            assert_eq!(return_to(Some(way)), way);
        }
        let long = format!("/dashboard/{}", "a".repeat(LONGEST_WAY));
        for way in [
            "//evil.example",
            "https://evil.example",
            "/dashboardx",
            "/dashboard.evil.example",
            "/dashboard@evil",
            "/dashboard/\\evil",
            "/dashboard/\r\nx: y",
            "/dashboard/login?return_to=x",
            "/api/v1/jobs",
            "",
            &long,
            "/dashboard/ü",
            "javascript:alert(1)",
            "\t/dashboard",
            "/dashboard/logout",
        ] {
            assert_eq!(return_to(Some(way)), HOME, "{way:?}");
        }
        assert_eq!(return_to(None), HOME);
    }
}
