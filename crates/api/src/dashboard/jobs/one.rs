//! A job with all that is known of it.

use maud::{Markup, html};
use seaworthy_jobs::{Attempt, Job, LogLine, State};
use seaworthy_store::Timestamp;

use crate::Problem;
use crate::dashboard::number::NONE;
use crate::dashboard::order::Order;
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, heading, section, status, table};
use crate::jobs::problem;
use crate::request;

/// The longest payload or result that is shown, in characters.
const LONGEST: usize = 16_384;
/// Most attempts and lines.
const ATTEMPTS: usize = 50;
const LINES: usize = 500;

pub(in crate::dashboard) async fn one(visit: &Visit, id: &str) -> Result<Markup, Problem> {
    let open = visit.control.jobs.open()?;
    let id = request::id(id)?;
    let job = open.jobs.get(id).await.map_err(problem)?;
    let (attempts, logs) = tokio::join!(open.jobs.attempts(id), open.jobs.logs(id));
    let (attempts, logs) = (attempts.map_err(problem)?, logs.map_err(problem)?);
    Ok(html! {
        p.path { a href="/dashboard/jobs" { "Jobs" } }
        (heading(&html! { "Job " (id) }, &status(super::tone(job.state), job.state.as_str())))
        (section("facts", "What it is", &orders(visit, &job), &facts(visit, &job)))
        (section("payload", "Arguments", &html! {}, &shown("Arguments", &job.payload)))
        @if let Some(result) = &job.result { (section("result", "Result", &html! {}, &shown("Result", result))) }
        (past(visit, &attempts))
        (said(&logs))
    })
}

fn orders(visit: &Visit, job: &Job) -> Markup {
    let of = format!("job {}", job.id);
    let order = |route, word, label, confirm, done: &str, danger| {
        let (path, done) = (format!("/api/v1/jobs/{}/{word}", job.id), done.to_owned());
        Order { method: "POST", route, path, body: None, label, of: &of, confirm, done, danger }.button(visit)
    };
    html! {
        @if matches!(job.state, State::Scheduled | State::Retryable) {
            (order("/api/v1/jobs/{id}/retry", "retry", "Run now", None, "The job may run now.", false))
        }
        @if !job.state.is_final() {
            @let ask = Some(format!("Call {of} off?"));
            (order("/api/v1/jobs/{id}/cancel", "cancel", "Call off", ask, "The job is called off.", true))
        }
        @if job.state == State::Discarded && visit.may_see("/dashboard/dead-letters/{id}") {
            a href={ "/dashboard/dead-letters/" (job.id) } { "As a dead letter" }
        }
    }
}

fn moment(visit: &Visit, time: Option<Timestamp>) -> Markup {
    html! {
        @match time {
            Some(time) => { (text::at(time)) " " span.muted { "(" (text::ago(time, visit.now)) ")" } }
            None => (NONE),
        }
    }
}

/// What is known of a job, but for what it was given and gave.
pub(in crate::dashboard) fn facts(visit: &Visit, job: &Job) -> Markup {
    let queue = text::link("/dashboard/jobs", &[("queue", Some(&job.queue))]);
    html! {
        dl.facts {
            dt { "Kind" } dd { (text::inline(&job.kind, 80)) }
            dt { "Queue" } dd { a href=(queue) { (text::inline(&job.queue, 80)) } }
            dt { "Attempts" }
            dd { (job.attempt) " of " (job.max_attempts) @if job.replays > 0 { ", brought back " @if job.replays == 1 { "once" } @else { (job.replays) " times" } } }
            dt { "Accepted" } dd { (moment(visit, Some(job.created_at))) }
            dt { "Due" } dd { (moment(visit, Some(job.run_at))) }
            dt { "Last begun" } dd { (moment(visit, job.started_at)) }
            dt { "Ended" } dd { (moment(visit, job.finished_at)) }
            @if let Some((code, told)) = &job.error {
                dt { "Last error" } dd { code { (text::inline(code, 60)) } " " (text::inline(told, 500)) }
            }
            @if let Some(key) = &job.unique_key { dt { "Unique by" } dd { (text::inline(key, 80)) } }
            @if let Some(key) = &job.concurrency_key {
                dt { "Runs alone by" } dd { (text::inline(key, 80)) @if job.held { " (waits for its turn)" } }
            }
            @if let Some(batch) = job.batch { dt { "Batch" } dd { (batch) } }
            @for (name, value) in job.metadata.iter().take(20) {
                dt { (text::inline(name, 40)) } dd { (text::inline(value, 200)) }
            }
            @if !job.tags.is_empty() { dt { "Tags" } dd { (text::inline(&job.tags.join(", "), 200)) } }
            @if let Some(trace) = &job.traceparent { dt { "Trace" } dd { code { (text::inline(trace, 60)) } } }
        }
    }
}

/// JSON in lines, where it is JSON; then with nothing in it that acts, and with the same meaning.
pub(in crate::dashboard) fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let lines = value.ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    lines.map_or_else(|| json.to_owned(), |lines| text::escaped(&lines))
}

fn shown(name: &str, json: &str) -> Markup {
    html! { pre.json tabindex="0" aria-label=(name) { (text::head(&pretty(json), LONGEST)) } }
}

/// How its attempts ended.
pub(in crate::dashboard) fn past(visit: &Visit, attempts: &[Attempt]) -> Markup {
    if attempts.is_empty() {
        return Markup::default();
    }
    let row = |attempt: &Attempt| {
        let tone = if attempt.outcome == "snoozed" { Tone::Plain } else { Tone::Warn };
        html! {
            tr {
                th.n scope="row" { (attempt.attempt) }
                td { (status(tone, &attempt.outcome)) }
                td { (text::ago(attempt.finished_at, visit.now)) }
                td {
                    @match &attempt.error {
                        Some((code, told)) => { code { (text::inline(code, 40)) } " " (text::inline(told, 300)) }
                        None => (NONE),
                    }
                }
            }
        }
    };
    let rows: Vec<_> = attempts.iter().rev().take(ATTEMPTS).map(row).collect();
    let heads = [("Attempt", true), ("Ended", false), ("When", false), ("Why", false)];
    section("attempts", "Attempts that failed", &html! {}, &table("Attempts", &heads, &rows))
}

/// What it said.
pub(in crate::dashboard) fn said(logs: &[LogLine]) -> Markup {
    if logs.is_empty() {
        return Markup::default();
    }
    let from = logs.len().saturating_sub(LINES);
    let content = html! {
        @if from > 0 { p.muted { "The last " (LINES) " of " (logs.len()) " lines" } }
        pre.log tabindex="0" aria-label="What the job said" {
            @for line in &logs[from..] {
                span.who { (text::harmless(&line.level)) } " " (text::middle_cut(&line.text, 400)) "\n"
            }
        }
    };
    section("said", "What it said", &html! {}, &content)
}
