//! Values that are unlike what they were.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many points of the past are looked at.
const MOST_POINTS: u128 = 2_000;

/// When a value is unlike its past.
#[derive(Debug, Clone)]
pub struct Anomaly {
    /// On which side.
    pub side: Side,
    /// From which score on; default 3.5.
    pub score: f64,
    /// With fewer points of the past nothing is said; default 20.
    pub min_samples: usize,
    /// How far back the past goes; default 2 h.
    pub history: Duration,
    /// How far apart its points are; default 1 min.
    pub step: Duration,
    /// What gives the score.
    pub detector: Arc<dyn Detector>,
}

/// Which values are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// Those that are too high or too low.
    #[default]
    Both,
    /// Those that are too high.
    Upper,
    /// Those that are too low.
    Lower,
}

/// Says how unlike its past a value is.
pub trait Detector: fmt::Debug + Send + Sync + 'static {
    /// Above 0 for a value that is high, below for one that is low; the further from 0, the less likely. `None` where
    /// it cannot be said.
    fn score(&self, past: &[f64], value: f64) -> Option<f64>;
}

impl Default for Anomaly {
    fn default() -> Self {
        Self {
            side: Side::Both,
            score: 3.5,
            min_samples: 20,
            history: Duration::from_secs(7_200),
            step: Duration::from_secs(60),
            detector: Arc::new(RobustZ),
        }
    }
}

impl Anomaly {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.step.is_zero() || self.step > self.history {
            return Err("step is above 0 and up to history".to_owned());
        }
        let points = self.history.as_nanos() / self.step.as_nanos();
        if points > MOST_POINTS {
            return Err(format!("history has {points} steps; {MOST_POINTS} are allowed"));
        }
        if self.min_samples < 3 || self.min_samples as u128 > points.max(3) {
            return Err("min_samples is from 3 to the steps of history".to_owned());
        }
        if !(self.score > 0.0 && self.score.is_finite()) {
            return Err("score is above 0".to_owned());
        }
        Ok(())
    }

    /// The score, on the side that matters.
    pub(super) fn judge(&self, past: &[f64], value: f64) -> Option<bool> {
        if past.len() < self.min_samples {
            return None;
        }
        let score = self.detector.score(past, value)?;
        Some(match self.side {
            Side::Both => score.abs() >= self.score,
            Side::Upper => score >= self.score,
            Side::Lower => -score >= self.score,
        })
    }
}

/// The distance from the median in units of the median absolute deviation, scaled so that of normally distributed
/// values it is the number of standard deviations (Iglewicz and Hoaglin, 1993). Season and trend are not looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct RobustZ;

/// Of a normal distribution, standard deviations per median absolute deviation.
const PER_MAD: f64 = 1.4826;
/// A past that does not vary is given this much of its median: the least change is no anomaly.
const LEAST: f64 = 0.01;

impl Detector for RobustZ {
    fn score(&self, past: &[f64], value: f64) -> Option<f64> {
        let middle = median(past.to_vec())?;
        let off = median(past.iter().map(|point| (point - middle).abs()).collect())?;
        let unit = (PER_MAD * off).max(LEAST * middle.abs()).max(1e-9);
        let score = (value - middle) / unit;
        score.is_finite().then_some(score)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    if values.is_empty() {
        return None;
    }
    let at = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(at, f64::total_cmp);
    let upper = *upper;
    let lower = if is_even { below.iter().copied().fold(f64::MIN, f64::max) } else { upper };
    Some(f64::midpoint(lower, upper))
}
