//! What is wrong now, who is at it, and what nobody is told of.

mod silences;

use maud::{Markup, html};
use seaworthy_alerts::engine::RuleStatus;
use seaworthy_alerts::labels::Matchers;
use seaworthy_alerts::rule::Severity;
use seaworthy_alerts::{AlertView, Alerts};
use seaworthy_store::Timestamp;
use serde_json::json;

use super::number::{self, NONE};
use super::order::Order;
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, code, empty, heading, section, status, table};

/// Most alerts and rules that are shown.
const MOST: usize = 200;
/// Most that are over.
const OVER: usize = 50;
/// Most labels of an alert.
const LABELS: usize = 12;

pub(super) async fn main(visit: &Visit) -> Markup {
    let title = heading(&html! { "Alerts" }, &html! {});
    let Some(alerts) = &visit.control.insight.alerts else { return html! { (title) (off()) } };
    let all = alerts.list(&Matchers::default(), MOST);
    let (mut firing, over): (Vec<_>, Vec<_>) = all.iter().partition(|view| view.alert.is_firing());
    firing.sort_by_key(|view| std::cmp::Reverse(view.alert.severity()));
    html! {
        (title)
        (section("firing", "Firing", &html! {}, &now(visit, &firing)))
        (silences::all(visit, alerts))
        (rules(visit, alerts))
        @if !over.is_empty() { (section("over", "Over", &html! {}, &past(&over))) }
    }
}

fn off() -> Markup {
    let how = html! {
        p { "What is wrong stands here, to be acknowledged and silenced, once rules are looked at. The built-in ones tell of \
             failing and slow services and of dead letters; what is promised to users stands in the configuration:" }
        (code("[objective.shop]\nservice = \"shop\"\ntarget = 99.9"))
    };
    section("off", "Alerts", &html! {}, &empty("Nothing watches over the metrics yet.", &how))
}

fn severity(severity: Severity) -> Markup {
    let tone = match severity {
        Severity::Critical => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Info => Tone::Plain,
    };
    status(tone, severity.word())
}

fn now(visit: &Visit, firing: &[&AlertView]) -> Markup {
    if firing.is_empty() {
        return html! { p.all-well { (status(Tone::Good, "Nothing is wrong.")) } };
    }
    let rows: Vec<_> = firing.iter().map(|view| row(visit, view)).collect();
    let heads = [
        ("Alert", false),
        ("Severity", false),
        ("Since", false),
        ("Value", true),
        ("Told", false),
        ("", false),
    ];
    table("Firing alerts", &heads, &rows)
}

fn row(visit: &Visit, view: &AlertView) -> Markup {
    let alert = &view.alert;
    // a sender of alerts may write anything there
    let is_web = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
    let runbook = alert.annotations.get("runbook_url").filter(is_web);
    html! {
        tr {
            th.wide scope="row" {
                (text::inline(alert.name(), 60))
                @if let Some(summary) = alert.annotations.get("summary") { div { (text::inline(summary, 200)) } }
                div.muted { (labels(view)) }
                @if let Some(runbook) = runbook {
                    a href=(runbook) rel="noopener noreferrer" {
                        "What to do" span.vh { " about " (text::middle_cut(alert.name(), 60)) }
                    }
                }
            }
            td { (severity(alert.severity())) }
            td {
                (text::ago(alert.starts_at, visit.now))
                @match alert.reopened {
                    0 => {}
                    1 => div.muted { "came back once" },
                    times => div.muted { "came back " (times) " times" },
                }
            }
            td.n { (alert.value.map_or_else(|| NONE.to_owned(), |value| number::si(value, ""))) }
            td { (told(visit, view)) }
            td.acts { (orders(visit, view)) }
        }
    }
}

/// Who is told of it, or why nobody is.
fn told(visit: &Visit, view: &AlertView) -> Markup {
    let at = Timestamp::from(visit.now);
    html! {
        @match (view.held, &view.alert.acknowledged) {
            (Some(held), _) => (status(Tone::Plain, held)),
            (None, Some(mark)) => {
                (status(Tone::Moving, "acknowledged"))
                div.muted { "by " (text::inline(&mark.by, 40)) " " (text::ago(mark.at, visit.now)) }
            }
            (None, None) => {
                (status(Tone::Warn, "told"))
                div.muted { "to " (text::inline(&view.receivers.join(", "), 60)) }
            }
        }
        @if let Some(snooze) = view.alert.snoozed.as_ref().filter(|snooze| at < snooze.until) {
            div.muted { "until " (text::at(snooze.until)) }
        }
    }
}

