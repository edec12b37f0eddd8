//! Many letters on their way back, so many per time.

use maud::{Markup, html};
use seaworthy_jobs::dead::{DeadLetters, Redrive, RedriveState};

use super::Chosen;
use crate::Problem;
use crate::dashboard::number;
use crate::dashboard::order::{Form, Order};
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, bar, section, status, table};
use crate::jobs::problem;

/// Most redrives that are shown.
const MOST: usize = 10;

pub(super) async fn all(visit: &Visit, dead: &DeadLetters, chosen: &Chosen) -> Result<Markup, Problem> {
    let found = dead.redrives(None, MOST).await.map_err(problem)?;
    let begin = begin(visit, chosen);
    if found.is_empty() && begin.0.is_empty() {
        return Ok(Markup::default());
    }
    let rows: Vec<_> = found.iter().map(|redrive| row(visit, redrive)).collect();
    let heads = [
        ("Redrive", true),
        ("State", false),
        ("Back", false),
        ("Left behind", true),
        ("Rate", false),
        ("Asked by", false),
        ("Begun", false),
        ("", false),
    ];
    let content = html! { @if !rows.is_empty() { (table("Redrives", &heads, &rows)) } (begin) };
    let what = html! { span.muted { "many letters back at a steady rate" } };
    Ok(section("redrives", "Redrives", &what, &content))
}

fn row(visit: &Visit, redrive: &Redrive) -> Markup {
    let (tone, word) = match redrive.state {
        RedriveState::Running => (Tone::Moving, "running"),
        RedriveState::Paused => (Tone::Warn, "paused"),
        RedriveState::Cancelled => (Tone::Plain, "cancelled"),
        RedriveState::Done => (Tone::Good, "done"),
    };
    let share = if redrive.matched == 0 { 1.0 } else { redrive.moved as f64 / redrive.matched as f64 };
    html! {
        tr {
            th.n scope="row" { (redrive.id) }
            td { (status(tone, word)) }
            td { span.with-bar { (bar(share, Tone::Good)) (number::count(redrive.moved)) " of " (number::count(redrive.matched)) } }
            td.n { (number::count(redrive.refused)) }
            td { (redrive.what.rate.count) " per " (number::length(redrive.what.rate.period)) }
            td { (text::inline(&redrive.what.asked_by, 40)) }
            td { (text::ago(redrive.created_at, visit.now)) }
            td.acts { (orders(visit, redrive)) }
        }
    }
}

fn orders(visit: &Visit, redrive: &Redrive) -> Markup {
    let of = format!("redrive {}", redrive.id);
    let order = |word: &str, label, confirm, done: &str, danger| {
        let path = format!("/api/v1/dead-letters/redrives/{}/{word}", redrive.id);
        let (route, done) = ("/api/v1/dead-letters/redrives/{id}/{order}", done.to_owned());
        Order { method: "POST", route, path, body: None, label, of: &of, confirm, done, danger }.button(visit)
    };
    let ask = Some(format!("End {of}? What it has brought back stays back."));
    html! {
        @match redrive.state {
            RedriveState::Running => (order("pause", "Pause", None, "The redrive rests.", false)),
            RedriveState::Paused => (order("resume", "Resume", None, "The redrive goes on.", false)),
            RedriveState::Cancelled | RedriveState::Done => {}
        }
        @if matches!(redrive.state, RedriveState::Running | RedriveState::Paused) {
            (order("cancel", "End", ask, "The redrive is ended.", true))
        }
    }
}

fn begin(visit: &Visit, chosen: &Chosen) -> Markup {
    let fields = html! {
        input type="hidden" name="asked_by" value=(visit.actor.principal.name);
        input type="hidden" name="filter" data-type="json" value=(text::escaped(&chosen.json(None).to_string()));
        label for="redrive-starts" { "Bring back" }
        input #redrive-starts name="rate.starts" type="number" data-type="number" min="1" max="10000" value="10" required;
        label for="redrive-per" { "letters per" }
        select #redrive-per name="rate.per" {
            option value="1s" { "second" }
            option value="1m" selected { "minute" }
            option value="1h" { "hour" }
        }
        button type="submit" { "Begin a redrive" }
        p.muted { "Of all letters chosen above. It goes on through restarts." }
    };
    Form {
        method: "POST",
        route: "/api/v1/dead-letters/redrives",
        path: "/api/v1/dead-letters/redrives".to_owned(),
        confirm: Some("Bring all letters chosen above back, at this rate?".to_owned()),
        done: "The redrive has begun.",
        then: None,
    }
    .around(visit, &fields)
}
