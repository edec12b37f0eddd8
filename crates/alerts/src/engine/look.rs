//! One rule, one moment.

use super::{
    Begun, Entry, FAILURES, Finding, Phase, RULE_FAILING, RuleStatus, TOO_MANY_SERIES, Tracked, What, Why,
    own_labels, passed,
};
use crate::labels::{fingerprint, of_series};
use crate::rule::{Check, Observed, Rule, Verdict};
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::Labels;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

type Changed = BTreeSet<(String, Labels)>;

/// What becomes of a series.
enum Next {
    Stays,
    Changed,
    Ends,
}

impl Entry {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            rule: Arc::new(rule),
            series: HashMap::new(),
            known: HashMap::new(),
            evaluated_at: None,
            failures: 0,
            error: None,
            overflow: 0,
            is_told_failing: false,
            is_told_overflowing: false,
        }
    }

    pub(super) fn is_due(&self, at: Timestamp) -> bool {
        match (self.evaluated_at, self.rule.interval) {
            (Some(before), Some(interval)) => passed(before, at, interval) || at < before,
            _ => true,
        }
    }

    /// An error is no answer: whatever is told of goes on.
    pub(super) fn failed(&mut self, error: String, at: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.error = Some(error);
        self.evaluated_at = Some(at);
        for tracked in self.series.values_mut() {
            tracked.missing_since = None;
        }
    }

    pub(super) fn look(
        &mut self,
        observed: Vec<Observed>,
        at: Timestamp,
        most: usize,
        changed: &mut Changed,
        findings: &mut Vec<Finding>,
    ) {
        self.forget_stale(at, changed);
        (self.failures, self.error, self.overflow) = (0, None, 0);
        self.evaluated_at = Some(at);
        let observed = self.with_absent(observed, at, most);
        for one in observed {
            // the many that are right, and were, cost nothing
            if one.verdict != Verdict::Bad && self.series.is_empty() {
                continue;
            }
            self.one(&one, at, most, changed, findings);
        }
        self.miss(at, changed, findings);
    }

    /// What has been pending since before a long time without evaluations says nothing about now.
    fn forget_stale(&mut self, at: Timestamp, changed: &mut Changed) {
        let longest = self.rule.missing_for.max(2 * self.rule.interval.unwrap_or_default());
        if self.evaluated_at.is_none_or(|before| at.since(before) <= longest) {
            return;
        }
        let name = &self.rule.name;
        self.series.retain(|labels, tracked| {
            let stays = matches!(tracked.phase, Phase::Firing { .. });
            if !stays {
                changed.insert((name.clone(), labels.clone()));
            }
            stays
        });
    }

    /// For absence: who was there and is not is what is wrong.
    fn with_absent(&mut self, observed: Vec<Observed>, at: Timestamp, most: usize) -> Vec<Observed> {
        let Check::Absence { forget_after, .. } = &self.rule.check else { return observed };
        for one in &observed {
            if self.known.len() < most || self.known.contains_key(&one.labels) {
                self.known.insert(one.labels.clone(), at);
            }
        }
        let outright = self.rule.absent().unwrap_or_default();
        // after a restart nothing is known: what is told of already is what is missing
        let there: HashSet<&Labels> = observed.iter().map(|one| &one.labels).collect();
        let before = at.minus(Duration::from_micros(1));
        for labels in self.series.keys().filter(|labels| **labels != outright && !there.contains(labels)) {
            self.known.entry(labels.clone()).or_insert(before);
        }
        self.known.retain(|_, seen| at.since(*seen) < *forget_after);
        let bad = |labels: &Labels| Observed { labels: labels.clone(), value: 0.0, verdict: Verdict::Bad };
        let mut all: Vec<Observed> =
            self.known.iter().filter(|(_, seen)| **seen < at).map(|(labels, _)| bad(labels)).collect();
        if observed.is_empty() && all.is_empty() {
            return vec![bad(&outright)];
        }
        let is_told = self.series.contains_key(&outright) && !there.contains(&outright);
        if is_told && !observed.is_empty() {
            all.push(Observed { verdict: Verdict::Good, ..bad(&outright) });
        }
        all.extend(observed);
        all
    }

    fn one(
        &mut self,
        one: &Observed,
        at: Timestamp,
        most: usize,
        changed: &mut Changed,
        findings: &mut Vec<Finding>,
    ) {
        let rule = Arc::clone(&self.rule);
        let Some(tracked) = self.series.get_mut(&one.labels) else {
            if one.verdict != Verdict::Bad {
                return;
            }
            if self.series.len() >= most {
                self.overflow += 1;
                return;
            }
            let mut tracked = Tracked::pending(at);
            tracked.round = Some(at);
            if rule.r#for.is_zero() {
                tracked = begin(&rule, one, at, at, findings);
            } else {
                changed.insert((rule.name.clone(), one.labels.clone()));
            }
            self.series.insert(one.labels.clone(), tracked);
            return;
        };
        tracked.round = Some(at);
        tracked.missing_since = None;
        match step(tracked, &rule, one, at, findings) {
            Next::Stays => {}
            Next::Changed => {
                changed.insert((rule.name.clone(), one.labels.clone()));
            }
            Next::Ends => {
                if matches!(tracked.phase, Phase::Pending { .. }) {
                    changed.insert((rule.name.clone(), one.labels.clone()));
                }
                self.series.remove(&one.labels);
            }
        }
    }

    /// Series that gave no data this time.
    fn miss(&mut self, at: Timestamp, changed: &mut Changed, findings: &mut Vec<Finding>) {
        let rule = &self.rule;
        self.series.retain(|labels, tracked| {
            if tracked.round == Some(at) {
                return true;
            }
            let since = *tracked.missing_since.get_or_insert(at);
            if !passed(since, at, rule.missing_for) {
                return true;
            }
            match &tracked.phase {
                Phase::Pending { .. } => {
                    changed.insert((rule.name.clone(), labels.clone()));
                }
                Phase::Firing { fingerprint, .. } => {
                    findings.push(Finding::over(Arc::clone(fingerprint), Why::NoData, None));
                }
            }
            false
        });
    }

    /// Tells of a rule that does not work.
    pub(super) fn tell_of_itself(&mut self, at: Timestamp, findings: &mut Vec<Finding>) {
        let name = self.rule.name.as_str();
        let failing = self.failures >= FAILURES;
        // it is over with the first evaluation that works
        if failing != self.is_told_failing && (failing || self.failures == 0) {
            let reason = self.error.clone().unwrap_or_default();
            findings.push(own(
                RULE_FAILING,
                name,
                at,
                failing,
                format!("rule {name} cannot be evaluated: {reason}"),
            ));
            self.is_told_failing = failing;
        }
        let overflowing = self.overflow > 0;
        if self.failures == 0 && overflowing != self.is_told_overflowing {
            let summary =
                format!("{} series of rule {name} are wrong and not told of: it has too many", self.overflow);
            findings.push(own(TOO_MANY_SERIES, name, at, overflowing, summary));
            self.is_told_overflowing = overflowing;
        }
    }

    pub(super) fn status(&self) -> RuleStatus {
        let firing = self.series.values().filter(|t| matches!(t.phase, Phase::Firing { .. })).count();
        RuleStatus {
            name: self.rule.name.clone(),
            evaluated_at: self.evaluated_at,
            pending: self.series.len() - firing,
            firing,
            overflow: self.overflow,
            error: self.error.clone(),
        }
    }
}

