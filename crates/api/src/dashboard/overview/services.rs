//! Services, a row each.

use std::sync::Arc;

use maud::{Markup, html};
use seaworthy_gateway::status::{BreakerPhase, EndpointStatus, ServiceStatus};
use seaworthy_supervisor::status::{Health, ServiceStatus as Run};

use super::Known;
use crate::dashboard::budget::Budget;
use crate::dashboard::chart::spark;
use crate::dashboard::number::{self, NONE};
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{self, Tone, bar, code, empty, status};

/// A service and how it stands, in one word.
pub(in crate::dashboard) struct Standing {
    pub(in crate::dashboard) name: String,
    pub(in crate::dashboard) endpoints: Vec<EndpointStatus>,
    /// Where it is run here.
    pub(in crate::dashboard) run: Option<Arc<Run>>,
    pub(in crate::dashboard) tone: Tone,
    pub(in crate::dashboard) word: &'static str,
}

/// Whether traffic goes to an endpoint.
pub(in crate::dashboard) fn takes_traffic(endpoint: &EndpointStatus) -> bool {
    let is_cut = matches!(endpoint.breaker, Some(BreakerPhase::Open | BreakerPhase::Isolated));
    endpoint.healthy && !endpoint.ejected && !is_cut
}

pub(in crate::dashboard) fn standing(visit: &Visit, status: ServiceStatus) -> Standing {
    let run = visit.control.fleet.fleet().and_then(|fleet| fleet.show(&status.name).ok());
    let open = status.endpoints.iter().filter(|endpoint| takes_traffic(endpoint)).count();
    let (tone, word) = match (run.as_ref().map(|run| run.health), open, status.endpoints.len()) {
        (Some(Health::Stopped), ..) => (Tone::Plain, "Stopped"),
        (Some(Health::Degraded), ..) => (Tone::Bad, "Degraded"),
        (Some(Health::Progressing), ..) => (Tone::Moving, "Progressing"),
        (_, 0, _) => (Tone::Bad, "Down"),
        (_, open, all) if open < all => (Tone::Warn, "Degraded"),
        _ => (Tone::Good, "Healthy"),
    };
    Standing { name: status.name.to_string(), endpoints: status.endpoints, run, tone, word }
}

pub(super) fn table(visit: &Visit, known: &Known) -> Markup {
    if known.services.is_empty() {
        return empty(
            "No services are configured.",
            &html! { p { "Put one behind the gateway:" }
            (code("seaworthy up --upstream http://127.0.0.1:8000")) },
        );
    }
    let rows: Vec<_> = known.services.iter().map(|service| row(visit, known, service)).collect();
    let mut heads = vec![("Service", false), ("State", false)];
    if known.traffic.is_some() {
        heads.extend([("Traffic", true), ("", false), ("Failed", true), ("p50", true), ("p95", true)]);
    }
    if !known.budgets.is_empty() {
        heads.push(("Error budget left", false));
    }
    heads.extend([("Upstreams", true), ("Breakers", false), ("Replicas", true)]);
    widgets::table("Services", &heads, &rows)
}

fn row(visit: &Visit, known: &Known, service: &Standing) -> Markup {
    let name = text::inline(&service.name, 40);
    let link = format!("/dashboard/services/{}", text::segment(&service.name));
    let open = service.endpoints.iter().filter(|endpoint| takes_traffic(endpoint)).count();
    let lately = known.traffic.as_ref().map(|traffic| traffic.services.get(&service.name));
    let seconds = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), number::seconds);
    html! {
        tr {
            th scope="row" { @if visit.may_see("/dashboard/services/{name}") { a href=(link) { (name) } } @else { (name) } }
            td { (status(service.tone, service.word)) }
            @match lately {
                Some(Some(lately)) => {
                    td.n { (number::rate(lately.per_second())) }
                    td.spark-cell { (spark(&lately.rate)) }
                    td.n { (lately.requests.failed().map_or_else(|| NONE.to_owned(), number::part)) }
                    td.n { (seconds(lately.p50)) }
                    td.n { (seconds(lately.p95)) }
                }
                Some(None) => { td.n { (number::rate(0.0)) } td {} td.n { (NONE) } td.n { (NONE) } td.n { (NONE) } }
                None => {}
            }
            @if !known.budgets.is_empty() { td { (budget(&known.budgets, &service.name)) } }
            td.n { (open) " of " (service.endpoints.len()) }
            td { (breakers(&service.endpoints)) }
            td.n { @match &service.run { Some(run) => { (run.ready) " of " (run.replicas) } None => (NONE) } }
        }
    }
}

/// The objective of a service that is worst off.
fn budget(budgets: &[Budget], service: &str) -> Markup {
    let own = budgets.iter().filter(|budget| budget.service() == Some(service));
    let worst = own.filter_map(Budget::left).min_by(f64::total_cmp);
    html! {
        @match worst {
            Some(left) if left <= 0.0 => (status(Tone::Bad, "spent")),
            Some(left) => { span.with-bar { (bar(left, tone_of(left))) (number::part(left)) } }
            None => { span.muted { (NONE) } }
        }
    }
}

/// How a budget is with so much left.
pub(in crate::dashboard) fn tone_of(left: f64) -> Tone {
    match left {
        _ if left <= 0.0 => Tone::Bad,
        _ if left < 0.25 => Tone::Warn,
        _ => Tone::Good,
    }
}

fn breakers(endpoints: &[EndpointStatus]) -> Markup {
    let known: Vec<_> = endpoints.iter().filter_map(|endpoint| endpoint.breaker).collect();
    let open = known.iter().filter(|phase| !matches!(phase, BreakerPhase::Closed)).count();
    html! {
        @if known.is_empty() { span.muted { (NONE) } }
        @else if open == 0 { (status(Tone::Good, "closed")) }
        @else { (status(Tone::Warn, &format!("{open} not closed"))) }
    }
}
