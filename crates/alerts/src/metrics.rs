//! What the alerts tell of themselves.

use crate::state::State;
use seaworthy_telemetry::metrics::{Counter, Registry, Samples};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, Weak};

/// Handles that are kept.
#[derive(Debug)]
pub(crate) struct Metrics {
    enqueued: Counter,
    direct: Counter,
    failed: Counter,
    dropped: Counter,
    duplicates: Counter,
    pub(crate) store_failures: Counter,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is a durable job.
    Enqueued,
    /// The same message was a job already.
    Duplicate,
    /// It was sent without a job, because there was no database.
    Direct,
    /// It was to be sent so, and could not be.
    Failed,
    /// There was no room to send it so.
    Dropped,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let sent = |outcome: &str| {
            let help = "messages to channels of receivers, by what became of them";
            registry.counter("alerts.notifications", help, &[("alerts.outcome", outcome.to_owned())])
        };
        Self {
            enqueued: sent("enqueued"),
            direct: sent("direct"),
            failed: sent("failed"),
            dropped: sent("dropped"),
            duplicates: sent("duplicate"),
            store_failures: registry.counter(
                "alerts.store_failures",
                "times at which the state of alerts could not be written",
                &[],
            ),
        }
    }

    pub(crate) fn told(&self, outcome: Outcome) {
        match outcome {
            Outcome::Enqueued => self.enqueued.inc(),
            Outcome::Duplicate => self.duplicates.inc(),
            Outcome::Direct => self.direct.inc(),
            Outcome::Failed => self.failed.inc(),
            Outcome::Dropped => self.dropped.inc(),
        }
    }
}

/// Shows how things stand at every scrape, as long as the state lives.
pub(crate) fn collect(registry: &Registry, state: Weak<Mutex<State>>) {
    registry.collect_with(Box::new(move |samples| {
        let Some(state) = state.upgrade() else { return };
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        show(samples, &state);
    }));
}

fn show(samples: &mut Samples, state: &State) {
    let counts = state.engine.counts();
    let suppressed = state.dispatcher.counts();
    let mut counter = |name: &str, help: &str, value: u64| samples.counter(name, help, &[], value as f64);
    counter("alerts.evaluations", "evaluations of rules", counts.evaluations);
    counter("alerts.evaluation_failures", "evaluations of rules that failed", counts.failures);
    counter("alerts.series_overflow", "wrong series of rules that have too many", counts.overflow);
    counter("alerts.dropped", "alerts for which there was no room", state.book.dropped);
    for (reason, value) in [
        ("silenced", suppressed.silenced),
        ("inhibited", suppressed.inhibited),
        ("snoozed", suppressed.snoozed),
        ("muted", suppressed.muted),
        ("storm", suppressed.storm),
    ] {
        let help = "times at which something was not told of, by why";
        samples.counter("alerts.suppressed", help, &[("alerts.reason", reason.to_owned())], value as f64);
    }
    let firing: BTreeMap<_, _> = state.book.firing();
    for (severity, count) in firing {
        let label = ("alerts.severity", severity.word().to_owned());
        samples.gauge("alerts.firing", "alerts that fire, by severity", &[label], count as f64);
    }
    let mut gauge = |name: &str, help: &str, value: usize| samples.gauge(name, help, &[], value as f64);
    gauge(
        "alerts.pending",
        "series that are wrong, but not for long enough",
        state.engine.all_pending().count(),
    );
    gauge("alerts.groups", "groups of alerts", state.dispatcher.groups().count());
    gauge("alerts.silences", "silences, those that are over included", state.silences.all().count());
}
