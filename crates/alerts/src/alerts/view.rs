//! What is shown.

use super::Alerts;
use crate::alert::Alert;
use crate::alertmanager::{GettableAlert, GettableSilence, StatusBody};
use crate::engine::RuleStatus;
use crate::labels::{LabelSet, Matchers};
use crate::silence::Silence;
use crate::{Error, record};
use seaworthy_store::Timestamp;

/// An alert, and whether it is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// The alert.
    pub alert: Alert,
    /// Why it is not told of now: `silenced`, `inhibited`, `snoozed`.
    pub held: Option<&'static str>,
    /// Who is told of it.
    pub receivers: Vec<String>,
}

/// Alerts that are told of together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// Its own.
    pub key: String,
    /// By what they are put together.
    pub labels: LabelSet,
    /// Who is told.
    pub receiver: String,
    /// Ids of its alerts.
    pub alerts: Vec<String>,
    /// When something was last told.
    pub told_at: Option<Timestamp>,
    /// When it is looked at next.
    pub next_flush: Timestamp,
    /// The step of the escalation that comes next, from 0, and when.
    pub escalation: Option<(usize, Timestamp)>,
}

impl Alerts {
    /// Alerts at hand that match, firing ones first, then the latest first; at most `most`.
    pub fn list(&self, matchers: &Matchers, most: usize) -> Vec<AlertView> {
        let at = self.now();
        let state = self.state();
        let mut found: Vec<&Alert> =
            state.book.all().filter(|alert| matchers.match_all(&alert.labels)).collect();
        found.sort_by_key(|alert| {
            (!alert.is_firing(), std::cmp::Reverse((alert.starts_at, alert.id.clone())))
        });
        found.truncate(most);
        let world = crate::dispatch::World { book: &state.book, silences: &state.silences, at };
        let plan = state.dispatcher.plan();
        let inhibited = crate::inhibition::Inhibited::new(&plan.inhibitions, state.book.all());
        let view = |alert: &Alert| AlertView {
            alert: alert.clone(),
            held: alert.is_firing().then(|| world.held(alert, &inhibited)).flatten().map(|held| held.word()),
            receivers: plan.receivers_of(&alert.labels),
        };
        found.into_iter().map(view).collect()
    }

    /// One alert that is at hand.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, id: &str) -> Result<Alert, Error> {
        let not_found = || Error::NotFound { what: "alert", id: crate::text::line(id, 64) };
        self.state().book.get(id).cloned().ok_or_else(not_found)
    }

    /// Alerts of the database that began before then, the latest first; at most `most` and 1,000.
    ///
    /// # Errors
    /// [`Error::Detached`], [`Error::Store`].
    pub async fn history(&self, before: Option<Timestamp>, most: usize) -> Result<Vec<Alert>, Error> {
        let jobs = self.jobs().ok_or(Error::Detached)?;
        record::history(jobs.store(), before, most).await
    }

    /// All groups.
    pub fn groups(&self) -> Vec<GroupView> {
        let state = self.state();
        let plan = state.dispatcher.plan();
        let view = |group: &crate::dispatch::Group| GroupView {
            key: group.key.clone(),
            labels: group.labels.clone(),
            receiver: plan.tree.get(group.route).map(|route| route.receiver.clone()).unwrap_or_default(),
            alerts: group.members.iter().cloned().collect(),
            told_at: group.told_at,
            next_flush: group.next_flush,
            escalation: group.escalation.as_ref().filter(|p| !p.is_done).map(|p| (p.step, p.due_at)),
        };
        state.dispatcher.groups().map(view).collect()
    }

    /// All silences, those that have been over for some days not included.
    pub fn silences(&self) -> Vec<Silence> {
        self.state().silences.all().cloned().collect()
    }

    /// How every rule stands.
    pub fn rules(&self) -> Vec<RuleStatus> {
        self.state().engine.status()
    }

    /// As `GET /api/v2/alerts` shows them: firing ones, at most `most`.
    pub fn alertmanager_alerts(&self, matchers: &Matchers, most: usize) -> Vec<GettableAlert> {
        let at = self.now();
        let resolve_at = at.plus(self.settings().resolve_timeout);
        let views = self.list(matchers, most).into_iter().filter(|view| view.alert.is_firing());
        let state = self.state();
        let silenced = |view: &AlertView| match view.held {
            Some("silenced") => state
                .silences
                .mutes(&view.alert.labels, at)
                .map(|silence| silence.id.clone())
                .into_iter()
                .collect(),
            _ => Vec::new(),
        };
        views
            .map(|view| {
                let silences = silenced(&view);
                GettableAlert::new(&view.alert, view.receivers, view.held, silences, resolve_at)
            })
            .collect()
    }

    /// As `GET /api/v2/silences` shows them.
    pub fn alertmanager_silences(&self) -> Vec<GettableSilence> {
        let at = self.now();
        self.silences().iter().map(|silence| GettableSilence::new(silence, at)).collect()
    }

    /// As `GET /api/v2/status` shows it.
    pub fn alertmanager_status(&self) -> StatusBody {
        StatusBody::new(env!("CARGO_PKG_VERSION"), self.0.started_at)
    }
}
