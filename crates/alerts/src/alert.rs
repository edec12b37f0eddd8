//! An alert: something that is wrong, from when it was told of until it is over, and what people did about it.

mod book;
mod human;

#[cfg(test)]
mod tests;

pub use book::BookSettings;
pub(crate) use book::{Book, Fired, Report};

use crate::labels::LabelSet;
use crate::rule::Severity;
use crate::time::{micros, micros_opt};
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many changes of an alert are kept; the oldest but the first go.
const MOST_TRANSITIONS: usize = 64;
/// How long a comment may be, in bytes.
const LONGEST_COMMENT: usize = 1_024;
/// How long the name of whoever acts may be, in bytes.
const LONGEST_ACTOR: usize = 256;

/// Something that is, or was, wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its own: an alert that fires again much later is another one.
    pub id: String,
    /// The same for the same labels.
    pub fingerprint: String,
    /// What tells it from others; `alertname` and `severity` among them.
    pub labels: LabelSet,
    /// Texts: `summary`, `runbook_url` and others.
    pub annotations: BTreeMap<String, String>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it is over.
    pub state: AlertState,
    /// Since when it has been wrong.
    #[serde(with = "micros")]
    pub starts_at: Timestamp,
    /// When it was last changed.
    #[serde(with = "micros")]
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(with = "micros_opt")]
    pub ends_at: Option<Timestamp>,
    /// The last value.
    #[serde(default)]
    pub value: Option<f64>,
    /// Somebody looks after it: no repetitions, no escalation, until it is over.
    #[serde(default)]
    pub acknowledged: Option<Mark>,
    /// It is not told of until then.
    #[serde(default)]
    pub snoozed: Option<Snooze>,
    /// Who said that it is over, where a person did.
    #[serde(default)]
    pub resolved_by: Option<String>,
    /// How often it came back.
    #[serde(default)]
    pub reopened: u32,
    /// What happened to it, oldest first.
    #[serde(default)]
    pub history: Vec<Transition>,
}

/// Where an alert comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// A rule, or, where its name is empty, what the engine tells of itself.
    Rule {
        /// The rule's name.
        rule: String,
        /// The labels of the series.
        series: Vec<(String, String)>,
    },
    /// This crate, about silences that end.
    Own,
    /// A sender of alerts, such as a Prometheus.
    External {
        /// It is over then unless it is sent again.
        #[serde(with = "micros")]
        expires_at: Timestamp,
        /// Where the sender shows it.
        generator_url: String,
    },
}

/// Whether an alert is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is not.
    Firing,
    /// It is.
    Resolved,
}

/// Who did something, when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who.
    pub by: String,
    /// When.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// Why.
    pub comment: String,
}

/// A pause that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snooze {
    /// Who.
    pub by: String,
    /// Until when.
    #[serde(with = "micros")]
    pub until: Timestamp,
}

/// A change of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// What: see [`Change`].
    pub change: Change,
    /// Who; empty where nobody did.
    pub actor: String,
    /// More about it.
    pub comment: String,
}

/// What can happen to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It began.
    Fired,
    /// It is back.
    Reopened,
    /// Somebody looks after it.
    Acknowledged,
    /// Nobody does any more.
    Unacknowledged,
    /// Somebody asked for a pause.
    Snoozed,
    /// The pause is over.
    Woken,
    /// It ended, or somebody said so.
    Resolved,
}

impl Alert {
    /// Its name.
    pub fn name(&self) -> &str {
        self.labels.get(crate::labels::ALERT_NAME).map_or("", String::as_str)
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        Severity::of(&self.labels)
    }

    /// Whether it is not over.
    pub fn is_firing(&self) -> bool {
        self.state == AlertState::Firing
    }

    /// Whether it is paused at a moment.
    pub fn is_snoozed(&self, at: Timestamp) -> bool {
        self.snoozed.as_ref().is_some_and(|snooze| at < snooze.until)
    }

    pub(crate) fn note(&mut self, at: Timestamp, change: Change, actor: &str, comment: &str) {
        if self.history.len() >= MOST_TRANSITIONS {
            self.history.remove(1);
        }
        self.updated_at = at;
        self.history.push(Transition {
            at,
            change,
            actor: crate::text::line(actor, LONGEST_ACTOR),
            comment: crate::text::lines(comment, LONGEST_COMMENT),
        });
    }
}
