//! Whoever looks: who they are, and their password.

use maud::{Markup, html};

use super::order::{Form, Order};
use super::text;
use super::visit::Visit;
use super::widgets::{Tone, heading, section, status, table};

pub(super) async fn main(visit: &Visit) -> Markup {
    let who = &visit.actor.principal;
    let must_change = who.session.is_some() && who.scopes.is_some();
    let is_person = who.subject.is_user();
    html! {
        (heading(&html! { "Your account" }, &html! {}))
        @if must_change {
            div.notice {
                (status(Tone::Warn, "A new password is needed"))
                p { "Until you have chosen one of your own, nothing else is possible." }
            }
        }
        (section("who", "Who you are", &html! {}, &html! {
            dl.facts {
                dt { "Name" } dd { (text::inline(&who.name, 80)) }
                dt { "Known as" } dd { code { (text::inline(&who.subject.to_string(), 80)) } }
                dt { "Roles" } dd { @if who.roles.is_empty() { "none" } @else { (text::inline(&who.roles.join(", "), 200)) } }
                @if !who.grants.is_empty() {
                    dt { "Granted for a time" }
                    dd { @for grant in &who.grants { (text::inline(&grant.what.to_string(), 80)) " until " (text::at(grant.expires)) " " } }
                }
                dt { "Recognised by" } dd { (who.method.as_str()) }
            }
        }))
        @if is_person { (password(visit, must_change)) (sessions(visit).await) }
    }
}

fn password(visit: &Visit, must_change: bool) -> Markup {
    let fields = html! {
        label for="current" { "Password as it is" }
        input #current name="current" type="password" autocomplete="current-password" required maxlength="1024";
        label for="new" { "New password" }
        input #new name="new" type="password" autocomplete="new-password" required minlength="12" maxlength="128"
            aria-describedby="new-hint";
        p.muted #new-hint { "Long is better than odd: a few words that nobody would guess." }
        button.primary type="submit" { "Change password" }
    };
    let form = Form {
        method: "PUT",
        route: "/api/v1/account/password",
        path: "/api/v1/account/password".to_owned(),
        confirm: None,
        done: "The password is changed. All other sessions are over.",
        then: must_change.then_some("/dashboard"),
    };
    section("password-title", "Password", &html! {}, &form.around(visit, &fields))
}

async fn sessions(visit: &Visit) -> Markup {
    let Some((identity, user)) = visit.control.identity.now().zip(visit.actor.principal.subject.user())
    else {
        return Markup::default();
    };
    let Ok(sessions) = identity.sessions(&visit.actor, user).await else { return Markup::default() };
    let rows: Vec<_> = sessions
        .iter()
        .take(100)
        .map(|session| {
            let is_own = visit.actor.principal.session.as_ref() == Some(&session.id);
            let end = Order {
                method: "DELETE",
                route: "/api/v1/account/sessions/{id}",
                path: format!("/api/v1/account/sessions/{}", text::segment(&session.id.0)),
                body: None,
                label: "End",
                of: &format!(
                    "the session from {}",
                    session.client.as_deref().unwrap_or("an unknown address")
                ),
                confirm: None,
                done: "The session is over.".to_owned(),
                danger: true,
            };
            html! {
                tr {
                    td { (text::inline(session.client.as_deref().unwrap_or("–"), 45)) }
                    td { (text::inline(session.agent.as_deref().unwrap_or("–"), 60)) }
                    td { (text::ago(session.created_at, visit.now)) }
                    td { (text::ago(session.used_at, visit.now)) }
                    td { @if is_own { (status(Tone::Good, "this one")) } @else { (end.button(visit)) } }
                }
            }
        })
        .collect();
    let heads = [("From", false), ("Browser", false), ("Begun", false), ("Used", false), ("", false)];
    section("sessions", "Sessions", &html! {}, &table("Sessions", &heads, &rows))
}
