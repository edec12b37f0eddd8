use crate::contradiction::{Contradiction, Findings};
use crate::{breaker, budget, bulkhead, fault, hedge, rate_limit, retry, shed};
use std::time::Duration;

/// What every policy of a stack is set to; `None` switches one off.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Settings {
    /// How long everything may take, all attempts and the waiting between them.
    #[serde(serialize_with = "crate::text::optional_duration")]
    pub total_timeout: Option<Duration>,
    /// How long one attempt may take.
    #[serde(serialize_with = "crate::text::optional_duration")]
    pub attempt_timeout: Option<Duration>,
    /// Trying again.
    pub retry: Option<retry::Settings>,
    /// What retries and hedges together may add to the traffic.
    pub budget: Option<budget::Settings>,
    /// Sending a late call again.
    pub hedge: Option<hedge::Settings>,
    /// Leaving a failing service alone.
    pub breaker: Option<breaker::Settings>,
    /// How many attempts may start per time.
    pub rate_limit: Option<rate_limit::Settings>,
    /// How many attempts may be under way.
    pub bulkhead: Option<bulkhead::Settings>,
    /// Refusing load that cannot be served.
    pub shed: Option<shed::Settings>,
    /// Whether faults may be injected.
    pub fault: Option<fault::Settings>,
}

impl Settings {
    /// No policy at all.
    pub const fn none() -> Self {
        Self {
            total_timeout: None,
            attempt_timeout: None,
            retry: None,
            budget: None,
            hedge: None,
            breaker: None,
            rate_limit: None,
            bulkhead: None,
            shed: None,
            fault: None,
        }
    }

    /// Everything that cannot be meant, in each policy and between them.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        let zero = |limit: Option<Duration>| limit.is_some_and(|limit| limit.is_zero());
        found.expect(!zero(self.total_timeout), "total_timeout", "must be longer than zero");
        found.expect(!zero(self.attempt_timeout), "attempt_timeout", "must be longer than zero");
        found.nest("retry", self.retry.as_ref().map(retry::Settings::validate).unwrap_or_default());
        found.nest("budget", self.budget.as_ref().map(budget::Settings::validate).unwrap_or_default());
        found.nest("hedge", self.hedge.as_ref().map(hedge::Settings::validate).unwrap_or_default());
        found.nest("breaker", self.breaker.as_ref().map(breaker::Settings::validate).unwrap_or_default());
        found.nest(
            "rate_limit",
            self.rate_limit.as_ref().map(rate_limit::Settings::validate).unwrap_or_default(),
        );
        found.nest("bulkhead", self.bulkhead.as_ref().map(bulkhead::Settings::validate).unwrap_or_default());
        found.nest("shed", self.shed.as_ref().map(shed::Settings::validate).unwrap_or_default());
        found.nest("fault", self.fault.as_ref().map(fault::Settings::validate).unwrap_or_default());
        self.validate_together(&mut found);
        found.done()
    }

    fn validate_together(&self, found: &mut Findings) {
        let retries = self.retry.as_ref().is_some_and(|retry| retry.max_attempts > 1);
        let spends = retries || self.hedge.is_some();
        found.expect(
            self.budget.is_none() || spends,
            "budget",
            "has no effect: nothing is retried or hedged",
        );
        let Some(total) = self.total_timeout else { return };
        let fits = |part: Option<Duration>| part.is_none_or(|part| part < total);
        let inert = "has no effect: total_timeout is over first";
        found.expect(fits(self.attempt_timeout), "attempt_timeout", inert);
        found.expect(fits(self.hedge.map(|hedge| hedge.delay)), "hedge.delay", inert);
        found.expect(fits(self.bulkhead.map(|bulkhead| bulkhead.max_wait)), "bulkhead.max_wait", inert);
        if let Some(retry) = self.retry.as_ref().filter(|_| retries) {
            found.expect(
                retry.backoff.base < total,
                "retry.backoff.base",
                "no retry could start: total_timeout is over first",
            );
        }
    }
}
