use super::{Unsendable, address, description, post};
use crate::notification::{Notification, Status};
use crate::rule::Severity;
use crate::text::line;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use seaworthy_core::Secret;
use serde_json::{Value, json};

/// Where requests are sent unless said otherwise.
const API: &str = "https://api.opsgenie.com";

/// Alerts by the Alert API. A group of alerts is one there, by its alias: created, acknowledged and closed with it.
#[derive(Debug, Clone)]
pub struct Opsgenie {
    /// The integration's key.
    pub api_key: Secret<String>,
    /// Another address, such as `https://api.eu.opsgenie.com`.
    pub url: Option<String>,
}

impl Opsgenie {
    pub(super) fn validate(&self) -> Result<(), Unsendable> {
        self.authorization()?;
        self.uri("/v2/alerts").map(drop)
    }

    fn authorization(&self) -> Result<HeaderValue, Unsendable> {
        let wrong = || Unsendable("api_key is that of an integration".to_owned());
        if self.api_key.expose().is_empty() {
            return Err(wrong());
        }
        let text = Secret::new(format!("GenieKey {}", self.api_key.expose()));
        let mut value = HeaderValue::from_str(text.expose()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn uri(&self, path: &str) -> Result<Uri, Unsendable> {
        let base = self.url.as_deref().unwrap_or(API).trim_end_matches('/');
        address(&Secret::new(format!("{base}{path}")))
    }

    pub(super) fn request(&self, notification: &Notification) -> Result<Request<Bytes>, Unsendable> {
        let alias = line(&notification.group_key, 512);
        let on_alias = |order: &str| {
            let alias = utf8_percent_encode(&alias, NON_ALPHANUMERIC);
            self.uri(&format!("/v2/alerts/{alias}/{order}?identifierType=alias"))
        };
        let plain = json!({ "source": "Seaworthy", "note": line(&notification.title(), 1_000) });
        let mut request = match notification.status {
            Status::Firing => post(self.uri("/v2/alerts")?, &create(notification, &alias)),
            Status::Acknowledged => post(on_alias("acknowledge")?, &plain),
            Status::Resolved => post(on_alias("close")?, &plain),
        };
        request.headers_mut().insert(AUTHORIZATION, self.authorization()?);
        Ok(request)
    }
}

fn create(notification: &Notification, alias: &str) -> Value {
    let priority = match notification.severity() {
        Severity::Critical => "P1",
        Severity::Warning => "P3",
        Severity::Info => "P5",
    };
    // 130 characters
    let message: String = notification.title().chars().take(130).collect();
    let details: serde_json::Map<String, Value> = notification
        .common_labels
        .iter()
        .take(32)
        .map(|(name, value)| (name.clone(), line(value, 200).into()))
        .collect();
    json!({
        "message": message,
        "alias": alias,
        "description": description(notification, 14_000),
        "priority": priority,
        "source": "Seaworthy",
        "details": details,
    })
}
