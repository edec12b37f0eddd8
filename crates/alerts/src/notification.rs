//! What is told to a receiver: one message, however it is sent.

use crate::alert::Alert;
use crate::labels::LabelSet;
use crate::rule::Severity;
use crate::text::{digest, line};
use crate::time::{micros, micros_opt};
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many alerts stand in one message; of more only the number is said.
const MOST_ALERTS: usize = 50;
/// How large a message may be, in bytes of labels and texts.
const MOST_BYTES: usize = 128 << 10;

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Its own: a message that is sent twice has the same.
    pub key: String,
    /// For whom.
    pub receiver: String,
    /// Why it is sent.
    pub kind: Kind,
    /// How things stand.
    pub status: Status,
    /// The group that it is about: the same for all messages of it.
    pub group_key: String,
    /// What its alerts were put together by.
    pub group_labels: LabelSet,
    /// What all its alerts have.
    pub common_labels: LabelSet,
    /// What all its alerts say.
    pub common_annotations: BTreeMap<String, String>,
    /// Its alerts, the firing ones first; at most 50.
    pub alerts: Vec<Item>,
    /// How many more there are.
    pub more: usize,
    /// When it was made.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// A remark.
    #[serde(default)]
    pub note: String,
    /// Where people see more.
    #[serde(default)]
    pub external_url: String,
}

/// Why a message is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A group has changed, or goes on.
    Group,
    /// Nobody has acknowledged.
    Escalation {
        /// The chain.
        chain: String,
        /// The step, from 0.
        step: usize,
        /// How often the chain has begun again.
        round: u8,
    },
    /// It is sent always: that it stops says that nothing is told any more.
    Heartbeat,
    /// There was more to be told than one receiver is to be sent.
    Storm,
    /// Somebody tries whether messages arrive.
    Test,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something is wrong.
    Firing,
    /// Somebody looks after all that is wrong.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// An alert in a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Of the alert.
    pub id: String,
    /// Of the alert.
    pub fingerprint: String,
    /// How it stands.
    pub status: Status,
    /// Of the alert.
    pub labels: LabelSet,
    /// Of the alert.
    pub annotations: BTreeMap<String, String>,
    /// Since when it has been wrong.
    #[serde(with = "micros")]
    pub starts_at: Timestamp,
    /// When it ended.
    #[serde(with = "micros_opt")]
    pub ends_at: Option<Timestamp>,
    /// The last value.
    pub value: Option<f64>,
    /// Where its sender shows it.
    #[serde(default)]
    pub generator_url: String,
}

impl Item {
    pub(crate) fn new(alert: &Alert) -> Self {
        let status = match (&alert.acknowledged, alert.is_firing()) {
            (_, false) => Status::Resolved,
            (Some(_), true) => Status::Acknowledged,
            (None, true) => Status::Firing,
        };
        let generator_url = match &alert.origin {
            crate::alert::Origin::External { generator_url, .. } => generator_url.clone(),
            _ => String::new(),
        };
        Self {
            id: alert.id.clone(),
            fingerprint: alert.fingerprint.clone(),
            status,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            value: alert.value.filter(|value| value.is_finite()),
            generator_url,
        }
    }

    fn bytes(&self) -> usize {
        let texts = self.labels.iter().chain(&self.annotations);
        texts.map(|(name, value)| name.len() + value.len() + 8).sum::<usize>() + 256
    }

    /// Its name, and its summary where there is one.
    pub(crate) fn headline(&self) -> String {
        let name = self.labels.get(crate::labels::ALERT_NAME).map_or("alert", String::as_str);
        match self.annotations.get("summary") {
            Some(summary) => line(&format!("{name}: {summary}"), 512),
            None => line(name, 256),
        }
    }
}

impl Notification {
    /// Of alerts; says no more of them than fits.
    pub(crate) fn new(receiver: &str, kind: Kind, status: Status, items: Vec<Item>, at: Timestamp) -> Self {
        let (common_labels, common_annotations) = (
            common(items.iter().map(|item| &item.labels)),
            common(items.iter().map(|item| &item.annotations)),
        );
        let all = items.len();
        let alerts = fitting(items);
        Self {
            key: String::new(),
            receiver: receiver.to_owned(),
            kind,
            status,
            group_key: String::new(),
            group_labels: LabelSet::new(),
            common_labels,
            common_annotations,
            more: all - alerts.len(),
            alerts,
            at,
            note: String::new(),
            external_url: String::new(),
        }
    }

    /// Gives it its key: the same group, receiver, state and number make the same message.
    pub(crate) fn keyed(mut self, number: &str) -> Self {
        let state = self.alerts.iter().flat_map(|item| [item.id.as_str(), item.status.word()]);
        let state = digest(state.chain([self.status.word()]));
        let kind = match &self.kind {
            Kind::Escalation { chain, step, round } => format!("escalation {chain} {step} {round}"),
            Kind::Group => "group".to_owned(),
            Kind::Heartbeat => "heartbeat".to_owned(),
            Kind::Storm => "storm".to_owned(),
            Kind::Test => "test".to_owned(),
        };
        self.key = digest([self.group_key.as_str(), &self.receiver, &kind, number, &state]);
        self
    }

    /// How many of its alerts are not over.
    pub fn firing(&self) -> usize {
        self.alerts.iter().filter(|item| item.status != Status::Resolved).count()
    }

    /// The worst of what is not over; of a message that something is over, the worst of that.
    pub fn severity(&self) -> Severity {
        let of = |open: bool| {
            let items = self.alerts.iter().filter(|item| !open || item.status != Status::Resolved);
            items.map(|item| Severity::of(&item.labels)).max()
        };
        of(true).or_else(|| of(false)).unwrap_or(Severity::Info)
    }

    /// One line: what people see first.
    pub fn title(&self) -> String {
        let subject = match (self.alerts.as_slice(), self.more) {
            ([one], 0) => one.headline(),
            _ => {
                let names =
                    self.common_labels.get(crate::labels::ALERT_NAME).or(self.group_labels.get("alertname"));
                let count = self.alerts.len() + self.more;
                format!("{} ({count} alerts)", names.map_or("alerts", String::as_str))
            }
        };
        let word = match (&self.kind, self.status) {
            (Kind::Heartbeat, _) => "HEARTBEAT".to_owned(),
            (Kind::Test, _) => "TEST".to_owned(),
            (Kind::Storm, _) => format!("{} MORE ALERTS", self.alerts.len() + self.more),
            (Kind::Escalation { .. }, Status::Firing) => "NOT ACKNOWLEDGED".to_owned(),
            (_, Status::Firing) => self.severity().word().to_uppercase(),
            (_, Status::Acknowledged) => "ACKNOWLEDGED".to_owned(),
            (_, Status::Resolved) => "RESOLVED".to_owned(),
        };
        line(&format!("[{word}] {subject}"), 512)
    }
}

impl Status {
    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

fn fitting(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by_key(|item| {
        let over = item.status == Status::Resolved;
        (over, std::cmp::Reverse(Severity::of(&item.labels)), item.starts_at)
    });
    let mut bytes = 0_usize;
    let fits = |item: &Item| {
        bytes = bytes.saturating_add(item.bytes());
        bytes
    };
    let sizes: Vec<usize> = items.iter().map(fits).collect();
    let room = sizes.iter().take_while(|size| **size <= MOST_BYTES).count().max(1);
    items.truncate(room.min(MOST_ALERTS));
    items
}

fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let mut common = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common
}
