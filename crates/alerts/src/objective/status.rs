use super::{BurnRate, Counts, Measured};
use crate::{Error, Source};
use seaworthy_store::Timestamp;
use std::time::Duration;

/// The burn rate that the forecast is made from, over this window.
const FORECAST: Duration = Duration::from_secs(3_600);

/// How an objective stands: a line of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Which.
    pub name: String,
    /// Requests of the objective's window, as far back as the history goes.
    pub counts: Counts,
    /// The share of good requests, from 0 to 1; none without requests.
    pub good: Option<f64>,
    /// The share that was promised, from 0 to 1.
    pub target: f64,
    /// What is left of the budget: 1 is all, 0 nothing, below 0 is overspent; none without requests.
    pub budget_left: Option<f64>,
    /// How fast it is used, by pair of windows.
    pub burns: Vec<Burn>,
    /// When the budget is used up if the last hour goes on; none where it will not be within the objective's window.
    /// Zero where it is.
    pub exhausted_in: Option<Duration>,
}

/// One pair of windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Burn {
    /// What was set.
    pub rate: BurnRate,
    /// The multiple over the long window; none without requests.
    pub long: Option<f64>,
    /// The multiple over the short window; none without requests.
    pub short: Option<f64>,
    /// Requests in the short window.
    pub requests: f64,
    /// Whether both are at or above the factor, with enough requests.
    pub is_breached: bool,
}

impl Measured {
    /// How it stands at a moment.
    ///
    /// # Errors
    /// [`Error::History`].
    pub fn status(&self, source: &dyn Source, at: Timestamp) -> Result<Status, Error> {
        let objective = &self.objective;
        let counts = self.counts(source, objective.window, at)?;
        let burns = objective.burn_rates.iter().map(|rate| self.burn(source, rate, at));
        let burns = burns.collect::<Result<Vec<_>, _>>()?;
        let budget_left = counts.share().map(|bad| 1.0 - bad / objective.budget());
        let current = self.burned(self.counts(source, FORECAST, at)?);
        Ok(Status {
            name: objective.name.clone(),
            counts,
            good: counts.share().map(|bad| 1.0 - bad),
            target: objective.target / 100.0,
            budget_left,
            burns,
            exhausted_in: exhausted(budget_left, current, objective.window),
        })
    }

    /// How a pair of windows stands.
    ///
    /// # Errors
    /// [`Error::History`].
    pub fn burn(&self, source: &dyn Source, rate: &BurnRate, at: Timestamp) -> Result<Burn, Error> {
        let short = self.counts(source, rate.short, at)?;
        let long = self.counts(source, rate.long, at)?;
        Ok(self.judge(rate, long, short, covered(source, at)))
    }

    /// The same, from counts that are there already, of a history that is `covered` long (`None`: long enough). What was
    /// before it counts as good: else one failure in the first minutes would be one in all of three days.
    pub fn judge(&self, rate: &BurnRate, long: Counts, short: Counts, covered: Option<Duration>) -> Burn {
        let over = |counts: Counts, window: Duration| {
            let share =
                covered.map_or(1.0, |covered| (covered.as_secs_f64() / window.as_secs_f64()).min(1.0));
            self.burned(counts).map(|burned| burned * share)
        };
        let (over_long, over_short) = (over(long, rate.long), over(short, rate.short));
        // shares of small budgets are not exact: a hair's breadth below the factor is the factor
        let reached = |burned: Option<f64>| burned.is_some_and(|burned| burned >= rate.factor * (1.0 - 1e-9));
        let enough = short.total >= self.objective.min_requests;
        Burn {
            rate: rate.clone(),
            long: over_long,
            short: over_short,
            requests: short.total,
            is_breached: enough && reached(over_long) && reached(over_short),
        }
    }
}

/// How long a source knows anything.
pub(crate) fn covered(source: &dyn Source, at: Timestamp) -> Option<Duration> {
    source.since().map(|since| at.since(since))
}

/// When nothing is left, if it goes on like this.
fn exhausted(left: Option<f64>, burned: Option<f64>, window: Duration) -> Option<Duration> {
    let left = left?;
    if left <= 0.0 {
        return Some(Duration::ZERO);
    }
    let burned = burned.filter(|burned| *burned > 0.0)?;
    let span = Duration::try_from_secs_f64(window.as_secs_f64() * left / burned).ok()?;
    (span <= window).then_some(span)
}
