//! Rules that a team adds which wants to know within two minutes. Those that are there without a word take their time:
//! they wait for ten minutes and more before they wake anybody.

use seaworthy_alerts::objective::{Indicator, Measured, Objective};
use seaworthy_alerts::rule::{Check, Op, Rule, Severity, Value, assemble};
use seaworthy_telemetry::history::{Aggregate, Function, Match, Matcher, Query, Selector};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;

const REQUESTS: &str = "http_server_request_duration_seconds";
const STATUS: &str = "http_response_status_code";
const SERVICE: &str = "seaworthy_service";
const EFFECTS: &str = "seaworthy_policy_effects_total";

/// A rule in few words.
pub(crate) struct Watch {
    name: &'static str,
    metric: &'static str,
    /// Statuses, as a regular expression; all of a service's requests are the whole then.
    share_of: Option<&'static str>,
    min_whole: f64,
    by: &'static str,
    function: &'static str,
    op: &'static str,
    bound: f64,
    /// Seconds that are looked back.
    window: u64,
    /// Seconds for which it has to be wrong.
    seconds: u64,
}

const USUAL: Watch = Watch {
    name: "",
    metric: REQUESTS,
    share_of: None,
    min_whole: 20.0,
    by: SERVICE,
    function: "observations",
    op: "above",
    bound: 0.0,
    window: 60,
    seconds: 0,
};

/// For longer than a single blow is seen for: what happened at one moment is no reason to wake anybody.
const SOON: Watch = Watch { min_whole: 10.0, window: 30, seconds: 40, ..USUAL };

pub(crate) const WATCHES: [Watch; 9] = [
    Watch { name: "ErrorsNow", share_of: Some("5.."), bound: 0.05, ..SOON },
    Watch { name: "NothingWorks", share_of: Some("5.."), min_whole: 3.0, bound: 0.9, ..USUAL },
    Watch { name: "RefusedNow", share_of: Some("4.."), bound: 0.5, ..SOON },
    Watch { name: "SlowNow", function: "quantile", bound: 0.5, ..SOON },
    Watch { name: "RetriesNow", metric: EFFECTS, by: "service", function: "increase", bound: 5.0, ..SOON },
    Watch {
        name: "EndpointDown",
        metric: "seaworthy_endpoint_healthy",
        by: "service",
        function: "latest",
        op: "at_most",
        seconds: 20,
        ..USUAL
    },
    Watch { name: "NoTraffic", op: "at_most", seconds: 20, ..USUAL },
    Watch { name: "AnyDeadLetter", metric: "jobs_depth", by: "jobs_queue", function: "latest", ..USUAL },
    Watch {
        name: "JobsWait",
        metric: "jobs_oldest_seconds",
        by: "jobs_queue",
        function: "latest",
        bound: 30.0,
        ..USUAL
    },
];

impl Watch {
    fn matcher(&self) -> Option<(&'static str, Match, &'static str)> {
        match self.share_of {
            // whatever status an answer began with that broke off
            Some("5..") => Some(("error_type", Match::NotEqual, "")),
            Some(statuses) => Some((STATUS, Match::Regex, statuses)),
            None if self.metric == EFFECTS => Some(("effect", Match::Equal, "retries")),
            None if self.metric == "jobs_depth" => Some(("jobs_state", Match::Equal, "discarded")),
            // a minute without a request says nothing where few come
            None if self.name == "NoTraffic" => Some((SERVICE, Match::NotRegex, "few.*")),
            None => None,
        }
    }

