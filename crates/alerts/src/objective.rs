//! Objectives: what share of requests has to be good, over how long, and how fast what may be bad is used up.
//!
//! The numbers come from the gateway's own histogram of requests. The same definition becomes rules of this engine
//! ([`Objective::rules`](crate::rule)), a line of a table ([`Status`]), rules for a Prometheus ([`prometheus`]) and a
//! dashboard for Grafana ([`grafana`]).

mod burn;
mod counts;
pub mod grafana;
pub mod prometheus;
mod status;

#[cfg(test)]
mod tests;

pub use burn::{BurnRate, Sustained};
pub use counts::{Counts, Measured};
pub(crate) use status::covered;
pub use status::{Burn, Status};

use crate::Error;
use crate::labels::LabelSet;
use std::time::Duration;

/// The histogram of the gateway that objectives are measured on, as `/metrics` shows it.
pub const REQUESTS: &str = "http_server_request_duration_seconds";

/// How many objectives there may be.
pub const MOST_OBJECTIVES: usize = 1_000;

/// What is promised.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// Its name, once among all: letters, digits, `-`, `_`, up to 64.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// Requests to this service only; all where it is not given.
    pub service: Option<String>,
    /// Requests of this route only; all where it is not given.
    pub route: Option<String>,
    /// What a good request is.
    pub indicator: Indicator,
    /// The share of requests that has to be good, in percent: above 0, below 100. Default 99.9.
    pub target: f64,
    /// Over how long; default 30 days. From an hour to a year.
    pub window: Duration,
    /// How fast the budget may be used before somebody is told. Default: 14.4 over 1 h and 5 min, 6 over 6 h and
    /// 30 min (both critical), 3 over 1 d and 2 h, 1 over 3 d and 6 h (both warnings).
    pub burn_rates: Vec<BurnRate>,
    /// With fewer requests than this in the short window no burn rate is told of: one failure among three requests
    /// is no rate. Default 20.
    pub min_requests: f64,
    /// Tells of services with little traffic whose requests (nearly) all fail. On by default.
    pub sustained: Option<Sustained>,
    /// Labels of its alerts, beside `objective` and `severity`.
    pub labels: LabelSet,
    /// What to do when it fails: an address.
    pub runbook: Option<String>,
}

/// What a good request is.
#[derive(Debug, Clone, PartialEq)]
pub enum Indicator {
    /// One that is answered whole, with none of these statuses.
    Availability {
        /// Statuses of bad requests, a regular expression for the whole of it; default `5..`.
        bad_status: String,
    },
    /// One that is answered well and within a time. Answers of status 5xx, or that broke off, are left out: they are
    /// the other indicator's.
    Latency {
        /// The time: one of the histogram's bounds.
        threshold: Duration,
    },
}

impl Indicator {
    /// Every whole answer but 5xx is good.
    pub fn availability() -> Self {
        Self::Availability { bad_status: "5..".to_owned() }
    }

    /// Its short name.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Availability { .. } => "availability",
            Self::Latency { .. } => "latency",
        }
    }
}

impl Objective {
    /// With all defaults.
    pub fn new(name: impl Into<String>, indicator: Indicator) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            service: None,
            route: None,
            indicator,
            target: 99.9,
            window: Duration::from_secs(30 * 86_400),
            burn_rates: BurnRate::usual(),
            min_requests: 20.0,
            sustained: Some(Sustained::default()),
            labels: LabelSet::new(),
            runbook: None,
        }
    }

    /// The share of requests that may be bad, from 0 to 1.
    pub fn budget(&self) -> f64 {
        1.0 - self.target / 100.0
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::invalid(format!("objective {}", self.name), reason));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_name) {
            return Err(Error::invalid("objective", "a name is up to 64 letters, digits, - and _"));
        }
        if !(self.target > 0.0 && self.target < 100.0) {
            return refuse("target is a percentage above 0 and below 100".to_owned());
        }
        if !(Duration::from_secs(3_600)..=Duration::from_secs(366 * 86_400)).contains(&self.window) {
            return refuse("window is from 1h to 366d".to_owned());
        }
        if !(self.min_requests >= 0.0 && self.min_requests.is_finite()) {
            return refuse("min_requests is zero or more".to_owned());
        }
        if self.burn_rates.len() > 8 {
            return refuse("burn_rates are at most 8".to_owned());
        }
        crate::labels::check(&self.labels)?;
        for burn in &self.burn_rates {
            burn.validate().or_else(&refuse)?;
        }
        if let Some(sustained) = &self.sustained {
            sustained.validate().or_else(&refuse)?;
        }
        Ok(())
    }
}
