//! A service's charts.

use maud::{Markup, html};

use crate::dashboard::budget::{self, Budget};
use crate::dashboard::chart::{Caption, Line, Scale, bars, heat, lines};
use crate::dashboard::number::{self, NONE};
use crate::dashboard::overview;
use crate::dashboard::text;
use crate::dashboard::traffic::{self, Detail, Range};
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, bar, code, empty, section, status, table};

/// Traffic, latency and how latencies are spread.
pub(super) async fn all(visit: &Visit, service: &str, range: Range) -> Markup {
    let Some(history) = &visit.control.insight.history else {
        return section(
            "traffic",
            "Traffic",
            &html! {},
            &empty(
                "The history of metrics is switched off.",
                &html! { p { "Charts of traffic and latency stand here where the configuration does not say " code { "history = false" } "." } },
            ),
        );
    };
    let (name, now) = (service.to_owned(), visit.now);
    let detail = traffic::ask(history, move |history| traffic::detail(history, &name, range, now)).await;
    match detail {
        Some(detail) if detail.classes.iter().any(|(_, classes)| classes.total() > 0.0) => html! {
            div.charts { (traffic_chart(visit, range, &detail)) (latency_chart(visit, range, &detail)) }
            (heat_chart(visit, range, &detail))
        },
        Some(_) => section(
            "traffic",
            "Traffic",
            &html! {},
            &empty(
                &format!("There were no requests in the last {}.", range.name),
                &html! { p { "Send one through the gateway, and it is drawn within a minute:" }
                (code("curl -i http://127.0.0.1:8080/")) },
            ),
        ),
        None => section(
            "traffic",
            "Traffic",
            &html! {},
            &html! { p.notice { "The history of metrics cannot be read now." } },
        ),
    }
}

fn traffic_chart(visit: &Visit, range: Range, detail: &Detail) -> Markup {
    let most = detail.classes.iter().map(|(_, classes)| classes.total()).fold(0.0, f64::max);
    let caption = Caption {
        id: "traffic",
        title: "Requests by status",
        told: format!(
            "Requests per second over the last {}, as bars. At most {}, now {}; {} of them failed.",
            range.name,
            number::rate(most),
            number::rate(detail.lately.per_second()),
            detail.lately.requests.failed().map_or_else(|| "none".to_owned(), number::part)
        ),
        now: number::rate(detail.lately.per_second()),
    };
    html! { div.card { (bars(&caption, range, visit.now, &detail.classes)) } }
}

fn latency_chart(visit: &Visit, range: Range, detail: &Detail) -> Markup {
    let now = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), number::seconds);
    let caption = Caption {
        id: "latency",
        title: "Latency",
        told: format!(
            "Lines of p50, p95 and p99 over the last {}. Now half of the requests take up to {}, and 95 of 100 up to {}.",
            range.name,
            now(detail.lately.p50),
            now(detail.lately.p95)
        ),
        now: format!("p95 {}", now(detail.lately.p95)),
    };
    let [p50, p95, p99] = &detail.quantiles;
    let all = [
        Line { class: "p50", name: "p50", points: p50 },
        Line { class: "p95", name: "p95", points: p95 },
        Line { class: "p99", name: "p99", points: p99 },
    ];
    let scale = Scale { unit: number::seconds, least: 0.0 };
    html! { div.card { (lines(&caption, range.times(visit.now), range.step, scale, &all)) } }
}

fn heat_chart(visit: &Visit, range: Range, detail: &Detail) -> Markup {
    let caption = Caption {
        id: "heat",
        title: "How long requests took",
        told: format!(
            "A map of the last {}: time runs to the right, latency upwards; the darker a cell, the more requests took so \
             long at that time.",
            range.name
        ),
        now: format!("{} per step of {}", "requests", number::length(range.step)),
    };
    html! { div.card.wide { (heat(&caption, range, visit.now, &detail.heat)) } }
}

/// How the service's objectives stand.
pub(super) async fn budgets(visit: &Visit, service: &str) -> Markup {
    if visit.control.insight.alerts.is_none() {
        return Markup::default();
    }
    let budgets = budget::all(visit, Some(service)).await;
    if budgets.is_empty() {
        return section(
            "budgets",
            "Error budgets",
            &html! {},
            &empty(
                "No objective is set for this service.",
                &html! { p { "How much may fail, and how much of that is left, stands here once there is one:" }
                (code("[objective.availability]\nservice = \"…\"\ntarget = 99.9")) },
            ),
        );
    }
    let rows: Vec<_> = budgets.iter().take(20).map(row).collect();
    let heads = [
        ("Objective", false),
        ("Promised", true),
        ("Kept", true),
        ("Budget left", false),
        ("Burn rate", true),
        ("Lasts", true),
    ];
    let mut charts = Vec::new();
    for (at, budget) in budgets.iter().take(2).enumerate() {
        charts.push(burn_down(visit, at, budget, &budget::course(visit, budget).await));
    }
    html! {
        (section("budgets", "Error budgets", &html! {}, &table("Error budgets", &heads, &rows)))
        @if charts.iter().any(|chart| !chart.0.is_empty()) { div.charts { @for chart in &charts { (chart) } } }
    }
}

fn row(budget: &Budget) -> Markup {
    html! {
        tr {
            th scope="row" { (text::inline(budget.name(), 40)) " " span.muted { (budget.measured.objective.indicator.word()) } }
            td.n { (number::share(budget.status.target)) " of " (number::length(budget.window())) }
            td.n { (budget.status.good.map_or_else(|| NONE.to_owned(), number::share)) }
            td { @match budget.left() {
                Some(left) if left <= 0.0 => (status(Tone::Bad, "spent")),
                Some(left) => { span.with-bar { (bar(left, overview::tone_of(left))) (number::part(left)) } }
                None => (NONE),
            } }
            td.n { (budget.burn().map_or_else(|| NONE.to_owned(), |burn| number::si(burn, "×"))) }
            td.n { (budget.status.exhausted_in.map_or_else(|| "its whole window".to_owned(), number::length)) }
        }
    }
}

fn burn_down(visit: &Visit, at: usize, budget: &Budget, course: &traffic::Points) -> Markup {
    // one point is told by the table above
    let [_, .., (_, last)] = course[..] else { return Markup::default() };
    let id = format!("burn-{at}");
    let left = number::part(last.max(0.0));
    let caption = Caption {
        id: &id,
        title: "Budget left",
        told: format!("What was left of the error budget of {}, as a line; {left} now.", budget.name()),
        now: format!("{} · {left}", text::middle_cut(budget.name(), 30)),
    };
    let points: traffic::Points = course.iter().map(|(time, left)| (*time, left.max(0.0))).collect();
    let (step, from) = (budget.window() / budget::POINTS, visit.now - budget.window());
    let all = [Line { class: "p50", name: "left", points: &points }];
    let scale = Scale { unit: number::part, least: 1.0 };
    html! { div.card { (lines(&caption, (from, visit.now), step, scale, &all)) } }
}
