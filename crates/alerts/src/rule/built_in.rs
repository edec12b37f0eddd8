use super::{Check, Op, Rule, Severity, Value};
use crate::Error;
use crate::objective::REQUESTS;
use seaworthy_telemetry::history::{Aggregate, Function, Match, Matcher, Query, Selector};
use std::time::Duration;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// The rules that are on unless somebody replaces or disables them by name: `HighErrorRate`, `HighLatency`,
/// `DeadLetters`, `QueueAge`.
///
/// # Errors
/// None: the names in them are fixed.
pub fn built_in() -> Result<Vec<Rule>, Error> {
    Ok(vec![error_rate()?, latency()?, dead_letters()?, queue_age()?])
}

/// More than 5 % of at least 20 requests of a service in 5 min, for 10 min.
fn error_rate() -> Result<Rule, Error> {
    let by = "seaworthy_service";
    // statuses from 500 on, and answers that broke off whatever their status was
    let bad = matcher("error_type", Match::NotEqual, "");
    let part = query(REQUESTS, vec![bad], Function::Observations, by, Aggregate::Sum)?;
    let whole = query(REQUESTS, vec![], Function::Observations, by, Aggregate::Sum)?;
    let value = Value::Ratio { part, whole, min_whole: 20.0 };
    let mut rule = Rule::new("HighErrorRate", above(value, 0.05, Some(0.04)));
    rule.r#for = minutes(10);
    rule.severity = Severity::Critical;
    rule.summary = "{{percent}} of the requests to {{labels.seaworthy_service}} fail".to_owned();
    Ok(rule)
}

/// A 95th percentile of more than a second for 10 min.
fn latency() -> Result<Rule, Error> {
    let function = Function::Quantile(0.95);
    let value = Value::Query(query(REQUESTS, vec![], function, "seaworthy_service", Aggregate::Sum)?);
    let mut rule = Rule::new("HighLatency", above(value, 1.0, Some(0.9)));
    rule.r#for = minutes(10);
    rule.summary = "one in 20 requests to {{labels.seaworthy_service}} takes {{value}} s or more".to_owned();
    Ok(rule)
}

/// More than 100 dead letters in a queue for 15 min.
fn dead_letters() -> Result<Rule, Error> {
    let dead = matcher("jobs_state", Match::Equal, "discarded");
    let value = query("jobs_depth", vec![dead], Function::Latest, "jobs_queue", Aggregate::Sum)?;
    let mut rule = Rule::new("DeadLetters", above(Value::Query(value), 100.0, None));
    rule.r#for = minutes(15);
    rule.summary = "{{value}} dead letters in queue {{labels.jobs_queue}}".to_owned();
    Ok(rule)
}

/// The first available job of a queue has waited for more than 5 min, for 5 min.
fn queue_age() -> Result<Rule, Error> {
    let value = query("jobs_oldest_seconds", vec![], Function::Latest, "jobs_queue", Aggregate::Max)?;
    let mut rule = Rule::new("QueueAge", above(Value::Query(value), 300.0, Some(120.0)));
    rule.r#for = minutes(5);
    rule.summary = "jobs in queue {{labels.jobs_queue}} wait for {{value}} s and longer".to_owned();
    Ok(rule)
}

fn above(value: Value, threshold: f64, resolve: Option<f64>) -> Check {
    Check::Threshold { value, op: Op::Above, threshold, resolve }
}

fn matcher(label: &str, op: Match, value: &str) -> Matcher {
    Matcher { label: label.to_owned(), op, value: value.to_owned() }
}

fn query(
    metric: &str,
    matchers: Vec<Matcher>,
    function: Function,
    by: &str,
    aggregate: Aggregate,
) -> Result<Query, Error> {
    let selector = Selector::new(metric, matchers)?;
    Ok(Query { selector, function, window: minutes(5), by: Some(vec![by.to_owned()]), aggregate })
}