    /// As the configuration has it.
    pub(crate) fn toml(&self) -> String {
        let mut out = format!(
            "[alert.{}]\nseverity = \"critical\"\nfor = \"{}s\"\n{} = {:?}\n",
            self.name, self.seconds, self.op, self.bound
        );
        let ask = |matchers: &str| {
            format!(
                "metric = \"{}\"\nmatchers = [{matchers}]\nfunction = \"{}\"\nwindow = \"{}s\"\nby = [\"{}\"]\n",
                self.metric, self.function, self.window, self.by
            )
        };
        let matchers = self.matcher().map(|(label, op, value)| {
            let op = match op {
                Match::Regex => "=~",
                Match::NotRegex => "!~",
                Match::NotEqual => "!=",
                Match::Equal => "=",
            };
            format!("'{label}{op}\"{value}\"'")
        });
        if self.share_of.is_some() {
            let _infallible = writeln!(out, "min_whole = {:?}", self.min_whole);
        }
        let _infallible = write!(out, "[alert.{}.query]\n{}", self.name, ask(&matchers.unwrap_or_default()));
        if self.share_of.is_some() {
            let _infallible = write!(out, "[alert.{}.whole]\n{}", self.name, ask(""));
        }
        out
    }

    fn query(&self, matchers: Vec<Matcher>) -> Result<Query, Error> {
        let selector = Selector::new(self.metric, matchers).map_err(|error| Error::new(self.name, error))?;
        let function = match self.function {
            "quantile" => Function::Quantile(0.95),
            "latest" => Function::Latest,
            "increase" => Function::Increase,
            _ => Function::Observations,
        };
        let (window, by) = (Duration::from_secs(self.window), Some(vec![self.by.to_owned()]));
        Ok(Query { selector, function, window, by, aggregate: Aggregate::Sum })
    }

    /// As the engine has it.
    fn rule(&self) -> Result<Rule, Error> {
        let matcher = |(label, op, value): (&str, Match, &str)| Matcher {
            label: label.to_owned(),
            op,
            value: value.to_owned(),
        };
        let part = self.query(self.matcher().map(matcher).into_iter().collect())?;
        let value = match self.share_of {
            Some(_) => Value::Ratio { part, whole: self.query(Vec::new())?, min_whole: self.min_whole },
            None => Value::Query(part),
        };
        let op = if self.op == "at_most" { Op::AtMost } else { Op::Above };
        let mut rule =
            Rule::new(self.name, Check::Threshold { value, op, threshold: self.bound, resolve: None });
        rule.r#for = Duration::from_secs(self.seconds);
        rule.severity = Severity::Critical;
        Ok(rule)
    }
}

/// One failure in an hour's five requests is no reason to wake anybody: where few come, less is promised.
fn target(service: &str) -> f64 {
    if service.starts_with("few") { 99.0 } else { 99.9 }
}

/// Availability of 99.9 % (99 % where few come) and 99 % within 500 ms for each service, and everything above.
pub(crate) fn toml(services: &[String]) -> String {
    let objectives = services.iter().map(|name| {
        format!(
            "[objective.{name}-availability]\nservice = \"{name}\"\ntarget = {:?}\n[objective.{name}-latency]\nservice = \"{name}\"\n\
             target = 99.0\nwithin = \"500ms\"\n",
            target(name)
        )
    });
    objectives.chain(WATCHES.iter().map(Watch::toml)).collect()
}

/// The same, for the engine, with the rules that are there without a word.
pub(crate) fn rules(services: &[String]) -> Result<Vec<Rule>, Error> {
    let invalid = |error: seaworthy_alerts::Error| Error::new("rules", error);
    let mut objectives = Vec::new();
    for service in services {
        let usual = Objective::new(format!("{service}-availability"), Indicator::availability());
        let availability = Objective { target: target(service), ..usual };
        let within = Indicator::Latency { threshold: Duration::from_millis(500) };
        let latency = Objective { target: 99.0, ..Objective::new(format!("{service}-latency"), within) };
        for objective in [availability, latency] {
            let objective = Objective { service: Some(service.clone()), ..objective };
            objectives.push(Arc::new(Measured::new(objective).map_err(invalid)?));
        }
    }
    let own = WATCHES.iter().map(Watch::rule).collect::<Result<Vec<_>, _>>()?;
    assemble(&objectives, own).map_err(invalid)
}
