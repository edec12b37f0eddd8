//! Where normal ends: from the scores of the training rows to a cut, above which a score is anomalous.

use serde::{Deserialize, Serialize};

use crate::{Error, statistics};

pub mod conformal;
mod extreme;
#[cfg(test)]
mod tests;

/// How the cut is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "method")]
pub enum Threshold {
    /// This share of the training rows is taken to be anomalous. PyOD's way.
    Contamination {
        /// In (0, 0.5].
        rate: f64,
    },
    /// The score that this many percent of the training rows stay below.
    Percentile {
        /// In (0, 100).
        percent: f64,
    },
    /// Third quartile + 1.5 · (third − first quartile), Tukey's fence.
    Iqr,
    /// Median + 3 · 1.4826 · median of the absolute deviations from it.
    Mad,
    /// A generalised Pareto distribution is fitted to the greatest scores (peaks over the 98th percentile); the cut
    /// is where it expects this share of rows above (Siffer et al., "Anomaly detection in streams with extreme value
    /// theory", 2017; the fit by probability-weighted moments, Hosking and Wallis 1987).
    ExtremeValue {
        /// In (0, 0.02).
        rate: f64,
    },
    /// No cut: each batch's conformal p-values are judged together, so that of the rows called anomalous no more than
    /// this share is expected to be normal (Benjamini and Hochberg 1995; Bates et al. 2023).
    Conformal {
        /// The rate of false discoveries, in (0, 0.5].
        rate: f64,
    },
}

impl Default for Threshold {
    /// A tenth of the training rows, as in PyOD.
    fn default() -> Self {
        Self::Contamination { rate: 0.1 }
    }
}

impl Threshold {
    /// Refuses rates that mean nothing.
    ///
    /// # Errors
    /// A rate or percentage out of its range.
    pub fn check(&self) -> Result<(), Error> {
        let (name, value, fine, range) = match *self {
            Self::Contamination { rate } => ("contamination", rate, rate > 0.0 && rate <= 0.5, "(0, 0.5]"),
            Self::Percentile { percent } => {
                ("percentile", percent, percent > 0.0 && percent < 100.0, "(0, 100)")
            }
            Self::ExtremeValue { rate } => {
                ("extreme_value rate", rate, rate > 0.0 && rate < 0.02, "(0, 0.02)")
            }
            Self::Conformal { rate } => ("conformal rate", rate, rate > 0.0 && rate <= 0.5, "(0, 0.5]"),
            Self::Iqr | Self::Mad => return Ok(()),
        };
        if fine {
            Ok(())
        } else {
            Err(Error::parameter(name, value, format!("a number in {range} is expected")))
        }
    }

    /// The cut for these training scores. Reorders them.
    pub(crate) fn cut(&self, scores: &mut [f64]) -> f64 {
        match *self {
            Self::Contamination { rate } | Self::Conformal { rate } => {
                statistics::quantile(scores, 1.0 - rate)
            }
            Self::Percentile { percent } => statistics::quantile(scores, percent / 100.0),
            Self::Iqr => {
                let (first, third) = (statistics::quantile(scores, 0.25), statistics::quantile(scores, 0.75));
                third + 1.5 * (third - first)
            }
            Self::Mad => {
                let median = statistics::median(scores);
                let mut far: Vec<f64> = scores.iter().map(|score| (score - median).abs()).collect();
                median + 3.0 * 1.4826 * statistics::median(&mut far)
            }
            Self::ExtremeValue { rate } => extreme::cut(scores, rate),
        }
    }
}
