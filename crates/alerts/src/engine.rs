//! Looks at rules and says what begins, goes on and ends. It has no clock, keeps nothing on disk and tells nobody.
//!
//! A series that is wrong is *pending* until it has been so for the rule's time, then *firing* until it has been right
//! for as long as the rule says. What cannot be looked up changes nothing: neither an error nor a lost evaluation ends
//! an alert.

mod look;
mod tracked;

#[cfg(test)]
mod tests;

pub(crate) use tracked::{Phase, Tracked};

use crate::Source;
use crate::labels::{LabelSet, SEVERITY};
use crate::rule::Rule;
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::Labels;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How many series of one rule may be pending or firing, unless said otherwise.
pub const DEFAULT_MAX_SERIES: usize = 1_000;
/// How often a rule may fail in a row before that is an alert.
const FAILURES: u32 = 3;
/// The alert of a rule that cannot be evaluated.
pub const RULE_FAILING: &str = "AlertRuleFailing";
/// The alert of a rule with more series than it may have.
pub const TOO_MANY_SERIES: &str = "AlertRuleTooManySeries";

/// All rules and what they are about.
#[derive(Debug)]
pub struct Engine {
    rules: BTreeMap<String, Entry>,
    max_series: usize,
    /// Pending series that changed since they were last asked for.
    changed: BTreeSet<(String, Labels)>,
    counts: EngineCounts,
}

/// A rule and its series.
#[derive(Debug)]
struct Entry {
    rule: Arc<Rule>,
    series: HashMap<Labels, Tracked>,
    /// What an absence rule has seen, and when last.
    known: HashMap<Labels, Timestamp>,
    evaluated_at: Option<Timestamp>,
    failures: u32,
    error: Option<String>,
    /// Series that did not fit at the last evaluation.
    overflow: usize,
    is_told_failing: bool,
    is_told_overflowing: bool,
}

/// What was counted since the engine was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineCounts {
    /// Evaluations of single rules.
    pub evaluations: u64,
    /// Those that failed.
    pub failures: u64,
    /// Wrong series that did not fit.
    pub overflow: u64,
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The alert's fingerprint.
    pub fingerprint: Arc<str>,
    /// What happened.
    pub what: What,
    /// The value now, where there is one.
    pub value: Option<f64>,
}

/// What happened to an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It began.
    Firing(Box<Begun>),
    /// It goes on.
    Still,
    /// It is over.
    Resolved(Why),
}

/// What an alert begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// Of which rule; empty for what the engine tells of itself.
    pub rule: String,
    /// The labels of the series.
    pub series: Labels,
    /// The alert's labels.
    pub labels: LabelSet,
    /// Its texts.
    pub annotations: BTreeMap<String, String>,
    /// Since when it has been wrong.
    pub since: Timestamp,
}

/// Why an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is right again.
    Recovered,
    /// There has been no data for as long as the rule waits.
    NoData,
    /// Its rule is gone.
    RuleGone,
}

impl Why {
    /// For people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::NoData => "no data",
            Self::RuleGone => "rule removed",
        }
    }
}

/// How a rule stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleStatus {
    /// The rule.
    pub name: String,
    /// When it was last looked at.
    pub evaluated_at: Option<Timestamp>,
    /// How many of its series are pending.
    pub pending: usize,
    /// How many are firing.
    pub firing: usize,
    /// Wrong series that did not fit at the last evaluation.
    pub overflow: usize,
    /// Why the last evaluation failed, if it did.
    pub error: Option<String>,
}

impl Engine {
    /// With at most so many pending and firing series per rule.
    pub fn new(rules: Vec<Rule>, max_series: usize) -> Self {
        let rules = rules.into_iter().map(|rule| (rule.name.clone(), Entry::new(rule))).collect();
        Self {
            rules,
            max_series: max_series.max(1),
            changed: BTreeSet::new(),
            counts: EngineCounts::default(),
        }
    }

    /// Looks at every rule that is due.
    pub fn evaluate(&mut self, source: &dyn Source, at: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        for entry in self.rules.values_mut().filter(|entry| entry.is_due(at)) {
            self.counts.evaluations += 1;
            let before = findings.len();
            match entry.rule.observe(source, at) {
                Ok(observed) => {
                    entry.look(observed, at, self.max_series, &mut self.changed, &mut findings);
                    self.counts.overflow += entry.overflow as u64;
                }
                Err(error) => {
                    self.counts.failures += 1;
                    entry.failed(error.to_string(), at);
                }
            }
            entry.tell_of_itself(at, &mut findings);
            if findings.len() > before {
                tracing::debug!(rule = entry.rule.name, findings = findings.len() - before, "rule evaluated");
            }
        }
        findings
    }

