use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{self, History, Query, Sample, Series};
use std::time::Duration;

/// Where rules and objectives look their numbers up.
pub trait Source: Send + Sync + 'static {
    /// The result at a moment. Empty where there is no such series, or no data.
    ///
    /// # Errors
    /// What the history says of a question it cannot answer.
    fn query(&self, query: &Query, at: Timestamp) -> Result<Vec<Sample>, history::Error>;

    /// Results over a time, for rules that compare with what was.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    fn range(
        &self,
        query: &Query,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Series>, history::Error>;

    /// From when on it knows anything; `None`: long enough.
    fn since(&self) -> Option<Timestamp> {
        None
    }
}

impl Source for History {
    fn query(&self, query: &Query, at: Timestamp) -> Result<Vec<Sample>, history::Error> {
        Self::query(self, query, at.into())
    }

    fn range(
        &self,
        query: &Query,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Series>, history::Error> {
        Self::range(self, query, from.into(), to.into(), step)
    }

    fn since(&self) -> Option<Timestamp> {
        Self::since(self).map(Timestamp::from)
    }
}
