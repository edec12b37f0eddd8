//! What stands around every page, and what browsers are told of it.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderName, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::text;
use super::visit::Visit;

/// Nothing from elsewhere, nothing within the page, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/// The ways through the dashboard: route and name.
const WAYS: [(&str, &str); 7] = [
    ("/dashboard", "Overview"),
    ("/dashboard/requests", "Requests"),
    ("/dashboard/jobs", "Jobs"),
    ("/dashboard/dead-letters", "Dead letters"),
    ("/dashboard/alerts", "Alerts"),
    ("/dashboard/people", "People"),
    ("/dashboard/audit", "Audit"),
];

/// A page as it is answered.
pub(super) struct Shown<'a> {
    pub(super) title: &'a str,
    /// The path under which it is kept current.
    pub(super) live: Option<&'a str>,
    /// Which of the ways it belongs to.
    pub(super) way: &'a str,
    pub(super) main: Markup,
    pub(super) status: StatusCode,
}

impl Shown<'_> {
    /// With everything around it.
    pub(super) fn answer(&self, visit: &Visit) -> Response {
        page(self.status, &self.document(visit))
    }

    fn document(&self, visit: &Visit) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(self.title, visit.csrf().as_deref()))
                body data-live=[self.live] {
                    a.skip href="#main" { "Skip to content" }
                    header.top {
                        a.brand href="/dashboard" { (logo()) span { "Seaworthy" } }
                        div.live-state {
                            span #live data-state="off" role="status" {
                                span.lamp aria-hidden="true" {} span.word { "As of " (utc(visit)) }
                            }
                            button #pause type="button" aria-pressed="false" { "Pause" }
                        }
                        (self.who(visit))
                    }
                    nav.ways aria-label="Main" {
                        ul {
                            @for (route, name) in WAYS.into_iter().filter(|(route, _)| visit.may_see(route)) {
                                li { a href=(route) aria-current=[(route == self.way).then_some("page")] { (name) } }
                            }
                        }
                    }
                    main #main tabindex="-1" { (self.main) }
                    noscript { p.noscript { "Without JavaScript pages can be read, but are not kept current and give no \
                        orders. The command line gives the same orders: " code { "seaworthy --help" } "." } }
                    div #said role="status" aria-live="polite" {}
                    dialog #ask aria-labelledby="ask-what" {
                        p #ask-what {}
                        div.answers {
                            button #ask-no type="button" { "Cancel" }
                            button #ask-yes type="button" { "Confirm" }
                        }
                    }
                }
            }
        }
    }

    fn who(&self, visit: &Visit) -> Markup {
        if visit.is_nobody() {
            return html! { div.who { a href="/dashboard/login" { "Log in" } } };
        }
        let name = text::inline(&visit.actor.principal.name, 40);
        html! {
            div.who {
                @if visit.may_see("/dashboard/account") { a href="/dashboard/account" { (name) } } @else { span { (name) } }
                @if let Some(csrf) = visit.csrf() {
                    form method="post" action="/dashboard/logout" {
                        input type="hidden" name="csrf" value=(csrf);
                        button type="submit" { "Log out" }
                    }
                }
            }
        }
    }
}

fn utc(visit: &Visit) -> String {
    let moment = crate::jobs::moment(visit.now.into());
    moment.get(11..16).map(|time| format!("{time} UTC")).unwrap_or_default()
}

fn head(title: &str, csrf: Option<&str>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if let Some(csrf) = csrf { meta name="csrf" content=(csrf); }
            title { (text::middle_cut(title, 80)) " · Seaworthy" }
            link rel="stylesheet" href=(STYLE.path);
            link rel="icon" type="image/svg+xml" href=(ICON.path);
            script src=(SCRIPT.path) defer {}
        }
    }
}

fn logo() -> Markup {
    html! {
        svg.logo viewBox="0 0 24 24" aria-hidden="true" {
            path d="M12 2v11M12 3l7 9h-7M3 15h18l-3 5H6z" {}
        }
    }
}

/// A page with nothing around it: before anybody is known.
pub(super) fn bare(title: &str, status: StatusCode, main: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, None))
            body.bare {
                main #main { div.brand { (logo()) span { "Seaworthy" } } (main) }
                div #said role="status" aria-live="polite" {}
            }
        }
    };
    page(status, &document)
}

fn page(status: StatusCode, document: &Markup) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        // not none at all: then forms would be sent with the origin `null`
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS)),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
    ];
    (status, headers, document.0.clone()).into_response()
}
