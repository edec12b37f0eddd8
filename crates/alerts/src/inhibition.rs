//! Inhibition: while one alert fires, others that follow from it are not told of.

use crate::alert::Alert;
use crate::labels::{LabelSet, Matchers};
use std::collections::HashSet;

/// While an alert that `source` matches fires, those that `target` matches and that have the same values of `equal` are
/// not told of. An alert that both match holds nothing back that both match too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inhibition {
    /// Which alerts hold others back.
    pub source: Matchers,
    /// Which are held back.
    pub target: Matchers,
    /// Labels that have to be the same. One that neither has counts as the same.
    pub equal: Vec<String>,
}

/// What holds back now.
#[derive(Debug, Default)]
pub(crate) struct Inhibited<'a> {
    rules: Vec<Active<'a>>,
}

#[derive(Debug)]
struct Active<'a> {
    rule: &'a Inhibition,
    /// Values of the sources that are no targets themselves.
    plain: HashSet<Vec<&'a str>>,
    /// Values of all sources.
    all: HashSet<Vec<&'a str>>,
}

fn values<'a>(labels: &'a LabelSet, names: &[String]) -> Vec<&'a str> {
    names.iter().map(|name| labels.get(name).map_or("", String::as_str)).collect()
}

impl<'a> Inhibited<'a> {
    pub(crate) fn new(rules: &'a [Inhibition], alerts: impl Iterator<Item = &'a Alert>) -> Self {
        let new = |rule| Active { rule, plain: HashSet::new(), all: HashSet::new() };
        let mut rules: Vec<Active<'a>> = rules.iter().map(new).collect();
        if rules.is_empty() {
            return Self::default();
        }
        for alert in alerts.filter(|alert| alert.is_firing()) {
            for active in rules.iter_mut().filter(|active| active.rule.source.match_all(&alert.labels)) {
                let values = values(&alert.labels, &active.rule.equal);
                if !active.rule.target.match_all(&alert.labels) {
                    active.plain.insert(values.clone());
                }
                active.all.insert(values);
            }
        }
        Self { rules }
    }

    /// Whether an alert is held back.
    pub(crate) fn contains(&self, labels: &LabelSet) -> bool {
        self.rules.iter().filter(|active| active.rule.target.match_all(labels)).any(|active| {
            let values = values(labels, &active.rule.equal);
            let sources = if active.rule.source.match_all(labels) { &active.plain } else { &active.all };
            sources.contains(&values)
        })
    }
}
