//! How a message is sent: one file per way, all from the same [`Notification`].
//!
//! Texts of alerts come from outside. Here they become JSON, or one line of a header without control characters, and
//! are cut to what the receiving side takes.

mod email;
mod opsgenie;
mod pagerduty;
mod slack;
mod webhook;

#[cfg(test)]
mod tests;

pub(crate) use email::Refused;
pub use email::{Email, Encryption};
pub use opsgenie::Opsgenie;
pub use pagerduty::PagerDuty;
pub use slack::Slack;
pub use webhook::{SIGNATURE, Webhook, sign};

use crate::Error;
use crate::notification::Notification;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use seaworthy_core::Secret;
use seaworthy_store::Timestamp;

/// A way to tell somebody.
#[derive(Debug, Clone)]
pub enum Channel {
    /// A POST in the form that Alertmanager sends, signed.
    Webhook(Webhook),
    /// A message in a Slack channel.
    Slack(Slack),
    /// An incident of PagerDuty.
    PagerDuty(PagerDuty),
    /// An alert of Opsgenie.
    Opsgenie(Opsgenie),
    /// An e-mail.
    Email(Email),
}

/// Why a message cannot be made: at the next attempt it cannot either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsendable(pub(crate) String);

impl Channel {
    /// Its short name.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::PagerDuty(_) => "pagerduty",
            Self::Opsgenie(_) => "opsgenie",
            Self::Email(_) => "email",
        }
    }

    /// Whether it is told that somebody looks after an alert: whoever keeps incidents is.
    pub const fn follows_acknowledgements(&self) -> bool {
        matches!(self, Self::PagerDuty(_) | Self::Opsgenie(_))
    }

    /// Looks at everything, without calling anybody.
    ///
    /// # Errors
    /// [`Error::Invalid`]; it shows no secret.
    pub fn validate(&self) -> Result<(), Error> {
        let refused = |unsendable: Unsendable| Error::invalid(self.word(), unsendable.0);
        match self {
            Self::Webhook(webhook) => address(&webhook.url).map(drop).map_err(refused),
            Self::Slack(slack) => address(&slack.url).map(drop).map_err(refused),
            Self::PagerDuty(pagerduty) => pagerduty.validate().map_err(refused),
            Self::Opsgenie(opsgenie) => opsgenie.validate().map_err(refused),
            Self::Email(email) => email.validate().map_err(refused),
        }
    }

    /// The request that tells it, for those that are told by HTTP.
    pub(crate) fn request(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Option<Result<Request<Bytes>, Unsendable>> {
        match self {
            Self::Webhook(webhook) => Some(webhook.request(notification, now)),
            Self::Slack(slack) => Some(slack.request(notification)),
            Self::PagerDuty(pagerduty) => Some(pagerduty.request(notification)),
            Self::Opsgenie(opsgenie) => Some(opsgenie.request(notification)),
            Self::Email(_) => None,
        }
    }
}

/// An address to post to.
fn address(url: &Secret<String>) -> Result<Uri, Unsendable> {
    // the reason could show a part of the address, which may be a secret
    let wrong = || Unsendable("the address is http://… or https://…".to_owned());
    let uri: Uri = url.expose().parse().map_err(|_| wrong())?;
    if uri.authority().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong());
    }
    Ok(uri)
}

/// JSON to an address.
fn post(uri: Uri, body: &serde_json::Value) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("seaworthy-alerts"));
    request
}

/// What people read where there is room: each alert with its texts.
fn description(notification: &Notification, most: usize) -> String {
    let mut text = String::new();
    if !notification.note.is_empty() {
        text.push_str(&notification.note);
        text.push('\n');
    }
    for item in &notification.alerts {
        text.push_str(&format!("[{}] {}\n", item.status.word(), item.headline()));
        for (name, value) in item.annotations.iter().filter(|(name, _)| *name != "summary") {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        let labels: Vec<String> = item.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        text.push_str(&format!("  since {}; {}\n", crate::time::rfc3339(item.starts_at), labels.join(", ")));
    }
    if notification.more > 0 {
        text.push_str(&format!("and {} more\n", notification.more));
    }
    if !notification.external_url.is_empty() {
        text.push_str(&notification.external_url);
        text.push('\n');
    }
    crate::text::lines(&text, most)
}
