use super::{Alert, AlertState, Change, Origin};
use crate::labels::LabelSet;
use crate::rule::Severity;
use seaworthy_store::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How alerts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookSettings {
    /// How many alerts there may be; default 10,000. The first to go are those that ended longest ago. Of firing ones
    /// beyond it no more are taken: they are counted and logged.
    pub max_alerts: usize,
    /// What fires again within so long after its end is the same alert; default 30 min.
    pub reopen_within: Duration,
    /// What somebody resolved by hand and is still wrong after so long is open again; default 30 min.
    pub reopen_after: Duration,
    /// How long alerts that ended are kept at hand; default 24 h.
    pub keep_resolved: Duration,
}

impl Default for BookSettings {
    fn default() -> Self {
        Self {
            max_alerts: 10_000,
            reopen_within: Duration::from_secs(1_800),
            reopen_after: Duration::from_secs(1_800),
            keep_resolved: Duration::from_secs(86_400),
        }
    }
}

/// All alerts.
#[derive(Debug)]
pub(crate) struct Book {
    settings: BookSettings,
    alerts: HashMap<String, Alert>,
    /// The latest alert of each fingerprint.
    current: HashMap<String, String>,
    /// Changed since they were last asked for.
    dirty: BTreeSet<String>,
    /// Firing alerts that found no room.
    pub(crate) dropped: u64,
}

/// What is to be told when an alert is reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fired {
    /// It is new, or back.
    Opened(String),
    /// It is known.
    Known,
    /// There is no room.
    Dropped,
}

/// An alert that is reported.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) fingerprint: String,
    pub(crate) labels: LabelSet,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) origin: Origin,
    pub(crate) since: Timestamp,
    pub(crate) value: Option<f64>,
}

