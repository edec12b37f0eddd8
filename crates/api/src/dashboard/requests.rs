//! Requests one by one.

mod story;

use std::time::Duration;

use maud::{Markup, html};
use seaworthy_telemetry::story::{Filter, Story};

use super::number;
use super::page::Asked;
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, choices, code, empty, heading, section, status, table};
use crate::Problem;
pub(super) use story::story;

const ROUTE: &str = "/dashboard/requests";
/// Requests on a page.
const PAGE: usize = 100;

pub(super) async fn list(visit: &Visit, asked: &Asked) -> Result<Markup, Problem> {
    let title = heading(&html! { "Requests" }, &html! {});
    let Some(stories) = &visit.control.insight.stories else { return Ok(html! { (title) (off()) }) };
    let filter = filter(asked);
    let found = stories.latest(&filter, PAGE);
    let rows: Vec<_> = found.iter().map(|story| row(visit, story)).collect();
    let heads = [
        ("Began", false),
        ("Request", false),
        ("Status", false),
        ("Took", true),
        ("Service", false),
        ("Route", false),
        ("Id", false),
    ];
    let how = html! {
        p { "Send one through the gateway; its answer has the id in " code { "x-request-id" } ":" }
        (code("curl -i http://127.0.0.1:8080/"))
    };
    let content = html! {
        @if rows.is_empty() { (empty("There are no such requests.", &how)) } @else { (table("Requests", &heads, &rows)) }
    };
    let kept = html! { span.muted { "failed and slow ones are kept longer than others" } };
    Ok(html! { (title) (choosing(asked, &filter)) (section("requests", "The latest", &kept, &content)) })
}

fn off() -> Markup {
    let how = html! {
        p { "What each went through stands here where the configuration does not say " code { "stories = false" }
            ". The access log tells of all of them." }
    };
    section("off", "Requests", &html! {}, &empty("Requests are not told one by one.", &how))
}

fn filter(asked: &Asked) -> Filter {
    let class = asked.class.as_deref().and_then(|class| class.parse().ok());
    let min = asked.min.as_deref().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    Filter {
        service: asked.service.clone().filter(|service| !service.is_empty()),
        class: class.filter(|class| (1..=5).contains(class)),
        min: min.unwrap_or_default(),
        ..Filter::default()
    }
}

fn choosing(asked: &Asked, filter: &Filter) -> Markup {
    let service = asked.service.as_deref();
    let class = |(name, class): (&str, Option<&'static str>)| {
        let link =
            text::link(ROUTE, &[("service", service), ("min", asked.min.as_deref()), ("class", class)]);
        (name.to_owned(), link, filter.class.map(|class| class.to_string()).as_deref() == class)
    };
    let slow = |(name, millis): (&str, Option<&'static str>)| {
        let link =
            text::link(ROUTE, &[("service", service), ("min", millis), ("class", asked.class.as_deref())]);
        let wanted = millis.and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
        (name.to_owned(), link, filter.min == wanted.unwrap_or_default())
    };
    let classes =
        [("all", None), ("2xx", Some("2")), ("3xx", Some("3")), ("4xx", Some("4")), ("5xx", Some("5"))];
    let lengths =
        [("any time", None), ("100 ms", Some("100")), ("1 s", Some("1000")), ("10 s", Some("10000"))];
    html! {
        div.filters {
            (choices("Status", &classes.map(class)))
            (choices("Took at least", &lengths.map(slow)))
            @if let Some(service) = &filter.service {
                span { "of " b { (text::inline(service, 40)) } " · " a href=(ROUTE) { "all services" } }
            }
        }
    }
}

fn answered(story: &Story) -> Markup {
    let tone = match story.status {
        500.. => Tone::Bad,
        400..500 => Tone::Warn,
        _ => Tone::Good,
    };
    html! {
        (status(tone, &story.status.to_string()))
        @if let Some(reason) = story.reason { " " code { (reason) } }
    }
}

fn row(visit: &Visit, story: &Story) -> Markup {
    let id = story.request_id.to_string();
    let service = text::link(ROUTE, &[("service", Some(&story.service))]);
    html! {
        tr {
            td { (text::ago(story.started.into(), visit.now)) }
            th.wide scope="row" { code { (story.method) " " (text::inline(&story.path, 70)) } }
            td { (answered(story)) }
            td.n { (number::length(story.took)) }
            td { a href=(service) { (text::inline(&story.service, 30)) } }
            td { (text::inline(&story.route, 40)) }
            td { a href={ (ROUTE) "/" (text::segment(&id)) } { code { (text::inline(&id, 12)) } } }
        }
    }
}
