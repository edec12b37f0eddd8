//! Pages for people: what the API tells, rendered on the server, kept current by events.
//!
//! A page reads through the same doors as the handlers of the API and changes nothing: whatever somebody presses is a call
//! of the API itself, with its permissions and its entry in the audit log. Without script everything can be read.

mod account;
mod alerts;
mod assets;
mod audit;
mod browser;
mod budget;
mod chart;
mod insight;
mod jobs;
mod letters;
mod live;
mod log_in;
mod number;
mod order;
mod overview;
mod page;
mod pages;
mod people;
mod requests;
mod service;
mod shell;
mod text;
mod traffic;
mod visit;
mod widgets;

#[cfg(test)]
mod tests;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use browser::Browser;
pub use insight::Insight;

use crate::Control;

/// Where the dashboard begins.
const HOME: &str = "/dashboard";

/// Its routes, which say what they need as those of the API do.
pub(crate) fn documented() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(pages::root))
        .routes(routes!(pages::overview))
        .routes(routes!(pages::service))
        .routes(routes!(pages::requests))
        .routes(routes!(pages::request))
        .routes(routes!(pages::jobs))
        .routes(routes!(pages::job))
        .routes(routes!(pages::letters))
        .routes(routes!(pages::letter))
        .routes(routes!(pages::alerts))
        .routes(routes!(pages::people))
        .routes(routes!(pages::audit))
        .routes(routes!(pages::account))
        .routes(routes!(log_in::form, log_in::log_in))
        .routes(routes!(log_in::second_factor))
        .routes(routes!(log_in::log_out))
        .routes(routes!(live::live))
        .routes(routes!(assets::asset))
}
