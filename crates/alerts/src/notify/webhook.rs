use super::{Unsendable, address, post};
use crate::labels::LabelSet;
use crate::notification::{Item, Notification, Status};
use crate::text::hex;
use crate::time::rfc3339;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use seaworthy_core::Secret;
use seaworthy_store::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// The header with the signature: `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of `SECONDS.BODY`.
pub const SIGNATURE: &str = "x-seaworthy-signature";

/// A POST in the form that Alertmanager sends (version 4).
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where to. May hold a token: it is shown nowhere.
    pub url: Secret<String>,
    /// What messages are signed with; not signed where there is none.
    pub secret: Option<Secret<String>>,
}

/// The body. The fields before `key` are Alertmanager's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: usize,
    status: &'static str,
    receiver: &'a str,
    group_labels: &'a LabelSet,
    common_labels: &'a LabelSet,
    common_annotations: &'a BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: Vec<Alert<'a>>,
    key: &'a str,
    title: String,
    reason: &'a crate::notification::Kind,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    status: &'static str,
    labels: &'a LabelSet,
    annotations: &'a BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: &'a str,
    acknowledged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
}

impl Webhook {
    pub(super) fn request(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<Request<Bytes>, Unsendable> {
        let body = serde_json::to_value(Body::new(notification)).map_err(|e| Unsendable(e.to_string()))?;
        let mut request = post(address(&self.url)?, &body);
        let header = |text: &str| HeaderValue::from_str(text).map_err(|_| Unsendable("a header".to_owned()));
        let key = header(&notification.key)?;
        request.headers_mut().insert(HeaderName::from_static("idempotency-key"), key);
        if let Some(secret) = &self.secret {
            let seconds = now.as_micros().div_euclid(1_000_000);
            let signature = header(&sign(secret.expose().as_bytes(), seconds, request.body()))?;
            request.headers_mut().insert(HeaderName::from_static(SIGNATURE), signature);
        }
        Ok(request)
    }
}

/// The value of the [signature header](SIGNATURE). Whoever checks it should refuse what is older than some minutes.
pub fn sign(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    format!("t={seconds},v1={}", hex(context.sign().as_ref()))
}

impl<'a> Body<'a> {
    fn new(notification: &'a Notification) -> Self {
        Self {
            version: "4",
            group_key: &notification.group_key,
            truncated_alerts: notification.more,
            status: word(notification.status),
            receiver: &notification.receiver,
            group_labels: &notification.group_labels,
            common_labels: &notification.common_labels,
            common_annotations: &notification.common_annotations,
            external_url: &notification.external_url,
            alerts: notification.alerts.iter().map(Alert::new).collect(),
            key: &notification.key,
            title: notification.title(),
            reason: &notification.kind,
            note: &notification.note,
        }
    }
}

impl<'a> Alert<'a> {
    fn new(item: &'a Item) -> Self {
        Self {
            status: word(item.status),
            labels: &item.labels,
            annotations: &item.annotations,
            starts_at: rfc3339(item.starts_at),
            // of what goes on, Alertmanager writes the zero of its language
            ends_at: item.ends_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339),
            generator_url: &item.generator_url,
            fingerprint: &item.fingerprint,
            acknowledged: item.status == Status::Acknowledged,
            value: item.value,
        }
    }
}

/// Alertmanager knows two.
const fn word(status: Status) -> &'static str {
    match status {
        Status::Firing | Status::Acknowledged => "firing",
        Status::Resolved => "resolved",
    }
}
