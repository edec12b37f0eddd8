//! What one request went through.

use std::sync::Arc;

use maud::{Markup, html};
use seaworthy_core::{ErrorCode, RequestId};
use seaworthy_telemetry::story::{Recorder, Span, Story};

use super::{ROUTE, answered};
use crate::Problem;
use crate::dashboard::number;
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, heading, section, status, table};

/// Requests of one trace.
const OF_TRACE: usize = 50;
/// Facts of one part.
const FACTS: usize = 16;

/// One request, by its id or its trace's.
pub(in crate::dashboard) async fn story(visit: &Visit, id: &str) -> Result<Markup, Problem> {
    let found = visit.control.insight.stories.as_ref().map(|stories| look(stories, id)).unwrap_or_default();
    let none = "nothing is known of this request: it is too long ago, or was never here";
    let first = found.first().ok_or_else(|| Problem::new(ErrorCode::NotFound, "no_such_object", none))?;
    let title = html! { code { (first.method) " " (text::inline(&first.path, 80)) } };
    Ok(html! {
        p.path { a href=(ROUTE) { "Requests" } }
        (heading(&title, &answered(first)))
        @for (at, story) in found.iter().enumerate() { (told(visit, at, story)) }
    })
}

fn look(stories: &Recorder, id: &str) -> Vec<Arc<Story>> {
    let request = RequestId::accept(id.as_bytes()).and_then(|id| stories.by_request(&id));
    if let Some(story) = request {
        return vec![story];
    }
    let mut found = trace(id).map(|trace| stories.by_trace(trace)).unwrap_or_default();
    found.truncate(OF_TRACE);
    found
}

/// 32 hexadecimal digits.
fn trace(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)).flatten()
}

fn told(visit: &Visit, at: usize, story: &Story) -> Markup {
    let trace: String = story.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let began = story.started.into();
    let facts = html! {
        dl.facts {
            dt { "Answered" } dd { (answered(story)) " after " (number::length(story.took)) }
            dt { "Began" } dd { (text::at(began)) " " span.muted { "(" (text::ago(began, visit.now)) ")" } }
            dt { "Route" } dd { (text::inline(&story.route, 80)) }
            dt { "Service" } dd { (text::inline(&story.service, 80)) }
            dt { "Request id" } dd { code { (text::inline(&story.request_id.to_string(), 128)) } }
            dt { "Trace" } dd { a href={ (ROUTE) "/" (trace) } { code { (trace) } } }
        }
    };
    html! {
        (section(&format!("request-{at}"), "The request", &html! {}, &facts))
        (section(&format!("way-{at}"), "What it went through", &html! {}, &way(story)))
    }
}

/// Its parts as a tree with bars, each in its row.
fn way(story: &Story) -> Markup {
    if story.spans.is_empty() {
        return html! { p.muted { "No part of it is known." } };
    }
    let depths = depths(story);
    let rows: Vec<_> = story
        .parts()
        .map(|(part, span)| {
            let depth = depths.get(part.index()).copied().unwrap_or_default();
            html! {
                tr {
                    th scope="row" class={ "deep-" (depth.min(6)) } { (text::inline(span.name, 40)) }
                    td.n { (number::length(span.start)) }
                    td.n { (span.took.map_or_else(|| "not over".to_owned(), number::length)) }
                    td.way { (bar(story, span)) }
                    td {
                        @if let Some(error) = span.error { (status(Tone::Bad, error)) " " }
                        @for known in story.attributes_of(part).take(FACTS) {
                            span.label { (known.key) "=" (text::inline(&known.value.to_string(), 60)) } " "
                        }
                    }
                }
            }
        })
        .collect();
    let heads =
        [("Part", false), ("After", true), ("Took", true), ("When", false), ("What is known of it", false)];
    html! {
        (table("What the request went through", &heads, &rows))
        @if story.left_out > 0 { p.muted { (story.left_out) " more found no room." } }
    }
}

/// How deep each part stands. Parents come before their children.
fn depths(story: &Story) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(story.spans.len());
    for span in &story.spans {
        let above = span.parent.and_then(|parent| depths.get(parent.index()).copied());
        depths.push(above.map_or(0, |depth| depth + 1));
    }
    depths
}

fn bar(story: &Story, span: &Span) -> Markup {
    let whole = story.took.as_secs_f64().max(1e-9);
    let from = (span.start.as_secs_f64() / whole * 1_000.0).clamp(0.0, 998.0).round();
    let took = span.took.unwrap_or(story.took.saturating_sub(span.start)).as_secs_f64() / whole * 1_000.0;
    let width = took.clamp(2.0, 1_000.0 - from).round();
    let tone = if span.error.is_some() { "bad" } else { "moving" };
    html! {
        svg class={ "bar " (tone) } viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="1000" height="8" {}
            rect.fill x=(from) width=(width) height="8" {}
        }
    }
}
