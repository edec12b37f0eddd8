//! Everything that is remembered, and what becomes of it as time passes. It has no clock and does no I/O but questions
//! to its [`Source`].

mod changes;
mod external;

#[cfg(test)]
mod tests;

pub(crate) use changes::{Changes, Kept, Pending};

use crate::Source;
use crate::alert::{Alert, Book, Fired, Origin, Report};
use crate::dispatch::{Dispatcher, Turns, World};
use crate::engine::{Engine, Finding, What};
use crate::labels::{ALERT_NAME, LabelSet, SEVERITY, fingerprint};
use crate::notification::Notification;
use crate::settings::{Compiled, Settings};
use crate::silence::{Silence, Silences};
use seaworthy_store::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The alert that says that a silence ends.
pub const SILENCE_ENDING: &str = "SilenceEnding";

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) engine: Engine,
    pub(crate) book: Book,
    pub(crate) silences: Silences,
    pub(crate) dispatcher: Dispatcher,
    resolve_timeout: Duration,
    /// What is on disk of these two.
    kept_turns: Turns,
    kept_looked_at: Option<Timestamp>,
}

impl State {
    pub(crate) fn new(settings: &Settings, compiled: Compiled) -> Self {
        Self {
            engine: Engine::new(compiled.rules, settings.max_series),
            book: Book::new(settings.alerts.clone()),
            silences: Silences::new(settings.silences.clone()),
            dispatcher: Dispatcher::new(Arc::clone(&compiled.plan)),
            resolve_timeout: settings.resolve_timeout,
            kept_turns: Turns::default(),
            kept_looked_at: None,
        }
    }

    /// Other rules and routes from now on. How much is kept stays as it was.
    pub(crate) fn replace(&mut self, settings: &Settings, compiled: Compiled, at: Timestamp) {
        self.resolve_timeout = settings.resolve_timeout;
        let findings = self.engine.replace_rules(compiled.rules);
        self.apply(findings, at);
        let world = World { book: &self.book, silences: &self.silences, at };
        self.dispatcher.replace_plan(compiled.plan, world);
    }

    /// Looks at the rules that are due.
    pub(crate) fn evaluate(&mut self, source: &dyn Source, at: Timestamp) {
        let findings = self.engine.evaluate(source, at);
        self.apply(findings, at);
    }

    fn apply(&mut self, findings: Vec<Finding>, at: Timestamp) {
        for Finding { fingerprint, what, value } in findings {
            match what {
                What::Firing(begun) => {
                    let series = begun.series.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
                    let origin = Origin::Rule { rule: begun.rule, series: series.collect() };
                    let (labels, annotations, since) = (begun.labels, begun.annotations, begun.since);
                    let fingerprint = fingerprint.as_ref().to_owned();
                    self.report(Report { fingerprint, labels, annotations, origin, since, value }, at);
                }
                What::Still => {
                    let reopened = self.book.still(&fingerprint, value, at);
                    self.admit(reopened, at);
                }
                What::Resolved(why) => drop(self.book.resolve(&fingerprint, why.word(), at)),
            }
        }
    }

    fn report(&mut self, report: Report, at: Timestamp) {
        if let Fired::Opened(id) = self.book.fire(report, at) {
            self.admit([id], at);
        }
    }

    pub(crate) fn admit(&mut self, ids: impl IntoIterator<Item = String>, at: Timestamp) {
        for id in ids {
            if let Some(alert) = self.book.get(&id).filter(|alert| alert.is_firing()) {
                self.dispatcher.admit(alert, at);
            }
        }
    }

    /// Lets time pass, and says what is to be told now.
    pub(crate) fn dispatch(&mut self, at: Timestamp) -> Vec<Notification> {
        let woken = self.book.pass_time(at);
        for id in &woken {
            self.dispatcher.touch(id, at);
        }
        self.admit(woken, at);
        self.silences.pass_time(at);
        self.announce(at);
        self.dispatcher.dispatch(World { book: &self.book, silences: &self.silences, at })
    }

    /// Says that silences end which hold something back.
    fn announce(&mut self, at: Timestamp) {
        for silence in self.silences.ending(at) {
            let holds = |alert: &&Alert| alert.is_firing() && silence.matchers.match_all(&alert.labels);
            let held = self.book.all().filter(holds).count();
            if held > 0 {
                self.silences.announced(&silence.id);
                self.report(ending(&silence, held, at), at);
            }
        }
        let is_over = |alert: &&Alert| {
            let id = alert.labels.get("silence").map_or("", String::as_str);
            alert.is_firing()
                && alert.origin == Origin::Own
                && !self.silences.get(id).is_some_and(|silence| silence.is_active(at))
        };
        let over: Vec<String> =
            self.book.all().filter(is_over).map(|alert| alert.fingerprint.clone()).collect();
        over.iter().for_each(|fingerprint| drop(self.book.resolve(fingerprint, "the silence is over", at)));
    }
}

fn ending(silence: &Silence, held: usize, at: Timestamp) -> Report {
    let pairs = [(ALERT_NAME, SILENCE_ENDING), (SEVERITY, "info"), ("silence", &silence.id)];
    let labels: LabelSet =
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let summary = format!(
        "the silence {} of {} ends in {} and still holds {held} alerts back",
        crate::text::cut(&silence.matchers.to_string(), 512),
        silence.created_by,
        crate::time::rough(silence.ends_at.since(at))
    );
    let annotations =
        BTreeMap::from([("summary".to_owned(), summary), ("comment".to_owned(), silence.comment.clone())]);
    let fingerprint = fingerprint(&labels);
    Report { fingerprint, labels, annotations, origin: Origin::Own, since: at, value: None }
}
