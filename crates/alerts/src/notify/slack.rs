use super::{Unsendable, address, post};
use crate::notification::{Item, Notification, Status};
use crate::rule::Severity;
use crate::text::cut;
use bytes::Bytes;
use http::Request;
use seaworthy_core::Secret;
use serde_json::{Value, json};

/// How many alerts are shown; of more only the number is said.
const MOST_ALERTS: usize = 10;
/// Of a header block, in characters; Slack takes 150.
const LONGEST_HEADER: usize = 149;
/// Of a section, in bytes; Slack takes 3,000 characters.
const LONGEST_SECTION: usize = 2_900;

/// A message by an incoming webhook.
#[derive(Debug, Clone)]
pub struct Slack {
    /// The webhook's address: whoever has it can write to the channel.
    pub url: Secret<String>,
}

impl Slack {
    pub(super) fn request(&self, notification: &Notification) -> Result<Request<Bytes>, Unsendable> {
        Ok(post(address(&self.url)?, &body(notification)))
    }
}

fn body(notification: &Notification) -> Value {
    let title = notification.title();
    let header: String = title.chars().take(LONGEST_HEADER).collect();
    let mut blocks =
        vec![json!({ "type": "header", "text": { "type": "plain_text", "text": header, "emoji": false } })];
    if !notification.note.is_empty() {
        blocks.push(section(&escaped(&notification.note)));
    }
    blocks.extend(notification.alerts.iter().take(MOST_ALERTS).map(|item| section(&alert(item))));
    let more = notification.alerts.len().saturating_sub(MOST_ALERTS) + notification.more;
    if more > 0 {
        blocks.push(section(&format!("… and {more} more")));
    }
    if !notification.external_url.is_empty() {
        blocks.push(section(&escaped(&notification.external_url)));
    }
    // the text is what notifications on a telephone show
    json!({ "text": escaped(&title), "blocks": blocks })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(text, LONGEST_SECTION) } })
}

fn alert(item: &Item) -> String {
    let sign = match (item.status, Severity::of(&item.labels)) {
        (Status::Resolved, _) => ":white_check_mark:",
        (Status::Acknowledged, _) => ":eyes:",
        (Status::Firing, Severity::Critical) => ":red_circle:",
        (Status::Firing, Severity::Warning) => ":large_orange_circle:",
        (Status::Firing, Severity::Info) => ":large_blue_circle:",
    };
    let labels: Vec<String> =
        item.labels.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let mut text = format!("{sign} *{}*\n{}", escaped(&item.headline()), labels.join(" · "));
    if let Some(description) = item.annotations.get("description") {
        text.push('\n');
        text.push_str(&escaped(description));
    }
    if let Some(runbook) = item.annotations.get("runbook_url") {
        text.push_str(&format!("\nRunbook: {}", escaped(runbook)));
    }
    text
}

/// Without what Slack would take for a mention, a link or formatting.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // a space of no width keeps the sign from acting
            '*' | '~' | '`' => out.extend([c, '\u{200b}']),
            c if c.is_control() && c != '\n' => {}
            c => out.push(c),
        }
    }
    out
}
