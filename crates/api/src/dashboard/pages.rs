//! The routes of pages: what each needs, and nothing else.

use axum::response::{Redirect, Response};
use http::Uri;

use super::page::answer;
use super::visit::Visit;

/// The dashboard is what people find at the control listener.
#[utoipa::path(get, path = "/", tag = "dashboard", extensions(("x-permission" = json!("public"))),
    responses((status = 303, description = "to the dashboard")))]
pub(crate) async fn root() -> Redirect {
    Redirect::to(super::HOME)
}

/// How everything stands.
#[utoipa::path(get, path = "/dashboard", tag = "dashboard",
    extensions(("x-permission" = json!("services:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn overview(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// A service: traffic, upstreams, policies, replicas.
#[utoipa::path(get, path = "/dashboard/services/{name}", tag = "dashboard",
    params(("name" = String, Path)),
    extensions(("x-permission" = json!("services:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn service(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// The latest requests.
#[utoipa::path(get, path = "/dashboard/requests", tag = "dashboard",
    extensions(("x-permission" = json!("requests:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn requests(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// What a request went through.
#[utoipa::path(get, path = "/dashboard/requests/{id}", tag = "dashboard",
    params(("id" = String, Path)),
    extensions(("x-permission" = json!("requests:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn request(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// Queues and jobs.
#[utoipa::path(get, path = "/dashboard/jobs", tag = "dashboard",
    extensions(("x-permission" = json!("jobs:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn jobs(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// A job.
#[utoipa::path(get, path = "/dashboard/jobs/{id}", tag = "dashboard",
    params(("id" = String, Path)),
    extensions(("x-permission" = json!("jobs:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn job(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// Dead letters by what they died of.
#[utoipa::path(get, path = "/dashboard/dead-letters", tag = "dashboard",
    extensions(("x-permission" = json!("dead_letters:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn letters(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// A dead letter.
#[utoipa::path(get, path = "/dashboard/dead-letters/{id}", tag = "dashboard",
    params(("id" = String, Path)),
    extensions(("x-permission" = json!("dead_letters:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn letter(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// What is wrong now.
#[utoipa::path(get, path = "/dashboard/alerts", tag = "dashboard",
    extensions(("x-permission" = json!("alerts:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn alerts(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// People, their sessions and keys.
#[utoipa::path(get, path = "/dashboard/people", tag = "dashboard",
    extensions(("x-permission" = json!("users:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn people(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// Who did what.
#[utoipa::path(get, path = "/dashboard/audit", tag = "dashboard",
    extensions(("x-permission" = json!("audit:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn audit(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}

/// Whoever looks.
#[utoipa::path(get, path = "/dashboard/account", tag = "dashboard",
    extensions(("x-permission" = json!("account:read"))), responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn account(visit: Visit, uri: Uri) -> Response {
    answer(visit, &uri).await
}