fn labels(view: &AlertView) -> Markup {
    let own = |name: &str| matches!(name, "alertname" | "severity");
    let shown = view.alert.labels.iter().filter(|(name, _)| !own(name));
    html! {
        @for (name, value) in shown.take(LABELS) {
            span.label { (text::inline(name, 40)) "=" (text::inline(value, 60)) } " "
        }
    }
}

fn orders(visit: &Visit, view: &AlertView) -> Markup {
    let alert = &view.alert;
    let order = |route, word: &str, label, done: &str| {
        Order {
            method: "POST",
            route,
            path: format!("/api/v1/alerts/{}/{word}", text::segment(&alert.id)),
            body: Some(json!({})),
            label,
            of: alert.name(),
            confirm: None,
            done: done.to_owned(),
            danger: false,
        }
        .button(visit)
    };
    let (take, give, end) = (
        "/api/v1/alerts/{id}/acknowledge",
        "/api/v1/alerts/{id}/unacknowledge",
        "/api/v1/alerts/{id}/resolve",
    );
    html! {
        @if alert.acknowledged.is_none() {
            (order(take, "acknowledge", "Acknowledge", "The alert is yours: nobody else is told of it."))
        } @else {
            (order(give, "unacknowledge", "Give back", "The alert is told of again."))
        }
        (order(end, "resolve", "Resolve", "The alert is over; if it is still wrong, it comes back."))
    }
}

fn rules(visit: &Visit, alerts: &Alerts) -> Markup {
    let mut all = alerts.rules();
    let worst = |rule: &RuleStatus| (rule.error.is_none(), std::cmp::Reverse((rule.firing, rule.pending)));
    all.sort_by_key(worst);
    let rows: Vec<_> = all.iter().take(MOST).map(|rule| of_rule(visit, rule)).collect();
    if rows.is_empty() {
        return Markup::default();
    }
    let heads =
        [("Rule", false), ("State", false), ("Firing", true), ("Pending", true), ("Looked at", false)];
    section("rules", "Rules", &html! { span.muted { (all.len()) " in all" } }, &table("Rules", &heads, &rows))
}

fn of_rule(visit: &Visit, rule: &RuleStatus) -> Markup {
    html! {
        tr {
            th scope="row" { (text::inline(&rule.name, 60)) }
            td {
                @if let Some(error) = &rule.error {
                    (status(Tone::Bad, "cannot be looked up")) div.muted { (text::inline(error, 160)) }
                }
                @else if rule.overflow > 0 { (status(Tone::Warn, "too many series")) }
                @else if rule.firing > 0 { (status(Tone::Warn, "firing")) }
                @else if rule.pending > 0 { (status(Tone::Moving, "pending")) }
                @else { (status(Tone::Good, "quiet")) }
            }
            td.n { (number::count(rule.firing as u64)) }
            td.n { (number::count(rule.pending as u64)) }
            td { @match rule.evaluated_at { Some(at) => (text::ago(at, visit.now)), None => (NONE) } }
        }
    }
}

fn past(over: &[&AlertView]) -> Markup {
    let row = |view: &&AlertView| {
        html! {
            tr {
                th scope="row" { (text::inline(view.alert.name(), 60)) div.muted { (labels(view)) } }
                td { (severity(view.alert.severity())) }
                td { (text::at(view.alert.starts_at)) }
                td { @if let Some(end) = view.alert.ends_at { (text::at(end)) } }
                td { @match &view.alert.resolved_by { Some(by) => { "by " (text::inline(by, 40)) } None => "by itself" } }
            }
        }
    };
    let rows: Vec<_> = over.iter().take(OVER).map(row).collect();
    let heads = [("Alert", false), ("Severity", false), ("Began", false), ("Ended", false), ("How", false)];
    table("Alerts that are over", &heads, &rows)
}
