use super::Anomaly;
use crate::objective::{BurnRate, Measured, Sustained};
use seaworthy_telemetry::history::Query;
use std::sync::Arc;
use std::time::Duration;

/// When something is wrong.
#[derive(Debug, Clone)]
pub enum Check {
    /// A value is beyond a bound.
    Threshold {
        /// The value.
        value: Value,
        /// On which side of the bound it is bad.
        op: Op,
        /// The bound.
        threshold: f64,
        /// The bound that it has to pass to be right again, on the good side of the other one; the same where it is
        /// not given. In between nothing changes.
        resolve: Option<f64>,
    },
    /// A series is gone, or was never there.
    Absence {
        /// The question that should have an answer.
        query: Query,
        /// How long a series that is gone is waited for before it is forgotten; default 1 day.
        forget_after: Duration,
    },
    /// An error budget is used too fast.
    Burn {
        /// Whose.
        objective: Arc<Measured>,
        /// How fast.
        rate: BurnRate,
    },
    /// Few requests, but (nearly) all bad.
    Sustained {
        /// Of what.
        objective: Arc<Measured>,
        /// How few, for how long.
        rule: Sustained,
    },
    /// A value is unlike what it was.
    Anomaly {
        /// The value.
        query: Query,
        /// How unlike.
        anomaly: Anomaly,
    },
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The answer itself.
    Query(Query),
    /// One answer by another, series by series; a series that the part lacks counts as 0 there.
    Ratio {
        /// What is divided.
        part: Query,
        /// By what.
        whole: Query,
        /// With a smaller whole there is no value: a rate of three requests is none.
        min_whole: f64,
    },
}

/// How a value is compared with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
}

impl Op {
    /// Whether it is so.
    #[allow(clippy::float_cmp, reason = "whoever asks for equality gets it")]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Equal => value == bound,
            Self::NotEqual => value != bound,
        }
    }

    /// Whether `resolve` is on the good side of the bound.
    fn admits(self, threshold: f64, resolve: f64) -> bool {
        match self {
            Self::Above | Self::AtLeast => resolve <= threshold,
            Self::Below | Self::AtMost => resolve >= threshold,
            Self::Equal | Self::NotEqual => false,
        }
    }
}

impl Check {
    pub(super) fn validate(&self) -> Result<(), String> {
        match self {
            Self::Threshold { value, op, threshold, resolve } => {
                if !threshold.is_finite() {
                    return Err("threshold is a number".to_owned());
                }
                if resolve.is_some_and(|resolve| !(resolve.is_finite() && op.admits(*threshold, resolve))) {
                    return Err("resolve is a number on the good side of threshold".to_owned());
                }
                match value {
                    Value::Ratio { min_whole, .. } if !(min_whole.is_finite() && *min_whole >= 0.0) => {
                        Err("the least whole of a ratio is 0 or more".to_owned())
                    }
                    _ => Ok(()),
                }
            }
            Self::Absence { forget_after, .. } if *forget_after > super::LONGEST => {
                Err("forget_after is up to 31d".to_owned())
            }
            Self::Anomaly { anomaly, .. } => anomaly.validate(),
            Self::Absence { .. } | Self::Burn { .. } | Self::Sustained { .. } => Ok(()),
        }
    }
}
