use crate::escalation::Progress;
use crate::labels::LabelSet;
use crate::text::digest;
use crate::time::{micros, micros_opt};
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Alerts that are told of together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) key: String,
    /// The route, by its place; on disk by its key.
    #[serde(skip)]
    pub(crate) route: usize,
    pub(crate) labels: LabelSet,
    /// When it was made: one that comes back later makes other messages.
    #[serde(with = "micros")]
    pub(crate) made_at: Timestamp,
    /// Ids of its alerts.
    pub(crate) members: BTreeSet<String>,
    /// When it is looked at next.
    #[serde(with = "micros")]
    pub(crate) next_flush: Timestamp,
    /// What was last told of each alert.
    pub(crate) told: BTreeMap<String, Told>,
    /// When something was last told.
    #[serde(with = "micros_opt")]
    pub(crate) told_at: Option<Timestamp>,
    /// How many messages there were.
    pub(crate) sequence: u64,
    pub(crate) escalation: Option<Progress>,
    /// Who was told by an escalation: they are to hear that it is over.
    #[serde(default)]
    pub(crate) escalated_to: BTreeSet<String>,
}

/// What receivers believe of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// That it fires.
    Firing,
    /// That it fires, and somebody looks after it.
    Acknowledged,
    /// That it fires; since then it has been held back, and they will hear of it again when it is not.
    Held,
}

impl Group {
    pub(super) fn key(route: &str, labels: &LabelSet) -> String {
        let labels = labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        digest(std::iter::once(route).chain(labels))
    }

    pub(super) const fn new(key: String, route: usize, labels: LabelSet, made_at: Timestamp) -> Self {
        Self {
            key,
            route,
            labels,
            made_at,
            members: BTreeSet::new(),
            next_flush: made_at,
            told: BTreeMap::new(),
            told_at: None,
            sequence: 0,
            escalation: None,
            escalated_to: BTreeSet::new(),
        }
    }

    /// What tells its next message from others of the same alerts.
    pub(super) fn next_number(&self) -> String {
        format!("{} {}", self.made_at.as_micros(), self.sequence + 1)
    }

    pub(super) fn next_escalation(&self) -> Option<Timestamp> {
        self.escalation.as_ref().filter(|progress| !progress.is_done).map(|progress| progress.due_at)
    }

    pub(super) fn escalation_due(&self, at: Timestamp) -> bool {
        self.next_escalation().is_some_and(|due| due <= at)
    }
}
