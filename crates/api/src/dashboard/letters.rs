//! Dead letters: what jobs died of, and their way back.

mod groups;
mod one;
mod redrives;

use maud::{Markup, html};
use seaworthy_jobs::Job;
use seaworthy_jobs::dead::{DeadFilter, DeadLetters, Parked};
use serde_json::{Value, json};

use super::jobs::happened;
use super::order::Order;
use super::page::Asked;
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, choices, heading, notice, pager, section, status, table};
use crate::Problem;
use crate::jobs::problem;
pub(super) use one::one;

const ROUTE: &str = "/dashboard/dead-letters";
/// Letters on a page.
const PAGE: usize = 50;

/// Which letters somebody looks at, as an address and as an order say it.
struct Chosen {
    filter: DeadFilter,
    before: Option<i64>,
}

impl Chosen {
    fn of(asked: &Asked) -> Self {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let parked = match asked.parked.as_deref() {
            Some("only") => Parked::Only,
            Some("include") => Parked::Include,
            _ => Parked::Exclude,
        };
        let (queue, kind, signature) = (text(&asked.queue), text(&asked.kind), text(&asked.signature));
        let filter = DeadFilter { queue, kind, signature, parked, ..DeadFilter::default() };
        Self { filter, before: asked.cursor.as_deref().and_then(|cursor| cursor.parse().ok()) }
    }

    fn parked(&self) -> Option<&'static str> {
        match self.filter.parked {
            Parked::Exclude => None,
            Parked::Only => Some("only"),
            Parked::Include => Some("include"),
        }
    }

    /// What it says of letters, by the API's names.
    fn said<'a>(&'a self, signature: Option<&'a str>) -> [(&'static str, Option<&'a str>); 3] {
        let filter = &self.filter;
        let signature = signature.or(filter.signature.as_deref());
        [("queue", filter.queue.as_deref()), ("kind", filter.kind.as_deref()), ("signature", signature)]
    }

    fn link(&self, signature: Option<&str>, parked: Option<&str>, cursor: Option<i64>) -> String {
        let cursor = cursor.map(|cursor| cursor.to_string());
        let [queue, kind, signature] = self.said(signature);
        text::link(ROUTE, &[queue, kind, signature, ("parked", parked), ("cursor", cursor.as_deref())])
    }

    /// As a filter of the API, for letters of one signature or of all.
    fn json(&self, signature: Option<&str>) -> Value {
        let given = self.said(signature).into_iter().chain([("parked", self.parked())]);
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
        Value::Object(given.collect())
    }

    fn choosing(&self) -> Markup {
        let one = |name: &str, parked: Option<&str>| {
            (name.to_owned(), self.link(None, parked, None), self.parked() == parked)
        };
        let parked = [one("at hand", None), one("parked", Some("only")), one("both", Some("include"))];
        html! {
            div.filters {
                (choices("Which letters", &parked))
                @for (name, value) in self.said(None) {
                    @if let Some(value) = value { span { (name) " " b { (text::inline(value, 60)) } } }
                }
                @if self.said(None).iter().any(|(_, value)| value.is_some()) { a href=(ROUTE) { "all letters" } }
            }
        }
    }
}

pub(super) async fn list(visit: &Visit, asked: &Asked) -> Result<Markup, Problem> {
    let title = heading(&html! { "Dead letters" }, &html! {});
    let dead = match visit.control.jobs.open() {
        Ok(open) => open.dead,
        Err(problem) => return Ok(html! { (title) div.card { (notice(&problem)) } }),
    };
    let chosen = Chosen::of(asked);
    let (groups, letters, redrives) = tokio::join!(
        groups::all(visit, &dead, &chosen),
        letters(visit, &dead, &chosen),
        redrives::all(visit, &dead, &chosen)
    );
    let or_why = |part: Result<Markup, Problem>| part.unwrap_or_else(|problem| notice(&problem));
    let (most, newest) = (html! { span.muted { "the most first" } }, html! { span.muted { "newest first" } });
    Ok(html! {
        (title)
        (chosen.choosing())
        (section("groups", "By what they died of", &most, &or_why(groups)))
        (section("letters", "Letters", &newest, &or_why(letters)))
        (or_why(redrives))
    })
}

async fn letters(visit: &Visit, dead: &DeadLetters, chosen: &Chosen) -> Result<Markup, Problem> {
    let found = dead.list(&chosen.filter, chosen.before, PAGE).await.map_err(problem)?;
    if found.is_empty() {
        return Ok(html! { p.muted { "None." } });
    }
    let next = found.last().filter(|_| found.len() == PAGE);
    let next = next.map(|last| chosen.link(None, chosen.parked(), Some(last.id)));
    let first = chosen.before.map(|_| chosen.link(None, chosen.parked(), None));
    let rows: Vec<_> = found.iter().map(|job| letter(visit, job)).collect();
    let heads =
        [("Job", true), ("Kind", false), ("Queue", false), ("Died", false), ("Of", false), ("", false)];
    Ok(html! { (table("Dead letters", &heads, &rows)) (pager(first.as_deref(), next.as_deref())) })
}

fn letter(visit: &Visit, job: &Job) -> Markup {
    html! {
        tr {
            th.n scope="row" { a href={ (ROUTE) "/" (job.id) } { (job.id) } }
            td { (text::inline(&job.kind, 30)) }
            td { (text::inline(&job.queue, 30)) }
            td { @if let Some(at) = job.finished_at { (text::ago(at, visit.now)) } }
            td.wide {
                (happened(job))
                @if let Some(why) = &job.parked { div { (status(Tone::Plain, "parked")) " " (text::inline(why, 80)) } }
            }
            td.acts { (replay(visit, job)) }
        }
    }
}

/// Brings one back.
fn replay(visit: &Visit, job: &Job) -> Markup {
    let ask = |_| format!("Dead letter {} is parked. Bring it back all the same?", job.id);
    Order {
        method: "POST",
        route: "/api/v1/dead-letters/{id}/replay",
        path: format!("/api/v1/dead-letters/{}/replay", job.id),
        body: job.parked.is_some().then(|| json!({ "force": true })),
        label: "Replay",
        of: &format!("dead letter {}", job.id),
        confirm: job.parked.as_ref().map(ask),
        done: format!("Job {} may run again.", job.id),
        danger: false,
    }
    .button(visit)
}