    /// Other rules from now on. Series of rules that stay keep their state; alerts of those that go are over.
    pub fn replace_rules(&mut self, rules: Vec<Rule>) -> Vec<Finding> {
        let mut old = std::mem::take(&mut self.rules);
        for rule in rules {
            let mut entry = Entry::new(rule);
            if let Some(before) = old.remove(&entry.rule.name) {
                let rule = Arc::clone(&entry.rule);
                entry = Entry { rule, ..before };
            }
            self.rules.insert(entry.rule.name.clone(), entry);
        }
        let mut findings = Vec::new();
        for (name, entry) in old {
            for (labels, tracked) in entry.series {
                match tracked.phase {
                    Phase::Firing { fingerprint, .. } => {
                        findings.push(Finding::over(fingerprint, Why::RuleGone, None));
                    }
                    Phase::Pending { .. } => {
                        self.changed.insert((name.clone(), labels));
                    }
                }
            }
            for (told, kind) in
                [(entry.is_told_failing, RULE_FAILING), (entry.is_told_overflowing, TOO_MANY_SERIES)]
            {
                if told {
                    let fingerprint = crate::labels::fingerprint(&own_labels(kind, &name)).into();
                    findings.push(Finding::over(fingerprint, Why::RuleGone, None));
                }
            }
        }
        findings
    }

    /// How each rule stands, by name.
    pub fn status(&self) -> Vec<RuleStatus> {
        self.rules.values().map(Entry::status).collect()
    }

    /// What was counted.
    pub const fn counts(&self) -> EngineCounts {
        self.counts
    }

    /// A pending series, with since when; `None` where it is not pending.
    pub(crate) fn pending(&self, rule: &str, series: &Labels) -> Option<Timestamp> {
        match self.rules.get(rule)?.series.get(series)?.phase {
            Phase::Pending { since } => Some(since),
            Phase::Firing { .. } => None,
        }
    }

    /// Every pending series: rule, labels, since when.
    pub(crate) fn all_pending(&self) -> impl Iterator<Item = (&str, &Labels, Timestamp)> {
        self.rules.iter().flat_map(|(name, entry)| {
            entry.series.iter().filter_map(move |(labels, tracked)| match tracked.phase {
                Phase::Pending { since } => Some((name.as_str(), labels, since)),
                Phase::Firing { .. } => None,
            })
        })
    }

    /// Pending series that changed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<(String, Labels)> {
        std::mem::take(&mut self.changed)
    }

    /// They are to be asked for once more: they could not be kept.
    pub(crate) fn put_back(&mut self, changed: BTreeSet<(String, Labels)>) {
        self.changed.extend(changed);
    }

    /// A pending series of an earlier life, whose rules were last looked at then. One that has gone on here stays, with
    /// the earlier beginning.
    pub(crate) fn restore_pending(
        &mut self,
        rule: &str,
        series: Labels,
        since: Timestamp,
        looked_at: Timestamp,
    ) {
        let Some(entry) = self.rules.get_mut(rule) else {
            self.changed.insert((rule.to_owned(), series));
            return;
        };
        entry.evaluated_at.get_or_insert(looked_at);
        let tracked = entry.series.entry(series).or_insert_with(|| Tracked::pending(since));
        if let Phase::Pending { since: now } = &mut tracked.phase {
            *now = since.min(*now);
        }
    }

    /// A firing alert of an earlier life. Whether the rule is still there: if not, nothing will end the alert.
    pub(crate) fn restore_firing(&mut self, begun: &Begun, fingerprint: &str) -> bool {
        if begun.rule.is_empty() {
            return self.restore_own(&begun.labels);
        }
        let Some(entry) = self.rules.get_mut(&begun.rule) else { return false };
        let firing = Tracked::firing(begun.since, fingerprint.into());
        let tracked = entry.series.entry(begun.series.clone()).or_insert_with(|| firing.clone());
        *tracked = firing;
        true
    }

    fn restore_own(&mut self, labels: &LabelSet) -> bool {
        let Some(entry) = labels.get("rule").and_then(|rule| self.rules.get_mut(rule)) else { return false };
        match labels.get(crate::labels::ALERT_NAME).map(String::as_str) {
            Some(RULE_FAILING) => entry.is_told_failing = true,
            Some(TOO_MANY_SERIES) => entry.is_told_overflowing = true,
            _ => return false,
        }
        true
    }

    /// When rules were last looked at.
    pub(crate) fn looked_at(&self) -> Option<Timestamp> {
        self.rules.values().filter_map(|entry| entry.evaluated_at).max()
    }
}

impl Finding {
    fn over(fingerprint: Arc<str>, why: Why, value: Option<f64>) -> Self {
        Self { fingerprint, what: What::Resolved(why), value }
    }
}

/// The labels of what the engine tells of itself.
fn own_labels(kind: &str, rule: &str) -> LabelSet {
    let pairs = [(crate::labels::ALERT_NAME, kind), (SEVERITY, "warning"), ("rule", rule)];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Whether the length between has passed.
fn passed(from: Timestamp, at: Timestamp, length: Duration) -> bool {
    at.since(from) >= length
}
