//! Alerts that nobody is told of for a while.

use maud::{Markup, html};
use seaworthy_alerts::Alerts;
use seaworthy_alerts::silence::Silence;
use seaworthy_store::Timestamp;

use super::MOST;
use crate::dashboard::order::{Form, Order};
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, section, status, table};

pub(super) fn all(visit: &Visit, alerts: &Alerts) -> Markup {
    let at = Timestamp::from(visit.now);
    let lasting = alerts.silences().into_iter().filter(|silence| silence.ends_at > at);
    let rows: Vec<_> = lasting.take(MOST).map(|silence| row(visit, &silence, at)).collect();
    let heads =
        [("Alerts", false), ("Why", false), ("By", false), ("State", false), ("Ends", false), ("", false)];
    let content = html! {
        @if rows.is_empty() { p.muted { "Nothing is silenced." } } @else { (table("Silences", &heads, &rows)) }
        (form(visit))
    };
    section("silences", "Silences", &html! {}, &content)
}

fn row(visit: &Visit, silence: &Silence, at: Timestamp) -> Markup {
    let end = Order {
        method: "DELETE",
        route: "/api/v1/silences/{id}",
        path: format!("/api/v1/silences/{}", text::segment(&silence.id)),
        body: None,
        label: "End",
        of: &silence.comment,
        confirm: Some("End this silence? What it held back is told of.".to_owned()),
        done: "The silence is over.".to_owned(),
        danger: true,
    };
    let tone = if silence.is_active(at) { Tone::Moving } else { Tone::Plain };
    html! {
        tr {
            th scope="row" { code { (text::inline(&silence.matchers.to_string(), 100)) } }
            td { (text::inline(&silence.comment, 120)) }
            td { (text::inline(&silence.created_by, 40)) }
            td { (status(tone, silence.state(at))) }
            td { (text::ago(silence.ends_at, visit.now)) }
            td.acts { (end.button(visit)) }
        }
    }
}

fn form(visit: &Visit) -> Markup {
    let fields = html! {
        label for="silence-matchers" { "Alerts with" }
        input #silence-matchers name="matchers" data-type="list" required maxlength="500" autocomplete="off"
            spellcheck="false" placeholder="seaworthy_service=shop, severity=warning";
        label for="silence-length" { "for" }
        select #silence-length name="duration" {
            option value="1h" selected { "an hour" }
            option value="4h" { "four hours" }
            option value="24h" { "a day" }
            option value="168h" { "a week" }
        }
        label for="silence-comment" { "because" }
        input #silence-comment name="comment" required maxlength="500" autocomplete="off";
        button type="submit" { "Silence" }
    };
    Form {
        method: "POST",
        route: "/api/v1/silences",
        path: "/api/v1/silences".to_owned(),
        confirm: None,
        done: "Nobody is told of these alerts until then.",
        then: None,
    }
    .around(visit, &fields)
}