/// A tracked series is seen again.
fn step(
    tracked: &mut Tracked,
    rule: &Rule,
    one: &Observed,
    at: Timestamp,
    findings: &mut Vec<Finding>,
) -> Next {
    match &mut tracked.phase {
        Phase::Pending { since } => match one.verdict {
            Verdict::Bad if passed(*since, at, rule.r#for) => {
                *tracked = begin(rule, one, *since, at, findings);
                Next::Changed
            }
            Verdict::Bad => Next::Stays,
            Verdict::Between | Verdict::Good => Next::Ends,
        },
        Phase::Firing { fingerprint, clear_since, .. } => {
            if one.verdict == Verdict::Good {
                let since = *clear_since.get_or_insert(at);
                if passed(since, at, rule.keep_firing_for) {
                    findings.push(Finding::over(Arc::clone(fingerprint), Why::Recovered, Some(one.value)));
                    return Next::Ends;
                }
            } else {
                *clear_since = None;
            }
            let fingerprint = Arc::clone(fingerprint);
            findings.push(Finding { fingerprint, what: What::Still, value: Some(one.value) });
            Next::Stays
        }
    }
}

fn begin(
    rule: &Rule,
    one: &Observed,
    since: Timestamp,
    at: Timestamp,
    findings: &mut Vec<Finding>,
) -> Tracked {
    let labels = rule.labels_of(&of_series(&one.labels));
    let fingerprint: Arc<str> = fingerprint(&labels).into();
    let annotations = rule.annotations_of(&labels, Some(one.value));
    let begun = Begun { rule: rule.name.clone(), series: one.labels.clone(), labels, annotations, since };
    findings.push(Finding {
        fingerprint: Arc::clone(&fingerprint),
        what: What::Firing(Box::new(begun)),
        value: Some(one.value),
    });
    let mut tracked = Tracked::firing(since, fingerprint);
    tracked.round = Some(at);
    tracked
}

fn own(kind: &str, rule: &str, at: Timestamp, is_firing: bool, summary: String) -> Finding {
    let labels = own_labels(kind, rule);
    let fingerprint: Arc<str> = fingerprint(&labels).into();
    if !is_firing {
        return Finding::over(fingerprint, Why::Recovered, None);
    }
    let summary = crate::text::lines(&summary, 1_024);
    let annotations = BTreeMap::from([("summary".to_owned(), summary)]);
    let begun = Begun { rule: String::new(), series: Labels::default(), labels, annotations, since: at };
    Finding { fingerprint, what: What::Firing(Box::new(begun)), value: None }
}
