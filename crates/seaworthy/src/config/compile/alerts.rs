//! Objectives and rules: from what the file says to what the engine evaluates.

use std::ops::Range;

use seaworthy_alerts::labels::Matcher;
use seaworthy_alerts::objective::{Indicator, Objective};
use seaworthy_alerts::rule::{self, Check, Op, Rule, Value};
use seaworthy_telemetry::history::{self, Query, Selector};

use crate::config::file::alerts::{Aggregate, Alert, Anomaly, Function, Question, Severity, Side};
use crate::config::file::{self, File};
use crate::config::problem::{Problems, nearest};

pub(super) fn objectives(file: &File, problems: &mut Problems) -> Vec<Objective> {
    let mut all = Vec::new();
    for (name, written) in &file.objective {
        if let Some(service) = written.service.as_ref().filter(|name| !file.service.contains_key(&name.value))
        {
            let suggestion = nearest(&service.value, file.service.keys().map(String::as_str));
            let suggestion = suggestion.map(|meant| format!("did you mean \"{meant}\"?"));
            problems.suggest(
                service.span.clone(),
                format!("there is no service \"{}\"", service.value),
                suggestion,
            );
        }
        let objective = objective(name, written);
        if let Err(error) = objective.validate() {
            problems.push(written.spans.of(""), error.to_string());
        }
        all.push(objective);
    }
    all
}

fn objective(name: &str, written: &file::alerts::Objective) -> Objective {
    let indicator = match written.within {
        Some(threshold) => Indicator::Latency { threshold },
        None => Indicator::Availability { bad_status: written.bad_status.clone() },
    };
    let usual = Objective::new(name, indicator);
    Objective {
        description: written.description.clone(),
        service: written.service.as_ref().map(|name| name.value.clone()),
        route: written.route.clone(),
        target: written.target,
        window: written.window,
        min_requests: written.min_requests,
        sustained: usual.sustained.clone().filter(|_| written.sustained),
        labels: written.labels.clone().into_iter().collect(),
        runbook: written.runbook.clone(),
        ..usual
    }
}

pub(super) fn rules(file: &File, problems: &mut Problems) -> Vec<Rule> {
    let built_in = rule::built_in().unwrap_or_default();
    let mut rules = Vec::new();
    for (name, written) in &file.alert {
        let given = built_in.iter().find(|rule| rule.name == *name);
        let check = match (&written.query, given) {
            (Some(query), _) => check(query, written, problems),
            // switched off, or told of otherwise
            (None, Some(given)) => Some(given.check.clone()),
            (None, None) => {
                let known = built_in.iter().map(|rule| rule.name.as_str());
                let suggestion = nearest(name, known).map(|meant| format!("did you mean \"{meant}\"?"));
                problems.suggest(written.spans.of("query"), "an alert needs a `query`", suggestion);
                None
            }
        };
        let Some(check) = check else { continue };
        let rule = rule(name, check, written, given);
        if let Err(error) = rule.validate() {
            problems.push(written.spans.of(""), error.to_string());
        }
        rules.push(rule);
    }
    rules
}

/// What is not written of a built-in one stays as it is.
fn rule(name: &str, check: Check, written: &Alert, given: Option<&Rule>) -> Rule {
    let usual = given.cloned().unwrap_or_else(|| Rule::new(name, check.clone()));
    let has = |field: &str| written.spans.has(field) || given.is_none();
    let severity = match written.severity {
        Severity::Info => rule::Severity::Info,
        Severity::Warning => rule::Severity::Warning,
        Severity::Critical => rule::Severity::Critical,
    };
    Rule {
        check,
        r#for: if has("for") { written.r#for } else { usual.r#for },
        keep_firing_for: if has("keep_firing_for") { written.keep_firing_for } else { usual.keep_firing_for },
        severity: if has("severity") { severity } else { usual.severity },
        labels: written.labels.clone().into_iter().collect(),
        summary: if has("summary") { written.summary.clone() } else { usual.summary.clone() },
        annotations: written.annotations.clone(),
        runbook: written.runbook.clone(),
        enabled: written.enabled,
        ..usual
    }
}

