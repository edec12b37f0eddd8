use crate::rule::Severity;
use std::time::Duration;

/// How fast a budget may be used before somebody is told: `factor` times as fast as would use it up exactly at the end
/// of the objective's window. Both windows have to agree: the long one shows that it matters, the short one that it is
/// still so.
#[derive(Debug, Clone, PartialEq)]
pub struct BurnRate {
    /// The multiple.
    pub factor: f64,
    /// The long window.
    pub long: Duration,
    /// The short window.
    pub short: Duration,
    /// How bad it is: critical pages, a warning is a ticket.
    pub severity: Severity,
}

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

impl BurnRate {
    /// The four pairs of the Site Reliability Workbook (chapter 5): 2 % of a 30-day budget in an hour, 5 % in six, and
    /// 10 % in one and in three days.
    pub fn usual() -> Vec<Self> {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let pair = |factor, long, short, severity| Self { factor, long, short, severity };
        vec![
            pair(14.4, hours(1), minutes(5), Severity::Critical),
            pair(6.0, hours(6), minutes(30), Severity::Critical),
            pair(3.0, hours(24), hours(2), Severity::Warning),
            pair(1.0, hours(72), hours(6), Severity::Warning),
        ]
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if !(self.factor > 0.0 && self.factor.is_finite()) {
            return Err("the factor of a burn rate is above 0".to_owned());
        }
        if self.short.is_zero() || self.short >= self.long || self.long > hours(24 * 366) {
            return Err("the short window of a burn rate is above 0 and below the long one".to_owned());
        }
        Ok(())
    }
}

/// Little traffic that fails: too few requests to speak of a rate, but nobody is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Sustained {
    /// For how long; default 10 min.
    pub window: Duration,
    /// The share of bad requests over all of it, from 0 to 1; default 0.9.
    pub share: f64,
    /// How many bad requests there have to be; default 2.
    pub min_failures: f64,
    /// How bad it is; critical by default.
    pub severity: Severity,
}

impl Default for Sustained {
    fn default() -> Self {
        Self { window: Duration::from_secs(600), share: 0.9, min_failures: 2.0, severity: Severity::Critical }
    }
}

impl Sustained {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.window.is_zero() || self.window > hours(24) {
            return Err("the window of the sustained-failure rule is up to 24h".to_owned());
        }
        if !(self.share > 0.0
            && self.share <= 1.0
            && self.min_failures.is_finite()
            && self.min_failures >= 1.0)
        {
            return Err("share is above 0 and up to 1, min_failures 1 or more".to_owned());
        }
        Ok(())
    }
}
