//! Letters that died of the same.

use maud::{Markup, html};
use seaworthy_jobs::dead::{DeadLetters, Group};
use serde_json::json;

use super::{Chosen, ROUTE};
use crate::Problem;
use crate::dashboard::number;
use crate::dashboard::order::Order;
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{empty, table};
use crate::jobs::problem;

/// Groups on a page.
const MOST: usize = 25;
/// How many are brought back at once.
const AT_ONCE: u64 = 1_000;

pub(super) async fn all(visit: &Visit, dead: &DeadLetters, chosen: &Chosen) -> Result<Markup, Problem> {
    let found = dead.groups(&chosen.filter, None, MOST).await.map_err(problem)?;
    if found.is_empty() {
        let how = html! {
            p { "A job that has failed for good stands here, beside others that died of the same: to be understood, \
                 mended and brought back." }
        };
        return Ok(empty("There are no dead letters.", &how));
    }
    let rows: Vec<_> = found.iter().map(|group| row(visit, chosen, group)).collect();
    let heads = [
        ("What they died of", false),
        ("Letters", true),
        ("Queues", false),
        ("First", false),
        ("Last", false),
        ("", false),
    ];
    Ok(table("Groups of dead letters", &heads, &rows))
}

fn row(visit: &Visit, chosen: &Chosen, group: &Group) -> Markup {
    let own = chosen.link(Some(&group.signature), chosen.parked(), None);
    let (code, told) = &group.sample;
    html! {
        tr {
            th.wide scope="row" {
                a href=(own) { (text::inline(&group.signature, 90)) }
                div.muted { code { (text::inline(code, 30)) } " " (text::inline(told, 120)) }
            }
            td.n { (number::count(group.count)) }
            td { (text::inline(&group.queues.join(", "), 60)) }
            td { (text::ago(group.first_seen, visit.now)) }
            td { (text::ago(group.last_seen, visit.now)) }
            td.acts {
                (replay(visit, chosen, group, 1))
                @if group.count > 1 { (replay(visit, chosen, group, group.count.min(AT_ONCE))) }
                a href={ (ROUTE) "/" (group.example) } {
                    "Example" span.vh { " of " (text::middle_cut(&group.signature, 60)) }
                }
            }
        }
    }
}

/// Brings some of a group back: one, to see how it fares, or many.
fn replay(visit: &Visit, chosen: &Chosen, group: &Group, most: u64) -> Markup {
    let ask = || {
        format!(
            "Bring {most} dead letters back? They run again as soon as there is room; of many, a redrive at a steady \
             rate is gentler."
        )
    };
    let label = match most {
        1 => "Try one".to_owned(),
        _ if most == group.count => "Replay all".to_owned(),
        _ => format!("Replay {most}"),
    };
    Order {
        method: "POST",
        route: "/api/v1/dead-letters/replay",
        path: "/api/v1/dead-letters/replay".to_owned(),
        body: Some(json!({ "filter": chosen.json(Some(&group.signature)), "most": most })),
        label: &label,
        of: &group.signature,
        confirm: (most > 1).then(ask),
        done: if most == 1 {
            "The oldest of them may run again.".to_owned()
        } else {
            "They may run again.".to_owned()
        },
        danger: false,
    }
    .button(visit)
}
