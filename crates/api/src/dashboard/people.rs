//! People, their keys and sessions: what is known of them, never what they know.

use maud::{Markup, html};
use seaworthy_identity::{ApiKey, Error, Identity, User};

use super::number::NONE;
use super::order::Order;
use super::page::Asked;
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, empty, heading, notice, pager, section, status, table};
use crate::identity::problem;

const ROUTE: &str = "/dashboard/people";
/// People and keys on a page.
const PAGE: usize = 100;

pub(super) async fn main(visit: &Visit, asked: &Asked) -> Markup {
    let title = heading(&html! { "People" }, &html! {});
    let identity = match visit.control.identity.open() {
        Ok(identity) => identity,
        Err(problem) => return html! { (title) div.card { (notice(&problem)) } },
    };
    let after = asked.cursor.as_deref().unwrap_or_default();
    let (people, keys) = tokio::join!(people(visit, &identity, after), keys(visit, &identity));
    let or_why = |part: Result<Markup, Error>| part.unwrap_or_else(|error| notice(&problem(error)));
    let once = html! { span.muted { "newest first; a key itself is shown once, when it is made" } };
    html! {
        (title)
        (section("people", "People", &html! { span.muted { "by name" } }, &or_why(people)))
        (section("keys", "API keys", &once, &or_why(keys)))
    }
}

async fn people(visit: &Visit, identity: &Identity, after: &str) -> Result<Markup, Error> {
    let found = identity.users(&visit.actor, after, PAGE).await?;
    let next = found.last().filter(|_| found.len() == PAGE);
    let next = next.map(|last| text::link(ROUTE, &[("cursor", Some(&last.name))]));
    let rows: Vec<_> = found.iter().map(|user| person(visit, user)).collect();
    let heads = [
        ("Name", false),
        ("State", false),
        ("Roles", false),
        ("Second factor", false),
        ("Last log-in", false),
        ("", false),
    ];
    Ok(html! {
        (table("People", &heads, &rows))
        (pager((!after.is_empty()).then_some(ROUTE), next.as_deref()))
    })
}

fn person(visit: &Visit, user: &User) -> Markup {
    let end = Order {
        method: "DELETE",
        route: "/api/v1/users/{user}/sessions",
        path: format!("/api/v1/users/{}/sessions", text::segment(&user.id)),
        body: None,
        label: "End sessions",
        of: &format!("of {}", user.name),
        confirm: Some(format!("End all sessions and tokens of {}?", user.name)),
        done: format!("All sessions and tokens of {} are over.", user.name),
        danger: true,
    };
    html! {
        tr {
            th scope="row" {
                (text::inline(&user.name, 40))
                @if let Some(shown) = &user.display_name { div.muted { (text::inline(shown, 60)) } }
            }
            td {
                @if !user.enabled { (status(Tone::Plain, "shut out")) }
                @else if user.must_change { (status(Tone::Warn, "needs a new password")) }
                @else { (status(Tone::Good, "may log in")) }
            }
            td { (text::inline(&user.roles.join(", "), 60)) }
            td {
                @if user.second_factor { (status(Tone::Good, "set up")) } @else { (status(Tone::Plain, "none")) }
            }
            td { @match user.last_log_in_at { Some(at) => (text::ago(at, visit.now)), None => "never" } }
            td.acts { (end.button(visit)) }
        }
    }
}

async fn keys(visit: &Visit, identity: &Identity) -> Result<Markup, Error> {
    let found = identity.all_keys(&visit.actor, "", PAGE).await?;
    if found.is_empty() {
        let how = html! { p { "Programs use them instead of people’s passwords." } };
        return Ok(empty("There are no API keys.", &how));
    }
    let rows: Vec<_> = found.iter().map(|key| of_key(visit, key)).collect();
    let heads = [
        ("Key", false),
        ("Roles", false),
        ("Good for", false),
        ("Made", false),
        ("Last used", false),
        ("Ends", false),
        ("", false),
    ];
    Ok(table("API keys", &heads, &rows))
}

fn of_key(visit: &Visit, key: &ApiKey) -> Markup {
    let revoke = Order {
        method: "DELETE",
        route: "/api/v1/keys/{id}",
        path: format!("/api/v1/keys/{}", text::segment(&key.id)),
        body: None,
        label: "Revoke",
        of: &format!("key {}", key.name),
        confirm: Some(format!("Revoke the key {}? Whatever uses it is refused at once.", key.name)),
        done: format!("The key {} is revoked.", key.name),
        danger: true,
    };
    let scopes = key.scopes.as_ref().map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
    html! {
        tr {
            th scope="row" { (text::inline(&key.name, 40)) div.muted { code { (text::inline(&key.id, 40)) } } }
            td { (text::inline(&key.roles.join(", "), 60)) }
            td {
                @match &scopes {
                    Some(scopes) => (text::inline(&scopes.join(", "), 60)),
                    None => "all that its roles allow",
                }
            }
            td { (text::ago(key.created_at, visit.now)) }
            td { @match key.last_used_at { Some(at) => (text::ago(at, visit.now)), None => "never" } }
            td { @match key.expires_at { Some(at) => (text::ago(at, visit.now)), None => (NONE) } }
            td.acts { (revoke.button(visit)) }
        }
    }
}
