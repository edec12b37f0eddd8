//! Alerts as they are shown.

use std::collections::BTreeMap;

use seaworthy_alerts::AlertView as Found;
use seaworthy_alerts::alert::{Change, Mark, Origin, Transition};
use serde::Serialize;
use utoipa::ToSchema;

use crate::jobs::moment;

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertView {
    /// Its own: one that fires again much later is another one.
    id: String,
    #[schema(example = "HighErrorRate")]
    name: String,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    /// `firing` or `resolved`.
    state: &'static str,
    /// Why nobody is told of it now: `silenced`, `inhibited` or `snoozed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<&'static str>,
    /// Who is told of it.
    receivers: Vec<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// `rule`, `own` (about silences that end) or `external` (a sender such as a Prometheus).
    source: &'static str,
    /// Where its sender shows it.
    #[serde(skip_serializing_if = "String::is_empty")]
    generator_url: String,
    starts_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    /// The last value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// Who looks after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<MarkView>,
    /// Who asked for a pause, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    snoozed: Option<SnoozeView>,
    /// Who said that it is over, where a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_by: Option<String>,
    /// How often it came back.
    reopened: u32,
    /// What happened to it, oldest first, at most 64; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    transitions: Option<Vec<TransitionView>>,
}

/// Who did something, when and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MarkView {
    by: String,
    at: String,
    comment: String,
}

/// A pause that somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SnoozeView {
    by: String,
    until: String,
}

/// A change of an alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransitionView {
    at: String,
    /// `fired`, `reopened`, `acknowledged`, `unacknowledged`, `snoozed`, `woken` or `resolved`.
    change: &'static str,
    /// Who; empty where nobody did.
    actor: String,
    comment: String,
}

/// Alerts that are told of together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupView {
    key: String,
    /// By what they are put together.
    labels: BTreeMap<String, String>,
    receiver: String,
    /// Ids of its alerts.
    alerts: Vec<String>,
    /// When something was last told.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<String>,
    /// When it is looked at next.
    next_flush_at: String,
    /// The step of the escalation that comes next, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation: Option<EscalationView>,
}

/// What comes next while nobody acknowledges.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EscalationView {
    /// From 0.
    step: usize,
    due_at: String,
}

impl AlertView {
    pub(crate) fn new(found: Found, whole: bool) -> Self {
        let alert = found.alert;
        let (source, generator_url) = match &alert.origin {
            Origin::Rule { .. } => ("rule", String::new()),
            Origin::Own => ("own", String::new()),
            Origin::External { generator_url, .. } => ("external", generator_url.clone()),
        };
        Self {
            name: alert.name().to_owned(),
            severity: alert.severity().word(),
            state: if alert.is_firing() { "firing" } else { "resolved" },
            held: found.held,
            receivers: found.receivers,
            source,
            generator_url,
            starts_at: moment(alert.starts_at),
            updated_at: moment(alert.updated_at),
            ends_at: alert.ends_at.map(moment),
            value: alert.value,
            acknowledged: alert.acknowledged.map(MarkView::from),
            snoozed: alert.snoozed.map(|snooze| SnoozeView { by: snooze.by, until: moment(snooze.until) }),
            resolved_by: alert.resolved_by,
            reopened: alert.reopened,
            transitions: whole.then(|| alert.history.into_iter().map(TransitionView::from).collect()),
            id: alert.id,
            labels: alert.labels,
            annotations: alert.annotations,
        }
    }
}

impl From<Mark> for MarkView {
    fn from(mark: Mark) -> Self {
        Self { by: mark.by, at: moment(mark.at), comment: mark.comment }
    }
}

impl From<Transition> for TransitionView {
    fn from(transition: Transition) -> Self {
        let change = match transition.change {
            Change::Fired => "fired",
            Change::Reopened => "reopened",
            Change::Acknowledged => "acknowledged",
            Change::Unacknowledged => "unacknowledged",
            Change::Snoozed => "snoozed",
            Change::Woken => "woken",
            Change::Resolved => "resolved",
        };
        Self { at: moment(transition.at), change, actor: transition.actor, comment: transition.comment }
    }
}

impl From<seaworthy_alerts::GroupView> for GroupView {
    fn from(group: seaworthy_alerts::GroupView) -> Self {
        let escalation = |(step, due_at)| EscalationView { step, due_at: moment(due_at) };
        Self {
            key: group.key,
            labels: group.labels,
            receiver: group.receiver,
            alerts: group.alerts,
            told_at: group.told_at.map(moment),
            next_flush_at: moment(group.next_flush),
            escalation: group.escalation.map(escalation),
        }
    }
}
