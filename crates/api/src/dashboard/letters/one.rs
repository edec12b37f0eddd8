//! One dead letter: understood, mended, brought back.

use maud::{Markup, html};
use seaworthy_jobs::dead::Edit;
use seaworthy_jobs::{Error, Job};

use super::{ROUTE, replay};
use crate::Problem;
use crate::dashboard::jobs::{facts, past, pretty, said};
use crate::dashboard::order::{Form, Order};
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, heading, section, status};
use crate::jobs::problem;
use crate::request;

/// The longest arguments that can be changed on a page, in bytes; the command line changes longer ones.
const LONGEST: usize = 64 << 10;
/// Most changes that are told.
const EDITS: usize = 20;

pub(in crate::dashboard) async fn one(visit: &Visit, id: &str) -> Result<Markup, Problem> {
    let number = request::id(id)?;
    let letter = match visit.control.jobs.open()?.dead.inspect(number).await {
        // it is on its way again: what becomes of it is told as of any other job
        Err(Error::State { .. }) => return super::super::jobs::one(visit, id).await,
        found => found.map_err(problem)?,
    };
    let job = &letter.job;
    let beside = html! {
        (status(Tone::Bad, "dead letter"))
        @if job.parked.is_some() { (status(Tone::Plain, "parked")) }
    };
    let orders = html! { (replay(visit, job)) (unpark(visit, job)) };
    Ok(html! {
        p.path { a href=(ROUTE) { "Dead letters" } }
        (heading(&html! { "Job " (number) }, &beside))
        (section("facts", "What it is", &orders, &facts(visit, job)))
        (arguments(visit, job))
        (park(visit, job))
        (past(visit, &letter.attempts))
        (said(&letter.logs))
        (edits(visit, &letter.edits))
    })
}

fn arguments(visit: &Visit, job: &Job) -> Markup {
    let readable = pretty(&job.payload);
    let can_edit = visit.may("PUT", "/api/v1/dead-letters/{id}/payload") && readable.len() <= LONGEST;
    let rows = readable.lines().count().clamp(4, 24);
    let fields = html! {
        input type="hidden" name="editor" value=(visit.actor.principal.name);
        label.vh for="payload-text" { "Arguments, as JSON" }
        textarea.json #payload-text name="payload" data-type="json" rows=(rows) spellcheck="false"
            aria-describedby="payload-hint" { "\n" (readable) }
        p.muted #payload-hint { "What it was before is kept, with your name." }
        button type="submit" { "Change arguments" }
    };
    let form = Form {
        method: "PUT",
        route: "/api/v1/dead-letters/{id}/payload",
        path: format!("/api/v1/dead-letters/{}/payload", job.id),
        confirm: None,
        done: "The arguments are changed. Replay the letter to try them.",
        then: None,
    };
    let content = html! {
        @if can_edit { (form.around(visit, &fields)) }
        @else { pre.json tabindex="0" aria-label="Arguments" { (text::head(&readable, LONGEST)) } }
    };
    section("payload", "Arguments", &html! {}, &content)
}

fn unpark(visit: &Visit, job: &Job) -> Markup {
    if job.parked.is_none() {
        return Markup::default();
    }
    Order {
        method: "POST",
        route: "/api/v1/dead-letters/{id}/unpark",
        path: format!("/api/v1/dead-letters/{}/unpark", job.id),
        body: None,
        label: "Unpark",
        of: &format!("dead letter {}", job.id),
        confirm: None,
        done: "It is among the others again.".to_owned(),
        danger: false,
    }
    .button(visit)
}

fn park(visit: &Visit, job: &Job) -> Markup {
    if let Some(why) = &job.parked {
        return section("park", "Parked", &html! {}, &html! { p { (text::inline(why, 500)) } });
    }
    let form = Form {
        method: "POST",
        route: "/api/v1/dead-letters/{id}/park",
        path: format!("/api/v1/dead-letters/{}/park", job.id),
        confirm: None,
        done: "The letter is parked: no sample and no redrive takes it.",
        then: None,
    };
    let fields = html! {
        label for="park-reason" { "Why it is kept apart" }
        input #park-reason name="reason" required maxlength="500" autocomplete="off";
        button type="submit" { "Park" }
    };
    let form = form.around(visit, &fields);
    if form.0.is_empty() { form } else { section("park", "Keep apart", &html! {}, &form) }
}

fn edits(visit: &Visit, edits: &[Edit]) -> Markup {
    if edits.is_empty() {
        return Markup::default();
    }
    let shown = |name: &str, json: &str| {
        html! { pre.json tabindex="0" aria-label=(name) { (text::head(&pretty(json), 4_096)) } }
    };
    let content = html! {
        ol.edits {
            @for (at, edit) in edits.iter().enumerate().rev().take(EDITS) {
                li {
                    b { (text::inline(&edit.editor, 60)) } " " (text::ago(edit.at, visit.now))
                    details id={ "edit-" (at) } {
                        summary { "Before and after" }
                        (shown("Before", &edit.before))
                        (shown("After", &edit.after))
                    }
                }
            }
        }
    };
    section("edits", "How its arguments were changed", &html! {}, &content)
}
