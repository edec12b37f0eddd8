//! One service: its traffic, its upstreams, its policies, its replicas.

mod charts;
mod policies;
mod replicas;

use maud::{Markup, html};
use seaworthy_core::ErrorCode;

use super::number;
use super::overview::{Standing, standing};
use super::page::Asked;
use super::text;
use super::traffic::Range;
use super::visit::Visit;
use super::widgets::{Tone, choices, heading, section, status, table};
use crate::Problem;

pub(super) async fn main(visit: &Visit, name: &str, asked: &Asked) -> Result<Markup, Problem> {
    let known = visit.control.gateway.services().into_iter().find(|service| *service.name == *name);
    let known =
        known.ok_or_else(|| Problem::new(ErrorCode::NotFound, "no_service", "there is no such service"))?;
    let service = standing(visit, known);
    let range = Range::of(asked.range.as_deref());
    let path = format!("/dashboard/services/{}", text::segment(name));
    let ranges: Vec<_> = Range::ALL
        .iter()
        .map(|one| (one.name.to_owned(), text::link(&path, &[("range", Some(one.name))]), *one == range))
        .collect();
    let beside = html! {
        (status(service.tone, service.word))
        @if visit.control.insight.history.is_some() { (choices("Time that charts show", &ranges)) }
    };
    Ok(html! {
        p.path { a href="/dashboard" { "Overview" } }
        (heading(&text::inline(name, 60), &beside))
        (charts::all(visit, name, range).await)
        (charts::budgets(visit, name).await)
        (section("upstreams", "Upstreams", &html! {}, &upstreams(&service)))
        (replicas::all(visit, &service))
        (policies::all(visit, name))
    })
}

fn upstreams(service: &Standing) -> Markup {
    use seaworthy_gateway::status::BreakerPhase::{Closed, HalfOpen, Isolated, Open};
    let rows: Vec<_> = service
        .endpoints
        .iter()
        .map(|endpoint| {
            let (tone, word) = match endpoint.breaker {
                None => (Tone::Plain, "none"),
                Some(Closed) => (Tone::Good, "closed"),
                Some(HalfOpen) => (Tone::Moving, "trying again"),
                Some(Open) => (Tone::Bad, "open"),
                Some(Isolated) => (Tone::Warn, "opened by order"),
            };
            html! {
                tr {
                    th scope="row" { code { (text::inline(&endpoint.url, 60)) } }
                    td { @if endpoint.healthy { (status(Tone::Good, "passing")) } @else { (status(Tone::Bad, "failing")) } }
                    td { (status(tone, word)) }
                    td { @if endpoint.ejected { (status(Tone::Warn, "left out for failing")) } @else { (status(Tone::Good, "takes part")) } }
                    td.n { (number::count(endpoint.connections as u64)) }
                }
            }
        })
        .collect();
    if rows.is_empty() {
        return html! { p.muted { "There is nowhere to send requests: no replica is ready." } };
    }
    let heads = [
        ("Address", false),
        ("Health checks", false),
        ("Breaker", false),
        ("Outliers", false),
        ("Connections", true),
    ];
    table("Upstreams", &heads, &rows)
}
