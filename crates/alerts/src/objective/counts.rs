use super::{Indicator, Objective, REQUESTS};
use crate::{Error, Source};
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{self, Aggregate, Function, Match, Matcher, Query, Selector};
use std::time::Duration;

/// How many requests there were over a window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// All that count.
    pub total: f64,
    /// The bad ones among them.
    pub bad: f64,
}

impl Counts {
    /// The share of bad requests; none where there was no request.
    pub fn share(&self) -> Option<f64> {
        (self.total > 0.0).then(|| (self.bad / self.total).clamp(0.0, 1.0))
    }
}

/// An objective with its questions made ready.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What is promised.
    pub objective: Objective,
    total: Selector,
    good: Good,
}

/// What is taken off all requests.
#[derive(Debug, Clone)]
enum Good {
    /// Answers of other statuses than bad ones, that came whole.
    Answered(Selector),
    /// Answers within so many seconds.
    Within(f64),
}

/// What the gateway says of an answer that broke off, whatever status it began with.
const BROKE_OFF: &str = "response_broke_off";

impl Measured {
    /// Looks at everything and makes the questions.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::History`].
    pub fn new(objective: Objective) -> Result<Self, Error> {
        objective.validate()?;
        let mut matchers = Vec::new();
        let mut add = |label: &str, op, value: &str| {
            matchers.push(Matcher { label: label.to_owned(), op, value: value.to_owned() });
        };
        if let Some(service) = &objective.service {
            add("seaworthy_service", Match::Equal, service);
        }
        if let Some(route) = &objective.route {
            add("http_route", Match::Equal, route);
        }
        let answered = |bad_status: &str| {
            let own = |label: &str, op, value: &str| Matcher {
                label: label.to_owned(),
                op,
                value: value.to_owned(),
            };
            let status = own("http_response_status_code", Match::NotRegex, bad_status);
            let whole = own("error_type", Match::NotEqual, BROKE_OFF);
            Selector::new(REQUESTS, matchers.iter().cloned().chain([status, whole]).collect())
        };
        let (total, good) = match &objective.indicator {
            Indicator::Availability { bad_status } => {
                (Selector::new(REQUESTS, matchers.clone())?, Good::Answered(answered(bad_status)?))
            }
            Indicator::Latency { threshold } => (answered("5..")?, Good::Within(threshold.as_secs_f64())),
        };
        Ok(Self { objective, total, good })
    }

    pub(super) fn total(&self, window: Duration) -> Query {
        summed(&self.total, Function::Observations, window)
    }

    /// The question for good requests.
    pub(super) fn good(&self, window: Duration) -> Query {
        match &self.good {
            Good::Answered(selector) => summed(selector, Function::Observations, window),
            Good::Within(seconds) => summed(&self.total, Function::Below(*seconds), window),
        }
    }

    /// How many requests of the window before `at` were bad.
    ///
    /// # Errors
    /// What the history says.
    pub fn counts(
        &self,
        source: &dyn Source,
        window: Duration,
        at: Timestamp,
    ) -> Result<Counts, history::Error> {
        let ask = |query: &Query| {
            let samples = source.query(query, at)?;
            Ok::<f64, history::Error>(samples.iter().map(|sample| sample.value).sum())
        };
        let total = ask(&self.total(window))?;
        if total <= 0.0 {
            return Ok(Counts::default());
        }
        let good = ask(&self.good(window))?;
        Ok(Counts { total, bad: (total - good).max(0.0) })
    }

    /// How many times as fast as it may the budget was used over the window.
    pub(crate) fn burned(&self, counts: Counts) -> Option<f64> {
        Some(counts.share()? / self.objective.budget())
    }
}

fn summed(selector: &Selector, function: Function, window: Duration) -> Query {
    Query { selector: selector.clone(), function, window, by: Some(Vec::new()), aggregate: Aggregate::Sum }
}