fn check(question: &Question, written: &Alert, problems: &mut Problems) -> Option<Check> {
    let query = query(question, problems)?;
    let place = || written.spans.of("query");
    let bounds = [
        (written.above, Op::Above),
        (written.at_least, Op::AtLeast),
        (written.below, Op::Below),
        (written.at_most, Op::AtMost),
    ];
    let mut bounds = bounds.into_iter().filter_map(|(bound, op)| Some((bound?, op)));
    let (bound, second) = (bounds.next(), bounds.next());
    let kinds =
        usize::from(bound.is_some()) + usize::from(written.absent) + usize::from(written.anomaly.is_some());
    if kinds != 1 || second.is_some() {
        let text = "write one of above, at_least, below, at_most, absent and anomaly";
        problems.push(place(), text);
        return None;
    }
    for (name, fits) in
        [("whole", bound.is_some()), ("min_whole", written.whole.is_some()), ("resolve", bound.is_some())]
    {
        if written.spans.has(name) && !fits {
            problems.push(written.spans.of(name), "has no effect here");
        }
    }
    if let Some(anomaly) = &written.anomaly {
        return Some(Check::Anomaly { query, anomaly: self::anomaly(anomaly) });
    }
    let Some((threshold, op)) = bound else {
        return Some(Check::Absence { query, forget_after: std::time::Duration::from_secs(86_400) });
    };
    let value = match &written.whole {
        Some(whole) => {
            Value::Ratio { part: query, whole: self::query(whole, problems)?, min_whole: written.min_whole }
        }
        None => Value::Query(query),
    };
    Some(Check::Threshold { value, op, threshold, resolve: written.resolve })
}

fn anomaly(written: &Anomaly) -> rule::Anomaly {
    rule::Anomaly {
        side: match written.side {
            Side::Both => rule::Side::Both,
            Side::Upper => rule::Side::Upper,
            Side::Lower => rule::Side::Lower,
        },
        score: written.score,
        min_samples: written.min_samples,
        history: written.history,
        step: written.step,
        ..rule::Anomaly::default()
    }
}

fn query(written: &Question, problems: &mut Problems) -> Option<Query> {
    if written.metric.value.is_empty() {
        problems.push(written.spans.of("metric"), "a query needs a `metric`");
        return None;
    }
    let mut matchers = Vec::new();
    for text in &written.matchers {
        match Matcher::parse(&text.value) {
            Ok(matcher) => matchers.push(history::Matcher {
                label: matcher.name().to_owned(),
                op: matcher.op(),
                value: matcher.value().to_owned(),
            }),
            Err(error) => problems.push(text.span.clone(), error.to_string()),
        }
    }
    if written.window.is_zero() {
        problems.push(written.spans.of("window"), "a window is longer than zero");
    }
    if !(0.0..=1.0).contains(&written.quantile) {
        problems.push(written.spans.of("quantile"), "a quantile is from 0 to 1");
    }
    if written.spans.has("quantile") && written.function != Function::Quantile {
        problems.push(written.spans.of("quantile"), "has no effect without function = \"quantile\"");
    }
    if written.spans.has("aggregate") && written.by.is_none() {
        problems.push(written.spans.of("aggregate"), "has no effect without `by`");
    }
    let selector = Selector::new(&*written.metric.value, matchers);
    let selector = told(selector, written.metric.span.clone(), problems)?;
    Some(Query {
        selector,
        function: function(written),
        window: written.window,
        by: written.by.clone(),
        aggregate: match written.aggregate {
            Aggregate::Sum => history::Aggregate::Sum,
            Aggregate::Max => history::Aggregate::Max,
            Aggregate::Min => history::Aggregate::Min,
            Aggregate::Mean => history::Aggregate::Mean,
            Aggregate::Count => history::Aggregate::Count,
        },
    })
}

const fn function(written: &Question) -> history::Function {
    match written.function {
        Function::Latest => history::Function::Latest,
        Function::Rate => history::Function::Rate,
        Function::Increase => history::Function::Increase,
        Function::Quantile => history::Function::Quantile(written.quantile),
        Function::Mean => history::Function::Mean,
        Function::Max => history::Function::Max,
        Function::Min => history::Function::Min,
        Function::Observations => history::Function::Observations,
    }
}

fn told<T, E: std::fmt::Display>(
    result: Result<T, E>,
    place: Range<usize>,
    problems: &mut Problems,
) -> Option<T> {
    result.map_err(|error| problems.push(place, error.to_string())).ok()
}
