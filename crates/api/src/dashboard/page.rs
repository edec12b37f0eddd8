//! Which pages there are, and what each is made of.

use std::time::Duration;

use axum::extract::Query;
use axum::response::Response;
use http::{StatusCode, Uri};
use maud::Markup;
use seaworthy_core::ErrorCode;
use serde::Deserialize;

use super::shell::Shown;
use super::visit::Visit;
use super::{account, alerts, audit, browser, jobs, letters, overview, people, requests, service, text};
use crate::Problem;

/// A page. What comes from its path stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    Overview,
    Service(String),
    Requests,
    Request(String),
    Jobs,
    Job(String),
    Letters,
    Letter(String),
    Alerts,
    People,
    Audit,
    Account,
}

/// What the query of a page's address may say. Each page takes what it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) range: Option<String>,
    pub(super) service: Option<String>,
    pub(super) class: Option<String>,
    pub(super) min: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) state: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) parked: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) action: Option<String>,
    pub(super) outcome: Option<String>,
    /// The last of the page before.
    pub(super) cursor: Option<String>,
}

impl Asked {
    /// What cannot be read asks for nothing.
    fn of(uri: &Uri) -> Self {
        Query::try_from_uri(uri).map(|Query(asked)| asked).unwrap_or_default()
    }
}

impl Page {
    /// Of a path.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/dashboard")?;
        let parts: Vec<_> = rest.split('/').skip(1).collect();
        let text = |part: &str| {
            percent_encoding::percent_decode_str(part).decode_utf8().map(|text| text.into_owned()).ok()
        };
        Some(match parts[..] {
            [] if rest.is_empty() => Self::Overview,
            ["services", name] => Self::Service(text(name)?),
            ["requests"] => Self::Requests,
            ["requests", id] => Self::Request(text(id)?),
            ["jobs"] => Self::Jobs,
            ["jobs", id] => Self::Job(text(id)?),
            ["dead-letters"] => Self::Letters,
            ["dead-letters", id] => Self::Letter(text(id)?),
            ["alerts"] => Self::Alerts,
            ["people"] => Self::People,
            ["audit"] => Self::Audit,
            ["account"] => Self::Account,
            _ => return None,
        })
    }

    /// Its route: what it needs stands there.
    pub(super) const fn route(&self) -> &'static str {
        match self {
            Self::Overview => "/dashboard",
            Self::Service(_) => "/dashboard/services/{name}",
            Self::Requests => "/dashboard/requests",
            Self::Request(_) => "/dashboard/requests/{id}",
            Self::Jobs => "/dashboard/jobs",
            Self::Job(_) => "/dashboard/jobs/{id}",
            Self::Letters => "/dashboard/dead-letters",
            Self::Letter(_) => "/dashboard/dead-letters/{id}",
            Self::Alerts => "/dashboard/alerts",
            Self::People => "/dashboard/people",
            Self::Audit => "/dashboard/audit",
            Self::Account => "/dashboard/account",
        }
    }

    /// Which of the ways it stands under.
    const fn way(&self) -> &'static str {
        match self {
            Self::Service(_) => "/dashboard",
            Self::Request(_) => "/dashboard/requests",
            Self::Job(_) => "/dashboard/jobs",
            Self::Letter(_) => "/dashboard/dead-letters",
            _ => self.route(),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Overview => "Overview".to_owned(),
            Self::Service(name) => text::middle_cut(name, 60),
            Self::Requests => "Requests".to_owned(),
            Self::Request(id) => format!("Request {}", text::middle_cut(id, 40)),
            Self::Jobs => "Jobs".to_owned(),
            Self::Job(id) => format!("Job {}", text::middle_cut(id, 40)),
            Self::Letters => "Dead letters".to_owned(),
            Self::Letter(id) => format!("Dead letter {}", text::middle_cut(id, 40)),
            Self::Alerts => "Alerts".to_owned(),
            Self::People => "People".to_owned(),
            Self::Audit => "Audit log".to_owned(),
            Self::Account => "Your account".to_owned(),
        }
    }

    /// How often it is looked at anew where it is kept current. What asks much of the store is asked for less often.
    pub(super) const fn every(&self) -> Duration {
        match self {
            Self::Overview | Self::Service(_) | Self::People | Self::Audit => Duration::from_secs(5),
            _ => Duration::from_secs(2),
        }
    }

    /// Its content.
    pub(super) async fn main(&self, visit: &Visit, asked: &Asked) -> Result<Markup, Problem> {
        match self {
            Self::Overview => Ok(overview::main(visit, asked).await),
            Self::Service(name) => service::main(visit, name, asked).await,
            Self::Requests => requests::list(visit, asked).await,
            Self::Request(id) => requests::story(visit, id).await,
            Self::Jobs => Ok(jobs::list(visit, asked).await),
            Self::Job(id) => jobs::one(visit, id).await,
            Self::Letters => letters::list(visit, asked).await,
            Self::Letter(id) => letters::one(visit, id).await,
            Self::Alerts => Ok(alerts::main(visit).await),
            Self::People => Ok(people::main(visit, asked).await),
            Self::Audit => Ok(audit::main(visit, asked).await),
            Self::Account => Ok(account::main(visit).await),
        }
    }
}

/// What an address asks for.
pub(super) fn wanted(uri: &Uri) -> Option<(Page, Asked)> {
    Some((Page::parse(uri.path())?, Asked::of(uri)))
}

/// The page at an address.
pub(super) async fn answer(visit: Visit, uri: &Uri) -> Response {
    let Some((page, asked)) = wanted(uri) else {
        let problem = Problem::new(ErrorCode::NotFound, "no_route", "there is no such page");
        return browser::wrong(&visit, &problem);
    };
    match page.main(&visit, &asked).await {
        Ok(main) => {
            let address = uri.path_and_query().map_or(uri.path(), http::uri::PathAndQuery::as_str);
            let title = page.title();
            let status = StatusCode::OK;
            Shown { title: &title, live: Some(address), way: page.way(), main, status }.answer(&visit)
        }
        Err(problem) => browser::wrong(&visit, &problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_pages_of_known_routes() {
        let document = serde_json::to_value(super::super::documented().split_for_parts().1).unwrap();
        for (path, page) in [
            ("/dashboard", Page::Overview),
            ("/dashboard/services/a%2Fb%20c", Page::Service("a/b c".into())),
            ("/dashboard/requests", Page::Requests),
            ("/dashboard/requests/x", Page::Request("x".into())),
            ("/dashboard/jobs", Page::Jobs),
            ("/dashboard/jobs/1", Page::Job("1".into())),
            ("/dashboard/dead-letters", Page::Letters),
            ("/dashboard/dead-letters/1", Page::Letter("1".into())),
            ("/dashboard/alerts", Page::Alerts),
            ("/dashboard/people", Page::People),
            ("/dashboard/audit", Page::Audit),
            ("/dashboard/account", Page::Account),
        ] {
            assert_eq!(Page::parse(path), Some(page.clone()), "{path}");
            assert!(document["paths"][page.route()]["get"].is_object(), "{path}");
        }
        for path in [
            "/dashboardx",
            "/dashboard/",
            "/dashboard/jobs/1/2",
            "/dashboard/login",
            "/x",
            "/dashboard/services/%ff",
        ] {
            assert_eq!(Page::parse(path), None, "{path}");
        }
    }
}