impl Book {
    pub(crate) fn new(settings: BookSettings) -> Self {
        let (alerts, current, dirty) = (HashMap::new(), HashMap::new(), BTreeSet::new());
        Self { settings, alerts, current, dirty, dropped: 0 }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Alert> {
        self.alerts.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    pub(crate) fn current(&self, fingerprint: &str) -> Option<&Alert> {
        self.current.get(fingerprint).and_then(|id| self.alerts.get(id))
    }

    /// A change that is to be kept.
    pub(super) fn change(&mut self, id: &str) -> Option<&mut Alert> {
        let alert = self.alerts.get_mut(id)?;
        self.dirty.insert(id.to_owned());
        Some(alert)
    }

    /// Something is wrong.
    pub(crate) fn fire(&mut self, report: Report, at: Timestamp) -> Fired {
        let known = self.current.get(&report.fingerprint).cloned();
        if let Some(alert) = known.as_deref().and_then(|id| self.alerts.get(id)) {
            if alert.is_firing() {
                self.refresh(&report);
                return Fired::Known;
            }
            let ended = alert.ends_at.unwrap_or(alert.updated_at);
            // whoever said that it is over is believed for a while
            if alert.resolved_by.is_some() && at.since(ended) < self.settings.reopen_after {
                return Fired::Known;
            }
            let believed =
                if alert.resolved_by.is_some() { self.settings.reopen_after } else { Duration::ZERO };
            if at.since(ended) < self.settings.reopen_within + believed {
                let id = alert.id.clone();
                self.reopen(&id, at, "fires again");
                self.refresh(&report);
                return Fired::Opened(id);
            }
        }
        if self.alerts.len() >= self.settings.max_alerts && !self.make_room() {
            self.dropped += 1;
            tracing::error!(
                name = report.labels.get("alertname"),
                "no room for another alert: it is not told of"
            );
            return Fired::Dropped;
        }
        Fired::Opened(self.open(report, at))
    }

    fn open(&mut self, report: Report, at: Timestamp) -> String {
        let id = format!("{}-{:x}", report.fingerprint, at.as_micros());
        let mut alert = Alert {
            id: id.clone(),
            fingerprint: report.fingerprint.clone(),
            labels: report.labels,
            annotations: report.annotations,
            origin: report.origin,
            state: AlertState::Firing,
            starts_at: report.since,
            updated_at: at,
            ends_at: None,
            value: report.value,
            acknowledged: None,
            snoozed: None,
            resolved_by: None,
            reopened: 0,
            history: Vec::new(),
        };
        alert.note(at, Change::Fired, "", "");
        self.current.insert(report.fingerprint, id.clone());
        self.alerts.insert(id.clone(), alert);
        self.dirty.insert(id.clone());
        id
    }

    /// Texts and value follow; what they were is not kept on disk at once.
    fn refresh(&mut self, report: &Report) {
        let Some(alert) = self.current.get(&report.fingerprint).and_then(|id| self.alerts.get_mut(id)) else {
            return;
        };
        alert.annotations.clone_from(&report.annotations);
        alert.value = report.value;
        if alert.origin != report.origin {
            alert.origin = report.origin.clone();
            self.dirty.insert(alert.id.clone());
        }
    }

    fn reopen(&mut self, id: &str, at: Timestamp, why: &str) {
        let Some(alert) = self.change(id) else { return };
        (alert.state, alert.ends_at, alert.resolved_by) = (AlertState::Firing, None, None);
        // whoever looked after it believed that it was over
        (alert.acknowledged, alert.snoozed) = (None, None);
        alert.reopened = alert.reopened.saturating_add(1);
        alert.note(at, Change::Reopened, "", why);
    }

    /// It is still wrong. What a person called resolved and is not opens again after a while.
    pub(crate) fn still(&mut self, fingerprint: &str, value: Option<f64>, at: Timestamp) -> Option<String> {
        let id = self.current.get(fingerprint)?;
        let alert = self.alerts.get_mut(id)?;
        if alert.is_firing() {
            alert.value = value;
            return None;
        }
        if at.since(alert.ends_at.unwrap_or(at)) < self.settings.reopen_after {
            return None;
        }
        let id = id.clone();
        self.reopen(&id, at, "still wrong");
        Some(id)
    }

    /// It is over.
    pub(crate) fn resolve(&mut self, fingerprint: &str, why: &str, at: Timestamp) -> Option<String> {
        let id = self.current.get(fingerprint).cloned()?;
        let alert = self.alerts.get(&id).filter(|alert| alert.is_firing())?;
        let id = alert.id.clone();
        let alert = self.change(&id)?;
        (alert.state, alert.ends_at) = (AlertState::Resolved, Some(at));
        alert.note(at, Change::Resolved, "", why);
        Some(id)
    }

    /// Pauses that are over, senders that are silent, ends of long ago. Gives the alerts whose pause is over.
    pub(crate) fn pass_time(&mut self, at: Timestamp) -> Vec<String> {
        let mut woken = Vec::new();
        let mut silent = Vec::new();
        for alert in self.alerts.values_mut().filter(|alert| alert.is_firing()) {
            if alert.snoozed.as_ref().is_some_and(|snooze| snooze.until <= at) {
                alert.snoozed = None;
                alert.note(at, Change::Woken, "", "");
                woken.push(alert.id.clone());
            }
            if matches!(&alert.origin, Origin::External { expires_at, .. } if *expires_at <= at) {
                silent.push(alert.fingerprint.clone());
            }
        }
        self.dirty.extend(woken.iter().cloned());
        for fingerprint in silent {
            self.resolve(&fingerprint, "not sent any more", at);
        }
        let keep = self.settings.keep_resolved;
        let over = |alert: &Alert| alert.ends_at.is_some_and(|ended| at.since(ended) >= keep);
        let gone: Vec<String> =
            self.alerts.values().filter(|alert| over(alert)).map(|alert| alert.id.clone()).collect();
        // one that is not kept on disk yet stays until it is
        gone.iter()
            .filter(|id| !self.dirty.contains(*id))
            .cloned()
            .collect::<Vec<_>>()
            .iter()
            .for_each(|id| self.forget(id));
        woken
    }

    fn make_room(&mut self) -> bool {
        let ended = self.alerts.values().filter(|alert| !alert.is_firing());
        let Some(oldest) = ended.min_by_key(|alert| alert.ends_at).map(|alert| alert.id.clone()) else {
            return false;
        };
        self.forget(&oldest);
        true
    }

    fn forget(&mut self, id: &str) {
        let Some(alert) = self.alerts.remove(id) else { return };
        if self.current.get(&alert.fingerprint).is_some_and(|current| current == id) {
            self.current.remove(&alert.fingerprint);
        }
    }

    /// An alert of an earlier life. One that began anew here meanwhile becomes one with it: gives its id here.
    pub(crate) fn restore(&mut self, alert: Alert) -> Option<String> {
        let known = self.current.get(&alert.fingerprint).cloned();
        let replaced = known.filter(|id| *id != alert.id && alert.is_firing());
        if let Some(id) = &replaced {
            self.alerts.remove(id);
            self.dirty.remove(id);
        }
        let is_newer =
            self.current(&alert.fingerprint).is_none_or(|known| known.starts_at <= alert.starts_at);
        if is_newer || alert.is_firing() {
            self.current.insert(alert.fingerprint.clone(), alert.id.clone());
        }
        self.alerts.entry(alert.id.clone()).or_insert(alert);
        replaced
    }

    /// Puts an alert back as it was: what was made of it could not be kept.
    pub(crate) fn revert(&mut self, alert: Alert) {
        self.alerts.insert(alert.id.clone(), alert);
    }

    pub(crate) fn take_dirty(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.dirty)
    }

    pub(crate) fn put_back(&mut self, dirty: BTreeSet<String>) {
        self.dirty.extend(dirty);
    }

    /// How many are firing, by severity.
    pub(crate) fn firing(&self) -> BTreeMap<Severity, usize> {
        let mut counts: BTreeMap<_, _> = Severity::ALL.into_iter().map(|severity| (severity, 0)).collect();
        for alert in self.alerts.values().filter(|alert| alert.is_firing()) {
            *counts.entry(alert.severity()).or_default() += 1;
        }
        counts
    }
}
