//! Who did what.

use maud::{Markup, html};
use seaworthy_identity::audit::{Filter, Outcome, Recorded};
use seaworthy_identity::{Error, Identity};

use super::number;
use super::page::Asked;
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, choices, heading, notice, pager, section, status, table};
use crate::identity::problem;

const ROUTE: &str = "/dashboard/audit";
/// Entries on a page.
const PAGE: usize = 100;

pub(super) async fn main(visit: &Visit, asked: &Asked) -> Markup {
    let title = heading(&html! { "Audit log" }, &html! {});
    let identity = match visit.control.identity.open() {
        Ok(identity) => identity,
        Err(problem) => return html! { (title) div.card { (notice(&problem)) } },
    };
    let entries = entries(visit, &identity, asked).await.unwrap_or_else(|error| notice(&problem(error)));
    html! {
        (title)
        (section("entries", "Entries", &html! { span.muted { "newest first" } }, &entries))
        p.muted {
            "Each entry is chained to the one before it, and the chain is signed. To verify it: "
            code { "GET /api/v1/audit/verify" }
        }
    }
}

/// Which entries, and how an address says it.
struct Chosen {
    filter: Filter,
}

impl Chosen {
    fn of(asked: &Asked) -> Self {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let outcome = match asked.outcome.as_deref() {
            Some("success") => Some(Outcome::Success),
            Some("failure") => Some(Outcome::Failure),
            Some("denied") => Some(Outcome::Denied),
            _ => None,
        };
        let before = asked.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
        let (actor, action) = (text(&asked.actor), text(&asked.action));
        Self { filter: Filter { actor, action, outcome, before, ..Filter::default() } }
    }

    fn link(&self, outcome: Option<Outcome>, cursor: Option<u64>) -> String {
        let (actor, action) = (self.filter.actor.as_deref(), self.filter.action.as_deref());
        let cursor = cursor.map(|cursor| cursor.to_string());
        let outcome = outcome.map(Outcome::as_str);
        let said =
            [("actor", actor), ("action", action), ("outcome", outcome), ("cursor", cursor.as_deref())];
        text::link(ROUTE, &said)
    }

    fn choosing(&self) -> Markup {
        let one = |(name, outcome): (&str, Option<Outcome>)| {
            (name.to_owned(), self.link(outcome, None), self.filter.outcome == outcome)
        };
        let all = [
            ("all", None),
            ("success", Some(Outcome::Success)),
            ("failure", Some(Outcome::Failure)),
            ("denied", Some(Outcome::Denied)),
        ];
        let narrowed = [("by", &self.filter.actor), ("action", &self.filter.action)];
        html! {
            div.filters {
                (choices("Outcome", &all.map(one)))
                @for (name, value) in narrowed {
                    @if let Some(value) = value { span { (name) " " b { (text::inline(value, 60)) } } }
                }
                @if narrowed.iter().any(|(_, value)| value.is_some()) { a href=(ROUTE) { "all entries" } }
            }
        }
    }
}

async fn entries(visit: &Visit, identity: &Identity, asked: &Asked) -> Result<Markup, Error> {
    let chosen = Chosen::of(asked);
    let log = identity.audit();
    log.flush().await;
    let found = log.list(&chosen.filter, PAGE).await?;
    let outcome = chosen.filter.outcome;
    let next = found.last().filter(|_| found.len() == PAGE).map(|last| chosen.link(outcome, Some(last.seq)));
    let first = chosen.filter.before.map(|_| chosen.link(outcome, None));
    let rows: Vec<_> = found.iter().map(|entry| row(visit, entry)).collect();
    let heads = [
        ("No.", true),
        ("When", false),
        ("Who", false),
        ("Did", false),
        ("To", false),
        ("Outcome", false),
        ("From", false),
        ("Change", false),
    ];
    Ok(html! {
        (chosen.choosing())
        @if rows.is_empty() { p.muted { "There are no such entries." } }
        @else { (table("Audit log", &heads, &rows)) (pager(first.as_deref(), next.as_deref())) }
    })
}

fn row(visit: &Visit, entry: &Recorded) -> Markup {
    let tone = match entry.outcome() {
        Outcome::Success => Tone::Good,
        Outcome::Failure => Tone::Warn,
        Outcome::Denied => Tone::Bad,
    };
    let (by, did) = (
        text::link(ROUTE, &[("actor", Some(entry.actor()))]),
        text::link(ROUTE, &[("action", Some(entry.action()))]),
    );
    html! {
        tr {
            th.n scope="row" { (number::count(entry.seq)) }
            td { (text::at(entry.at)) div.muted { (text::ago(entry.at, visit.now)) } }
            td { a href=(by) { (text::inline(entry.actor_name(), 40)) } }
            td { a href=(did) { (text::inline(entry.action(), 40)) } }
            td { (text::inline(entry.resource(), 60)) }
            td {
                (status(tone, entry.outcome().as_str()))
                @if let Some(reason) = entry.reason() { div.muted { (text::inline(reason, 80)) } }
                @if entry.count() > 1 { div.muted { (number::count(entry.count())) " times" } }
            }
            td { (text::inline(entry.client().unwrap_or("–"), 45)) }
            td { (change(entry)) }
        }
    }
}

/// What was there before and after, for whoever wants to see it.
fn change(entry: &Recorded) -> Markup {
    if entry.before().is_none() && entry.after().is_none() {
        return Markup::default();
    }
    html! {
        details id={ "change-" (entry.seq) } {
            summary { "Show" span.vh { " the change of entry " (entry.seq) } }
            @for (name, value) in [("Before", entry.before()), ("After", entry.after())] {
                @if let Some(value) = value {
                    pre.json tabindex="0" aria-label=(name) { (text::head(&super::jobs::pretty(value), 2_000)) }
                }
            }
        }
    }
}
