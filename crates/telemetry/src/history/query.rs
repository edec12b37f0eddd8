//! Questions and answers.

use super::{Labels, Selector};
use std::time::{Duration, SystemTime};

/// A moment on the wall clock.
pub type Time = SystemTime;

/// What is made of the samples of one series that lie in the window.
///
/// Windows are open at the start and closed at the end. What a counter grew by between two samples belongs to the
/// later one; nothing is extrapolated, so that the increases of adjacent windows add up exactly.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// The value at the last sample of the window; none where the series was no longer there. Counters and gauges.
    Latest,
    /// [`Increase`](Self::Increase) per second of the window.
    Rate,
    /// What a counter grew by. A value below the one before it is a counter that began again at zero. What it grew by
    /// in a gap (more than three resolutions without a sample) counts only if the window holds the whole gap. A series
    /// that appears while others have been sampled already has grown from zero.
    Increase,
    /// The duration in seconds below which this share (0–1) of a histogram's observations lie, interpolated within
    /// its bucket as Prometheus does it. None where nothing was observed.
    Quantile(f64),
    /// Of a histogram the mean duration in seconds, none where nothing was observed; of a gauge the mean of its samples.
    Mean,
    /// The greatest sample of a gauge.
    Max,
    /// The least sample of a gauge.
    Min,
    /// How many observations of a histogram took at most so many seconds. It has to be one of its bounds.
    Below(f64),
    /// How many observations a histogram took.
    Observations,
}

impl Function {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Rate => "rate",
            Self::Increase => "increase",
            Self::Quantile(_) => "quantile",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Min => "min",
            Self::Below(_) => "below",
            Self::Observations => "observations",
        }
    }
}

/// How the results of several series become one.
///
/// With [`Sum`](Self::Sum) a histogram's quantile and mean are those of all observations together; with the others,
/// they are taken of each series' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// All added up.
    Sum,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// Their mean, each series counting alike.
    Mean,
    /// How many series have a result.
    Count,
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Which series.
    pub selector: Selector,
    /// What is made of each.
    pub function: Function,
    /// Over how long.
    pub window: Duration,
    /// The labels by which series are put together; `None` leaves each on its own, an empty list makes one of all.
    pub by: Option<Vec<String>>,
    /// How series are put together.
    pub aggregate: Aggregate,
}

impl Query {
    /// The same question to a Prometheus that scrapes `/metrics`. Its rates and increases are extrapolated to the
    /// window's ends, so that they differ by up to an interval's worth.
    pub fn promql(&self) -> String {
        super::promql::write(self)
    }
}

/// The result of one series, or of one group of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The series' labels, or those it was grouped by.
    pub labels: Labels,
    /// The result; always a number.
    pub value: f64,
}

/// Results over a range of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The series' labels, or those it was grouped by.
    pub labels: Labels,
    /// Rising times and the results there; times without a result are left out.
    pub points: Vec<(Time, f64)>,
}
