//! What somebody should look at, the worst first.

use maud::{Markup, html};
use seaworthy_alerts::AlertView;
use seaworthy_alerts::rule::Severity;
use seaworthy_gateway::status::BreakerPhase;
use seaworthy_supervisor::replica::Phase;

use super::Known;
use super::services::Standing;
use crate::dashboard::budget::Budget;
use crate::dashboard::number;
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, section, status};

/// Most lines.
const MOST: usize = 12;

struct Line {
    tone: Tone,
    word: &'static str,
    what: String,
    link: String,
}

pub(super) fn list(visit: &Visit, known: &Known) -> Markup {
    let mut lines: Vec<Line> = known.services.iter().flat_map(of_service).collect();
    lines.extend(of_alerts(known));
    lines.extend(of_budgets(known));
    if visit.may_see("/dashboard/dead-letters") {
        lines.extend(of_queues(known));
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.tone));
    let more = lines.len().saturating_sub(MOST);
    let content = html! {
        @if lines.is_empty() {
            p.all-well { (status(Tone::Good, "Nothing needs anybody’s attention.")) }
        } @else {
            ul.attention {
                @for line in lines.iter().take(MOST) {
                    li { (status(line.tone, line.word)) a href=(line.link) { (text::inline(&line.what, 160)) } }
                }
                @if more > 0 { li.muted { "and " (more) " more" } }
            }
        }
    };
    section("attention", "Needs attention", &html! {}, &content)
}

fn of_service(service: &Standing) -> Vec<Line> {
    let link = format!("/dashboard/services/{}", text::segment(&service.name));
    let name = &service.name;
    let line = |tone, word, what| Line { tone, word, what, link: link.clone() };
    let mut lines = Vec::new();
    let closed =
        service.endpoints.iter().filter(|endpoint| !super::services::takes_traffic(endpoint)).count();
    if closed > 0 && closed == service.endpoints.len() {
        lines.push(line(Tone::Bad, "Down", format!("{name}: no upstream takes traffic")));
    }
    for endpoint in &service.endpoints {
        let what = match endpoint.breaker {
            Some(BreakerPhase::Open) => "its circuit breaker is open",
            Some(BreakerPhase::HalfOpen) => "its circuit breaker is trying again",
            Some(BreakerPhase::Isolated) => "its circuit breaker was opened by order",
            _ if !endpoint.healthy => "its health checks fail",
            _ if endpoint.ejected => "it is left out for failing",
            _ => continue,
        };
        lines.push(line(Tone::Warn, "Upstream", format!("{name}, {}: {what}", endpoint.url)));
    }
    let Some(run) = &service.run else { return lines };
    if let seaworthy_supervisor::rollout::Status::Failed(why) = &run.rollout {
        lines.push(line(Tone::Bad, "Rollout", format!("{name}: {why}")));
    }
    for replica in run
        .instances
        .iter()
        .filter(|replica| matches!(replica.phase, Phase::CrashLoopBackOff | Phase::Failed))
    {
        let why = replica.last_exit.as_deref().or(replica.message.as_deref()).unwrap_or("it keeps ending");
        lines.push(line(Tone::Bad, "Replica", format!("{}: {why}", replica.name)));
    }
    lines
}

fn of_alerts(known: &Known) -> Vec<Line> {
    let told = |view: &&AlertView| {
        view.alert.is_firing() && view.held.is_none() && view.alert.acknowledged.is_none()
    };
    let line = |view: &AlertView| Line {
        tone: if view.alert.severity() == Severity::Critical { Tone::Bad } else { Tone::Warn },
        word: "Alert",
        what: view
            .alert
            .annotations
            .get("summary")
            .map_or_else(|| view.alert.name().to_owned(), String::clone),
        link: "/dashboard/alerts".to_owned(),
    };
    known.alerts.iter().flatten().filter(told).map(line).collect()
}

fn of_budgets(known: &Known) -> Vec<Line> {
    let spent =
        known.budgets.iter().filter_map(|budget| Some((budget, budget.left().filter(|left| *left < 0.25)?)));
    let line = |(budget, left): (&Budget, f64)| {
        let (name, window) = (budget.name(), number::length(budget.window()));
        Line {
            tone: if left <= 0.0 { Tone::Bad } else { Tone::Warn },
            word: "Error budget",
            what: match left <= 0.0 {
                true => format!("{name}: nothing is left of {window}"),
                false => format!("{name}: {} is left of {window}", number::part(left)),
            },
            link: budget.service().map_or_else(
                || "/dashboard".to_owned(),
                |service| format!("/dashboard/services/{}", text::segment(service)),
            ),
        }
    };
    spent.map(line).collect()
}

fn of_queues(known: &Known) -> Vec<Line> {
    let mut lines = Vec::new();
    for queue in known.queues.iter().flatten() {
        let link = |path: &str| text::link(path, &[("queue", Some(&queue.name))]);
        let dead = queue.depth.get("discarded").copied().unwrap_or_default();
        if dead > 0 {
            let letters = if dead == 1 { "dead letter" } else { "dead letters" };
            lines.push(Line {
                tone: Tone::Warn,
                word: "Jobs",
                what: format!("queue {}: {} {letters}", queue.name, number::count(dead)),
                link: link("/dashboard/dead-letters"),
            });
        }
        if queue.limits.paused {
            lines.push(Line {
                tone: Tone::Plain,
                word: "Paused",
                what: format!("queue {}: nothing of it is begun", queue.name),
                link: link("/dashboard/jobs"),
            });
        }
    }
    lines
}
