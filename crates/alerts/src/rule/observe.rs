use super::{Check, Op, Rule, Value};
use crate::Source;
use crate::objective::{Measured, covered};
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{self, Labels, Match, Query};
use std::collections::HashMap;

/// What is to be thought of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Bad,
    /// Between the bound and the one for being right again.
    Between,
    Good,
}

/// One series as a rule sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observed {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    pub(crate) verdict: Verdict,
}

impl Rule {
    /// Looks. A series of which nothing can be said now is not among what is given. For absence, what is given is what
    /// is there; who is missing is the engine's to know.
    pub(crate) fn observe(
        &self,
        source: &dyn Source,
        at: Timestamp,
    ) -> Result<Vec<Observed>, history::Error> {
        match &self.check {
            Check::Threshold { value, op, threshold, resolve } => {
                let values = values(value, source, at)?;
                let judged =
                    values.into_iter().filter(|(_, value)| value.is_finite()).map(|(labels, value)| {
                        Observed { labels, value, verdict: judge(value, *op, *threshold, *resolve) }
                    });
                Ok(judged.collect())
            }
            Check::Absence { query, .. } => {
                let there = source.query(query, at)?.into_iter();
                Ok(there
                    .map(|s| Observed { labels: s.labels, value: s.value, verdict: Verdict::Good })
                    .collect())
            }
            Check::Burn { objective, rate } => {
                let (short, covered) = (objective.counts(source, rate.short, at)?, covered(source, at));
                // the long window is dear, and is not asked where the short one is right already
                let is_bad = objective.judge(rate, short, short, None).is_breached;
                let long = if is_bad { objective.counts(source, rate.long, at)? } else { short };
                let burn = objective.judge(rate, long, short, covered);
                Ok(one(objective, burn.long.unwrap_or(0.0), burn.is_breached))
            }
            Check::Sustained { objective, rule } => {
                let counts = objective.counts(source, rule.window, at)?;
                let share = counts.share().unwrap_or(0.0);
                Ok(one(objective, share, share >= rule.share && counts.bad >= rule.min_failures))
            }
            Check::Anomaly { query, anomaly } => {
                let past = past(query, anomaly, source, at)?;
                let judge = |sample: history::Sample| {
                    let is_bad = anomaly.judge(past.get(&sample.labels)?, sample.value)?;
                    let verdict = if is_bad { Verdict::Bad } else { Verdict::Good };
                    Some(Observed { labels: sample.labels, value: sample.value, verdict })
                };
                Ok(source.query(query, at)?.into_iter().filter_map(judge).collect())
            }
        }
    }

    /// The labels of what was never there: those that the question says outright.
    pub(crate) fn absent(&self) -> Option<Labels> {
        let Check::Absence { query, .. } = &self.check else { return None };
        let equal = query.selector.matchers().iter().filter(|m| m.op == Match::Equal && !m.value.is_empty());
        Some(equal.map(|matcher| (matcher.label.as_str(), matcher.value.as_str())).collect())
    }
}

fn judge(value: f64, op: Op, threshold: f64, resolve: Option<f64>) -> Verdict {
    if op.holds(value, threshold) {
        Verdict::Bad
    } else if resolve.is_some_and(|resolve| op.holds(value, resolve)) {
        Verdict::Between
    } else {
        Verdict::Good
    }
}

fn values(value: &Value, source: &dyn Source, at: Timestamp) -> Result<Vec<(Labels, f64)>, history::Error> {
    match value {
        Value::Query(query) => {
            Ok(source.query(query, at)?.into_iter().map(|sample| (sample.labels, sample.value)).collect())
        }
        Value::Ratio { part, whole, min_whole } => {
            let whole = source.query(whole, at)?;
            let parts: HashMap<Labels, f64> =
                source.query(part, at)?.into_iter().map(|sample| (sample.labels, sample.value)).collect();
            let enough = |whole: &history::Sample| whole.value > 0.0 && whole.value >= *min_whole;
            let ratio = |whole: history::Sample| {
                let part = parts.get(&whole.labels).copied().unwrap_or(0.0);
                (whole.labels, part / whole.value)
            };
            Ok(whole.into_iter().filter(enough).map(ratio).collect())
        }
    }
}

fn past(
    query: &Query,
    anomaly: &super::Anomaly,
    source: &dyn Source,
    at: Timestamp,
) -> Result<HashMap<Labels, Vec<f64>>, history::Error> {
    // what is judged is not part of what it is judged by
    let series = source.range(query, at.minus(anomaly.history), at.minus(anomaly.step), anomaly.step)?;
    let values = |series: history::Series| {
        (series.labels, series.points.into_iter().map(|(_, value)| value).collect())
    };
    Ok(series.into_iter().map(values).collect())
}

fn one(objective: &Measured, value: f64, is_bad: bool) -> Vec<Observed> {
    let objective = &objective.objective;
    let mut labels = vec![("objective", objective.name.as_str())];
    labels.extend(objective.service.as_deref().map(|service| ("seaworthy_service", service)));
    labels.extend(objective.route.as_deref().map(|route| ("http_route", route)));
    let verdict = if is_bad { Verdict::Bad } else { Verdict::Good };
    vec![Observed { labels: labels.into_iter().collect(), value, verdict }]
}
