use super::{Unsendable, address, description, post};
use crate::notification::{Notification, Status};
use crate::rule::Severity;
use crate::text::{cut, line};
use crate::time::rfc3339;
use bytes::Bytes;
use http::Request;
use seaworthy_core::Secret;
use serde_json::json;

/// Where events are sent unless said otherwise.
const EVENTS: &str = "https://events.pagerduty.com/v2/enqueue";

/// Incidents by the Events API, version 2. A group of alerts is one incident: triggered, acknowledged and resolved
/// with it.
#[derive(Debug, Clone)]
pub struct PagerDuty {
    /// The integration's key.
    pub routing_key: Secret<String>,
    /// Another address, such as that of the service region in Europe.
    pub url: Option<String>,
}

impl PagerDuty {
    pub(super) fn validate(&self) -> Result<(), Unsendable> {
        let key = self.routing_key.expose();
        if key.is_empty() || key.len() > 128 || !key.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Unsendable("routing_key is that of an integration".to_owned()));
        }
        self.uri().map(drop)
    }

    fn uri(&self) -> Result<http::Uri, Unsendable> {
        address(&Secret::new(self.url.clone().unwrap_or_else(|| EVENTS.to_owned())))
    }

    pub(super) fn request(&self, notification: &Notification) -> Result<Request<Bytes>, Unsendable> {
        let action = match notification.status {
            Status::Firing => "trigger",
            Status::Acknowledged => "acknowledge",
            Status::Resolved => "resolve",
        };
        let mut event = json!({
            "routing_key": self.routing_key.expose(),
            "event_action": action,
            "dedup_key": line(&notification.group_key, 255),
        });
        if notification.status == Status::Firing {
            event["payload"] = payload(notification);
            event["client"] = "Seaworthy".into();
            if !notification.external_url.is_empty() {
                event["client_url"] = notification.external_url.clone().into();
            }
            let runbook = notification.common_annotations.get("runbook_url");
            if let Some(runbook) = runbook.filter(|runbook| runbook.starts_with("http")) {
                event["links"] = json!([{ "href": cut(runbook, 1_024), "text": "Runbook" }]);
            }
        }
        Ok(post(self.uri()?, &event))
    }
}

fn payload(notification: &Notification) -> serde_json::Value {
    let label = |name: &str| notification.common_labels.get(name).map_or("", String::as_str);
    let severity = match notification.severity() {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let source = match label("seaworthy_service") {
        "" => "seaworthy",
        service => service,
    };
    json!({
        "summary": cut(&notification.title(), 1_024),
        "source": line(source, 255),
        "severity": severity,
        "timestamp": rfc3339(notification.alerts.first().map_or(notification.at, |item| item.starts_at)),
        "class": label("alertname"),
        "group": label("seaworthy_service"),
        "custom_details": {
            "labels": notification.common_labels,
            "firing": notification.firing() + notification.more,
            "alerts": description(notification, 16 << 10),
        },
    })
}
