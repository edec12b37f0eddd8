//! What pages are put together from.

use maud::{Markup, PreEscaped, html};

use super::text;
use crate::Problem;

/// How something is. Each has a shape and a colour of its own, and is never without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// Neither good nor bad.
    Plain,
    /// On its way.
    Moving,
    /// Not as it should be.
    Warn,
    /// Broken.
    Bad,
}

impl Tone {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "plain",
            Self::Moving => "moving",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    const fn shape(self) -> &'static str {
        match self {
            Self::Good => "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10z",
            Self::Plain => "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM6 3a3 3 0 1 1 0 6a3 3 0 1 1 0-6z",
            Self::Moving => "M2 1l9 5l-9 5z",
            Self::Warn => "M6 .5l5.8 10.5h-11.6z",
            Self::Bad => "M3.5 0h5l3.5 3.5v5l-3.5 3.5h-5l-3.5-3.5v-5z",
        }
    }
}

/// A word with its shape.
pub(super) fn status(tone: Tone, word: &str) -> Markup {
    html! {
        span class={ "status " (tone.class()) } {
            svg.mark viewBox="0 0 12 12" aria-hidden="true" { path fill-rule="evenodd" d=(tone.shape()) {} }
            (text::inline(word, 60))
        }
    }
}

/// The page's heading, with what belongs beside it.
pub(super) fn heading(title: &Markup, beside: &Markup) -> Markup {
    html! { div.heading { h1 { (title) } div.beside { (beside) } } }
}

/// A part of a page.
pub(super) fn section(id: &str, title: &str, beside: &Markup, content: &Markup) -> Markup {
    html! {
        section.card aria-labelledby=(id) {
            div.card-head { h2 id=(id) { (title) } div.beside { (beside) } }
            (content)
        }
    }
}

/// A table that may be wider than its place.
pub(super) fn table(name: &str, heads: &[(&str, bool)], rows: &[Markup]) -> Markup {
    html! {
        div.scroll role="region" aria-label=(name) tabindex="0" {
            table {
                thead { tr { @for (head, is_number) in heads {
                    @if head.is_empty() { td {} } @else { th scope="col" class=[is_number.then_some("n")] { (head) } }
                } } }
                tbody { @for row in rows { (PreEscaped(named(&row.0, heads))) } }
            }
        }
    }
}

/// A row whose cells each say what column they are of: on a narrow screen they stand below each other, without the heads.
fn named(row: &str, heads: &[(&str, bool)]) -> String {
    let mut named = String::with_capacity(row.len() + heads.len() * 24);
    let (mut rest, mut heads) = (row, heads.iter());
    // text has no bracket of its own, and no cell holds a table
    while let Some(at) =
        rest.match_indices("<t").find(|(at, _)| matches!(rest.get(at + 2..at + 3), Some("d" | "h")))
    {
        let (cell, after) = rest.split_at(at.0 + 3);
        named.push_str(cell);
        let head = heads.next().map_or("", |(head, _)| head);
        if !head.is_empty() {
            named.push_str(&html! { (PreEscaped(" data-head=\"")) (head) (PreEscaped("\"")) }.0);
        }
        rest = after;
    }
    named.push_str(rest);
    named
}

/// Where there is nothing: what would be here, and what brings it.
pub(super) fn empty(what: &str, how: &Markup) -> Markup {
    html! { div.empty { p.what { (what) } div.how { (how) } } }
}

/// A command or a setting to be copied.
pub(super) fn code(text: &str) -> Markup {
    html! { pre.command { code { (text) } } }
}

/// Why a part of a page is not there.
pub(super) fn notice(problem: &Problem) -> Markup {
    match problem.reason() {
        "jobs_off" => empty(
            "Jobs are not switched on.",
            &html! { p { "Queues, jobs and dead letters stand here once the configuration has:" } (code("[jobs]")) },
        ),
        "identity_off" => empty(
            "There is no store for people.",
            &html! { p { "People, keys, sessions and the audit log stand here once the configuration has:" } (code("[store]")) },
        ),
        _ => html! {
            div.notice { (status(Tone::Warn, "Not to be had now")) p { (text::inline(problem.detail(), 300)) } }
        },
    }
}

/// A number with its name, for the top of a page.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) tone: Tone,
    pub(super) note: String,
    pub(super) spark: Markup,
    pub(super) link: Option<&'static str>,
}

impl Tile {
    pub(super) fn render(&self) -> Markup {
        html! {
            li class={ "tile " (self.tone.class()) } {
                div.name { @if let Some(link) = self.link { a href=(link) { (self.name) } } @else { (self.name) } }
                div.value { (self.value) }
                div.note { (self.note) }
                (self.spark)
            }
        }
    }
}

/// A share of something as a bar; its words stand beside it.
pub(super) fn bar(share: f64, tone: Tone) -> Markup {
    let width = if share.is_finite() { (share.clamp(0.0, 1.0) * 100.0).round() } else { 0.0 };
    html! {
        svg class={ "bar " (tone.class()) } viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="8" rx="2" {}
            rect.fill width=(width) height="8" rx="2" {}
        }
    }
}

/// Links to the pages before and after this one.
pub(super) fn pager(first: Option<&str>, next: Option<&str>) -> Markup {
    if first.is_none() && next.is_none() {
        return Markup::default();
    }
    html! {
        nav.pager aria-label="Pages" {
            @if let Some(first) = first { a href=(first) { "Newest" } }
            @if let Some(next) = next { a href=(next) rel="next" { "Older" } }
        }
    }
}

/// Choices of which one is made, each a link.
pub(super) fn choices(name: &str, all: &[(String, String, bool)]) -> Markup {
    html! {
        nav.choices aria-label=(name) {
            @for (label, href, is_current) in all {
                a href=(href) aria-current=[is_current.then_some("true")] { (label) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_say_what_they_are() {
        let row = html! { tr { th scope="row" { "a <td> b" } td.n { time { "1" } } td { (status(Tone::Good, "fine")) } td {} } };
        let shown =
            table("t", &[("Name", false), ("Number & more", true), ("State", false), ("", false)], &[row]).0;
        assert!(shown.contains("<th data-head=\"Name\" scope=\"row\">a &lt;td&gt; b</th>"), "{shown}");
        assert!(
            shown.contains("<td data-head=\"Number &amp; more\" class=\"n\"><time>1</time></td>"),
            "{shown}"
        );
        assert!(
            shown.contains("<td data-head=\"State\"><span") && shown.contains("<td></td></tr>"),
            "{shown}"
        );
    }
}
