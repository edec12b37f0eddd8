//! Queues and jobs.

mod one;

use maud::{Markup, html};
use seaworthy_jobs::{Filter, Job, QueueStatus, State};

use super::number::{self, NONE};
use super::order::Order;
use super::page::Asked;
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, choices, code, empty, heading, notice, pager, section, status, table};
use crate::Problem;
use crate::jobs::{OpenJobs, problem};
pub(super) use one::{facts, one, past, pretty, said};

/// Jobs on a page.
const PAGE: usize = 50;
/// Most queues.
const QUEUES: usize = 100;
const ROUTE: &str = "/dashboard/jobs";

/// What gives a queue its first job.
fn first(visit: &Visit) -> String {
    let here = visit.here();
    format!(
        "curl -X POST {here}/api/v1/jobs \\\n  -H \"Authorization: Bearer $(cat seaworthy.token)\" \\\n  \
         -d '{{\"kind\":\"http\",\"payload\":{{\"url\":\"http://127.0.0.1:8000/work\"}}}}'"
    )
}

/// How a job is in this state.
pub(super) const fn tone(state: State) -> Tone {
    match state {
        State::Completed => Tone::Good,
        State::Running => Tone::Moving,
        State::Available | State::Scheduled | State::Pending | State::Cancelled => Tone::Plain,
        State::Retryable => Tone::Warn,
        State::Discarded => Tone::Bad,
    }
}

pub(super) async fn list(visit: &Visit, asked: &Asked) -> Markup {
    let title = heading(&html! { "Jobs" }, &html! {});
    let open = match visit.control.jobs.open() {
        Ok(open) => open,
        Err(problem) => return html! { (title) div.card { (notice(&problem)) } },
    };
    let (queues, jobs) = tokio::join!(queues(visit, &open), jobs(visit, &open, asked));
    let newest = html! { span.muted { "newest first" } };
    html! {
        (title)
        (section("queues", "Queues", &html! {}, &queues.unwrap_or_else(|problem| notice(&problem))))
        (section("jobs", "Jobs", &newest, &jobs.unwrap_or_else(|problem| notice(&problem))))
    }
}

async fn queues(visit: &Visit, open: &OpenJobs) -> Result<Markup, Problem> {
    let all = open.jobs.queues().await.map_err(problem)?;
    if all.is_empty() {
        return Ok(empty(
            "No queue has anything in it.",
            &html! { p { "Give it a job:" } (code(&first(visit))) },
        ));
    }
    let rows: Vec<_> = all.iter().take(QUEUES).map(|one| queue(visit, one)).collect();
    let heads = [
        ("Queue", false),
        ("State", false),
        ("Ready", true),
        ("Later", true),
        ("Running", true),
        ("Retrying", true),
        ("Dead", true),
        ("Waits since", false),
        ("Limits", false),
        ("", false),
    ];
    Ok(table("Queues", &heads, &rows))
}

fn queue(visit: &Visit, one: &QueueStatus) -> Markup {
    let depth =
        |states: &[&str]| number::count(states.iter().filter_map(|state| one.depth.get(*state)).sum());
    let dead = one.depth.get("discarded").copied().unwrap_or_default();
    let filtered = |path| text::link(path, &[("queue", Some(&one.name))]);
    html! {
        tr {
            th scope="row" { a href=(filtered(ROUTE)) { (text::inline(&one.name, 40)) } }
            td { @if one.limits.paused { (status(Tone::Warn, "paused")) } @else { (status(Tone::Good, "open")) } }
            td.n { (depth(&["available"])) }
            td.n { (depth(&["scheduled", "pending"])) }
            td.n { (depth(&["running"])) }
            td.n { (depth(&["retryable"])) }
            td.n {
                @if dead > 0 { a href=(filtered("/dashboard/dead-letters")) { (number::count(dead)) } }
                @else { "0" }
            }
            td { @match one.oldest { Some(oldest) => (text::ago(oldest, visit.now)), None => (NONE) } }
            td { (limits(one)) }
            td.acts { (switch(visit, one)) }
        }
    }
}

/// Pauses a queue, or resumes it.
fn switch(visit: &Visit, one: &QueueStatus) -> Markup {
    let name = &one.name;
    let is_paused = one.limits.paused;
    let (route, word, label) = match is_paused {
        true => ("/api/v1/queues/{name}/resume", "resume", "Resume"),
        false => ("/api/v1/queues/{name}/pause", "pause", "Pause"),
    };
    let ask = || {
        let name = text::middle_cut(name, 60);
        format!("Pause queue {name}? Nothing of it is begun until it is resumed; more jobs are accepted.")
    };
    Order {
        method: "POST",
        route,
        path: format!("/api/v1/queues/{}/{word}", text::segment(name)),
        body: None,
        label,
        of: &format!("queue {name}"),
        confirm: (!is_paused).then(ask),
        done: if is_paused { "The queue goes on.".to_owned() } else { "The queue is paused.".to_owned() },
        danger: false,
    }
    .button(visit)
}

