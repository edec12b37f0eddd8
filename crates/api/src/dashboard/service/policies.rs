//! The policies of a service: what each is set to, what state it is in, and what it did.

use maud::{Markup, html};
use seaworthy_gateway::status::Policy;
use serde_json::Value;

use crate::dashboard::number;
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{code, empty, section, table};

/// Most policies that are shown.
const MOST: usize = 200;
/// The longest value of a setting, in characters.
const LONGEST: usize = 60;

pub(super) fn all(visit: &Visit, service: &str) -> Markup {
    let policies = visit.control.gateway.policies(service).map(|found| found.policies).unwrap_or_default();
    if policies.is_empty() {
        return section(
            "policies",
            "Policies",
            &html! {},
            &empty(
                "Nothing protects this service but the gateway’s own limits.",
                &html! { p { "Retries, timeouts, breakers and limits stand here, with what they did. A good beginning:" }
                (code("[service.NAME]\npreset = \"http\"")) },
            ),
        );
    }
    let rows: Vec<_> = policies.iter().take(MOST).map(row).collect();
    let heads = [("Policy", false), ("Of", false), ("Set to", false), ("State", false), ("Did", false)];
    let beside =
        html! { @if policies.len() > MOST { span.muted { "the first " (MOST) " of " (policies.len()) } } };
    section("policies", "Policies", &beside, &table("Policies", &heads, &rows))
}

fn row(policy: &Policy) -> Markup {
    let of = policy.endpoint.as_deref().or(policy.route.as_deref());
    let effects = policy.effects.iter().filter_map(|(name, count)| Some((name, count.as_u64()?)));
    html! {
        tr {
            th scope="row" { (policy.kind.replace('_', " ")) }
            td { @match of { Some(of) => { code { (text::inline(of, 40)) } } None => { span.muted { "the service" } } } }
            td { (pairs(&policy.settings)) }
            td { (pairs(&policy.state)) }
            td {
                ul.pairs {
                    @for (name, count) in effects {
                        li class=[(count == 0).then_some("muted")] { (text::inline(&name.replace('_', " "), 40)) " " b { (number::count(count)) } }
                    }
                }
            }
        }
    }
}

/// The members of an object, in a line each.
fn pairs(value: &Value) -> Markup {
    html! {
        @match value {
            Value::Object(members) => {
                ul.pairs { @for (name, value) in members.iter().filter(|(_, value)| !value.is_null()).take(16) {
                    li { (text::inline(&name.replace('_', " "), 40)) " " b { (text::inline(&plain(value), LONGEST)) } }
                } }
            }
            Value::Null => {}
            other => (text::inline(&plain(other), LONGEST)),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            let told = members.iter().filter(|(_, value)| !value.is_null()).take(16);
            told.map(|(name, value)| format!("{} {}", name.replace('_', " "), plain(value)))
                .collect::<Vec<_>>()
                .join(", ")
        }
        Value::Array(items) => items.iter().take(16).map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
