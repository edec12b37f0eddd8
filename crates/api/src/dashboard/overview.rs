//! How everything stands: what somebody sees who looks up at the wall.

mod attention;
mod services;

use maud::{Markup, html};
use seaworthy_alerts::AlertView;
use seaworthy_alerts::labels::Matchers;
use seaworthy_jobs::QueueStatus;

use super::budget::{self, Budget};
use super::chart::spark;
use super::number::{self, NONE};
use super::page::Asked;
use super::traffic::{self, Lately};
use super::visit::Visit;
use super::widgets::{Tile, Tone, code, empty, heading, section};
pub(super) use services::{Standing, standing, tone_of};

/// Most alerts that are looked at.
const ALERTS: usize = 100;

/// What is known of everything.
struct Known {
    services: Vec<Standing>,
    traffic: Option<traffic::Overview>,
    queues: Option<Vec<QueueStatus>>,
    budgets: Vec<Budget>,
    alerts: Option<Vec<AlertView>>,
}

pub(super) async fn main(visit: &Visit, _: &Asked) -> Markup {
    let known = look(visit).await;
    html! {
        (heading(&html! { "Overview" }, &html! {}))
        (tiles(visit, &known))
        (attention::list(visit, &known))
        (section("services", "Services", &html! { @if known.traffic.is_some() { span.muted { "rates of the last 5 min, lines of the last hour" } } },
            &services::table(visit, &known)))
        @if visit.control.insight.history.is_none() { (no_history(visit)) }
    }
}

async fn look(visit: &Visit) -> Known {
    let control = &visit.control;
    let now = visit.now;
    let traffic = match &control.insight.history {
        Some(history) => traffic::ask(history, move |history| traffic::overview(history, now)).await,
        None => None,
    };
    let queues = match control.jobs.open() {
        Ok(open) if visit.may_see("/dashboard/jobs") => open.jobs.queues().await.ok(),
        _ => None,
    };
    let alerts = match &control.insight.alerts {
        Some(alerts) if visit.may_see("/dashboard/alerts") => Some(alerts.list(&Matchers::default(), ALERTS)),
        _ => None,
    };
    Known {
        services: control.gateway.services().into_iter().map(|status| standing(visit, status)).collect(),
        traffic,
        queues,
        budgets: budget::all(visit, None).await,
        alerts,
    }
}

fn tiles(visit: &Visit, known: &Known) -> Markup {
    let up = known.services.iter().filter(|service| service.tone < Tone::Warn).count();
    let all = known.services.len();
    let mut tiles = vec![Tile {
        name: "Healthy services",
        value: format!("{up} of {all}"),
        tone: known.services.iter().map(|service| service.tone).max().unwrap_or(Tone::Plain),
        note: String::new(),
        spark: Markup::default(),
        link: None,
    }];
    if let Some(traffic) = &known.traffic {
        tiles.extend(of_traffic(&traffic.all));
    }
    tiles.extend(known.alerts.as_deref().map(of_alerts));
    if let Some(queues) = &known.queues {
        tiles.extend(of_queues(visit, queues));
    }
    html! { ul.tiles { @for tile in &tiles { (tile.render()) } } }
}

fn of_traffic(all: &Lately) -> [Tile; 3] {
    let failed = all.requests.failed();
    let tone = match failed {
        Some(share) if share >= 0.05 => Tone::Bad,
        Some(share) if share >= 0.01 => Tone::Warn,
        _ => Tone::Plain,
    };
    let tile = |name, value, tone, note, spark| Tile { name, value, tone, note, spark, link: None };
    [
        tile(
            "Traffic",
            number::rate(all.per_second()),
            Tone::Plain,
            "of the last 5 min".into(),
            spark(&all.rate),
        ),
        tile(
            "Failed (5xx)",
            failed.map_or_else(|| NONE.to_owned(), number::part),
            tone,
            format!("{} requests", number::si(all.requests.0[3].round(), "")),
            spark(&all.errors),
        ),
        tile(
            "Slow end (p95)",
            all.p95.map_or_else(|| NONE.to_owned(), number::seconds),
            Tone::Plain,
            all.p50.map(|p50| format!("half within {}", number::seconds(p50))).unwrap_or_default(),
            spark(&all.slow),
        ),
    ]
}

fn of_alerts(alerts: &[AlertView]) -> Tile {
    let (told, held): (Vec<_>, Vec<_>) = alerts
        .iter()
        .filter(|view| view.alert.is_firing())
        .partition(|view| view.held.is_none() && view.alert.acknowledged.is_none());
    Tile {
        name: "Alerts",
        value: number::count(told.len() as u64),
        tone: if told.is_empty() { Tone::Good } else { Tone::Bad },
        note: if held.is_empty() {
            "firing".to_owned()
        } else {
            format!("firing, and {} looked after", held.len())
        },
        spark: Markup::default(),
        link: Some("/dashboard/alerts"),
    }
}

fn of_queues(visit: &Visit, queues: &[QueueStatus]) -> Vec<Tile> {
    let sum = |states: &[&str]| -> u64 {
        queues.iter().flat_map(|queue| states.iter().filter_map(|state| queue.depth.get(*state))).sum()
    };
    let (waiting, running, dead) =
        (sum(&["available", "scheduled", "retryable", "pending"]), sum(&["running"]), sum(&["discarded"]));
    let mut tiles = vec![Tile {
        name: "Jobs waiting",
        value: number::count(waiting),
        tone: Tone::Plain,
        note: format!("{} running", number::count(running)),
        spark: Markup::default(),
        link: Some("/dashboard/jobs"),
    }];
    if visit.may_see("/dashboard/dead-letters") {
        tiles.push(Tile {
            name: "Dead letters",
            value: number::count(dead),
            tone: if dead > 0 { Tone::Warn } else { Tone::Good },
            note: if dead > 0 { "failed for good".to_owned() } else { "none".to_owned() },
            spark: Markup::default(),
            link: Some("/dashboard/dead-letters"),
        });
    }
    tiles
}

fn no_history(visit: &Visit) -> Markup {
    let scrape = format!("curl -H \"Authorization: Bearer $(cat seaworthy.token)\" {}/metrics", visit.here());
    section(
        "history",
        "Traffic over time",
        &html! {},
        &empty(
            "The history of metrics is switched off.",
            &html! {
                p { "Request rates, latencies and error budgets stand here where the configuration does not say "
                    code { "history = false" } ". What they are now can be scraped:" }
                (code(&scrape))
            },
        ),
    )
}