fn limits(one: &QueueStatus) -> Markup {
    let rate = one.limits.rate.map(|rate| format!("{} per {}", rate.count, number::length(rate.period)));
    let running = one.limits.max_running.map(|most| format!("{most} at once"));
    let all: Vec<_> = running.into_iter().chain(rate).collect();
    html! { @if all.is_empty() { span.muted { "none" } } @else { (all.join(", ")) } }
}

/// Which jobs, and how an address says it.
struct Chosen {
    filter: Filter,
}

impl Chosen {
    fn of(asked: &Asked) -> Self {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Self {
            filter: Filter {
                queue: text(&asked.queue),
                kind: text(&asked.kind),
                state: asked.state.as_deref().and_then(|state| state.parse().ok()),
                before: asked.cursor.as_deref().and_then(|cursor| cursor.parse().ok()),
                ..Filter::default()
            },
        }
    }

    fn link(&self, state: Option<State>, cursor: Option<i64>) -> String {
        let (queue, kind) = (self.filter.queue.as_deref(), self.filter.kind.as_deref());
        let cursor = cursor.map(|cursor| cursor.to_string());
        let state = state.map(State::as_str);
        text::link(
            ROUTE,
            &[("queue", queue), ("kind", kind), ("state", state), ("cursor", cursor.as_deref())],
        )
    }

    fn choosing(&self) -> Markup {
        let one = |state: Option<State>| {
            let name = state.map_or_else(|| "all".to_owned(), |state| state.to_string());
            (name, self.link(state, None), self.filter.state == state)
        };
        let states: Vec<_> = std::iter::once(None).chain(State::ALL.into_iter().map(Some)).map(one).collect();
        let all = text::link(ROUTE, &[("state", self.filter.state.map(State::as_str))]);
        html! {
            div.filters {
                (choices("State of jobs", &states))
                @if let Some(queue) = &self.filter.queue {
                    span { "of queue " b { (text::inline(queue, 40)) } " · " a href=(all) { "all queues" } }
                }
            }
        }
    }
}

async fn jobs(visit: &Visit, open: &OpenJobs, asked: &Asked) -> Result<Markup, Problem> {
    let chosen = Chosen::of(asked);
    let found = open.jobs.list(&chosen.filter, PAGE).await.map_err(problem)?;
    let state = chosen.filter.state;
    let next = found.last().filter(|_| found.len() == PAGE).map(|last| chosen.link(state, Some(last.id)));
    let first = chosen.filter.before.map(|_| chosen.link(state, None));
    let rows: Vec<_> = found.iter().map(|job| row(visit, job)).collect();
    let heads = [
        ("Job", true),
        ("Kind", false),
        ("Queue", false),
        ("State", false),
        ("Attempts", true),
        ("Accepted", false),
        ("What happened", false),
    ];
    let kept = html! { p { "Jobs that ended are kept for as long as the configuration says." } };
    Ok(html! {
        (chosen.choosing())
        @if rows.is_empty() { (empty("There are no such jobs.", &kept)) }
        @else { (table("Jobs", &heads, &rows)) (pager(first.as_deref(), next.as_deref())) }
    })
}

fn row(visit: &Visit, job: &Job) -> Markup {
    let path = if job.state == State::Discarded { "/dashboard/dead-letters" } else { ROUTE };
    html! {
        tr {
            th.n scope="row" { a href={ (path) "/" (job.id) } { (job.id) } }
            td { (text::inline(&job.kind, 30)) }
            td { (text::inline(&job.queue, 30)) }
            td { (status(tone(job.state), job.state.as_str())) @if job.held { " " span.muted { "held" } } }
            td.n { (job.attempt) " of " (job.max_attempts) }
            td { (text::ago(job.created_at, visit.now)) }
            td { (happened(job)) }
        }
    }
}

/// What a list tells of a job.
pub(super) fn happened(job: &Job) -> Markup {
    html! {
        @match (&job.error, &job.progress) {
            (Some((code, told)), _) if job.state != State::Completed => {
                code { (text::inline(code, 30)) } " " (text::inline(told, 90))
            }
            (_, Some((percent, note))) if job.state == State::Running => { (percent) " % " (text::inline(note, 60)) }
            _ => { span.muted { (NONE) } }
        }
    }
}
