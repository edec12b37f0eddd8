//! What is written down, and how it is taken up again.

use super::State;
use crate::alert::{Alert, Origin};
use crate::dispatch::{Group, Turns, World};
use crate::engine::Begun;
use crate::silence::Silence;
use crate::time::micros;
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::Labels;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What changed since it was last written down.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) silences: Vec<Silence>,
    pub(crate) gone_silences: Vec<String>,
    pub(crate) groups: Vec<StoredGroup>,
    pub(crate) gone_groups: Vec<String>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) gone_pending: Vec<Pending>,
    pub(crate) turns: Option<Turns>,
    pub(crate) looked_at: Option<Timestamp>,
    ids: Ids,
}

/// By what it is asked for again where it could not be written down.
#[derive(Debug, Default)]
struct Ids {
    alerts: BTreeSet<String>,
    silences: BTreeSet<String>,
    groups: BTreeSet<String>,
    pending: BTreeSet<(String, Labels)>,
}

/// A group, with its route by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredGroup {
    pub(crate) route: String,
    pub(crate) group: Group,
}

/// A series that is wrong, but not for long enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) rule: String,
    pub(crate) series: Vec<(String, String)>,
    #[serde(with = "micros")]
    pub(crate) since: Timestamp,
}

/// Everything that was written down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) silences: Vec<Silence>,
    pub(crate) groups: Vec<StoredGroup>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) turns: Option<Turns>,
    pub(crate) looked_at: Option<Timestamp>,
}

impl Pending {
    fn new(rule: &str, series: &Labels, since: Timestamp) -> Self {
        let series = series.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { rule: rule.to_owned(), series, since }
    }

    /// What tells it from others.
    pub(crate) fn key(&self) -> String {
        let series = self.series.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        crate::text::digest(std::iter::once(self.rule.as_str()).chain(series))
    }
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.alerts.is_empty()
            && self.silences.is_empty()
            && self.gone_silences.is_empty()
            && self.groups.is_empty()
            && self.gone_groups.is_empty()
            && self.pending.is_empty()
            && self.gone_pending.is_empty()
            && self.turns.is_none()
            && self.looked_at.is_none()
    }
}

impl State {
    /// What is to be written down.
    pub(crate) fn take_changes(&mut self) -> Changes {
        let ids = Ids {
            alerts: self.book.take_dirty(),
            silences: self.silences.take_dirty(),
            groups: self.dispatcher.take_dirty(),
            pending: self.engine.take_changed(),
        };
        let mut changes = Changes::default();
        changes.alerts.extend(ids.alerts.iter().filter_map(|id| self.book.get(id)).cloned());
        for id in &ids.silences {
            match self.silences.get(id) {
                Some(silence) => changes.silences.push(silence.clone()),
                None => changes.gone_silences.push(id.clone()),
            }
        }
        for key in &ids.groups {
            match self.dispatcher.group(key) {
                Some(group) => {
                    let route = self.dispatcher.route_key(group).to_owned();
                    changes.groups.push(StoredGroup { route, group: group.clone() });
                }
                None => changes.gone_groups.push(key.clone()),
            }
        }
        for (rule, series) in &ids.pending {
            match self.engine.pending(rule, series) {
                Some(since) => changes.pending.push(Pending::new(rule, series, since)),
                None => changes.gone_pending.push(Pending::new(rule, series, Timestamp::from_micros(0))),
            }
        }
        changes.turns =
            (self.kept_turns != *self.dispatcher.turns()).then(|| self.dispatcher.turns().clone());
        changes.looked_at = self.engine.looked_at().filter(|at| Some(*at) != self.kept_looked_at);
        changes.ids = ids;
        changes
    }

    /// It was written down.
    pub(crate) fn kept(&mut self, changes: Changes) {
        if let Some(turns) = changes.turns {
            self.kept_turns = turns;
        }
        self.kept_looked_at = changes.looked_at.or(self.kept_looked_at);
    }

    /// It could not be written down: it is to be asked for again.
    pub(crate) fn put_back(&mut self, changes: Changes) {
        self.book.put_back(changes.ids.alerts);
        self.silences.put_back(changes.ids.silences);
        self.dispatcher.put_back(changes.ids.groups);
        self.engine.put_back(changes.ids.pending);
    }

    /// Takes up an earlier life. What has begun here meanwhile becomes one with it.
    pub(crate) fn restore(&mut self, kept: Kept, at: Timestamp) {
        kept.silences.into_iter().for_each(|silence| self.silences.restore(silence));
        for alert in kept.alerts {
            if let Some(old) = self.book.restore(alert.clone()) {
                self.dispatcher.rename(&old, &alert.id);
            }
        }
        for stored in kept.groups {
            self.dispatcher.restore(stored.group, &stored.route);
        }
        self.dispatcher.restore_turns(kept.turns.unwrap_or_default());
        let looked_at = kept.looked_at.unwrap_or(at);
        for pending in kept.pending {
            let series: Labels = pending.series.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            self.engine.restore_pending(&pending.rule, series, pending.since, looked_at);
        }
        self.restore_firing(at);
    }

    fn restore_firing(&mut self, at: Timestamp) {
        let firing: Vec<Alert> = self.book.all().filter(|alert| alert.is_firing()).cloned().collect();
        for alert in firing {
            if let Origin::Rule { rule, series } = &alert.origin {
                let begun = Begun {
                    rule: rule.clone(),
                    series: series.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
                    labels: alert.labels.clone(),
                    annotations: alert.annotations.clone(),
                    since: alert.starts_at,
                };
                if !self.engine.restore_firing(&begun, &alert.fingerprint) {
                    drop(self.book.resolve(&alert.fingerprint, "rule removed", at));
                    continue;
                }
            }
            self.dispatcher.admit(&alert, at);
        }
        let world = World { book: &self.book, silences: &self.silences, at };
        let groups = self.dispatcher.groups().count();
        tracing::info!(
            firing = world.book.all().filter(|a| a.is_firing()).count(),
            groups,
            "alerts taken up"
        );
    }
}
