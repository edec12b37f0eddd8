//! Keeps numbers in a range in which squares and sums of them stay finite, so that detectors need not.

use std::borrow::Cow;

use crate::Error;
use crate::bytes::{Reader, Writer};
use crate::table::Rows;

/// No detector sees a greater number.
const FAR: f64 = 1e100;
/// No score is greater.
const MOST: f64 = 1e300;

/// A power of two that all values are multiplied by, 1 for all usual data. Values beyond ±1e100 after that count as
/// ±1e100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Guard {
    scale: f64,
}

impl Guard {
    pub(crate) fn fit(rows: Rows<'_>) -> Self {
        let greatest = greatest(rows.values);
        if greatest == 0.0 || (1.0 / FAR..=FAR).contains(&greatest) {
            return Self { scale: 1.0 };
        }
        Self { scale: (-greatest.log2().floor()).clamp(-1020.0, 1020.0).exp2() }
    }

    pub(crate) fn apply<'a>(&self, rows: Rows<'a>) -> Cow<'a, [f64]> {
        if self.scale == 1.0 && greatest(rows.values) <= FAR {
            return Cow::Borrowed(rows.values);
        }
        Cow::Owned(rows.values.iter().map(|value| (value * self.scale).clamp(-FAR, FAR)).collect())
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.number(self.scale);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { scale: from.positive()? })
    }
}

fn greatest(values: &[f64]) -> f64 {
    // Eight at a time, so that the compiler can use vectors.
    let mut most = [0.0_f64; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder().iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for chunk in chunks {
        for (most, value) in most.iter_mut().zip(chunk) {
            let size = value.abs();
            *most = if size > *most { size } else { *most };
        }
    }
    most.iter().fold(rest, |most, value| most.max(*value))
}

/// Scores that are finite whatever arithmetic did at its edges: what cannot be told is as far out as can be.
pub(crate) fn finite(scores: &mut [f64]) {
    for score in scores {
        *score = if score.is_nan() { MOST } else { score.clamp(-MOST, MOST) };
    }
}

/// Column means and deviations; a column that does not vary has deviation 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standard {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Standard {
    pub(crate) fn fit(rows: Rows<'_>) -> Self {
        let n = rows.len() as f64;
        let mut mean = vec![0.0; rows.columns];
        rows.iter().for_each(|row| row.iter().zip(&mut mean).for_each(|(value, sum)| *sum += value));
        mean.iter_mut().for_each(|sum| *sum /= n);
        let mut deviation = vec![0.0; rows.columns];
        for row in rows.iter() {
            for ((value, mean), sum) in row.iter().zip(&mean).zip(&mut deviation) {
                *sum += (value - mean) * (value - mean);
            }
        }
        for (sum, mean) in deviation.iter_mut().zip(&mean) {
            let found = (*sum / n).sqrt();
            // What rounding makes of a constant column is no variation (scikit-learn's rule).
            *sum = if found > 10.0 * f64::EPSILON * mean.abs() && found.is_normal() { found } else { 1.0 };
        }
        Self { mean, deviation }
    }

    pub(crate) fn none(columns: usize) -> Self {
        Self { mean: vec![0.0; columns], deviation: vec![1.0; columns] }
    }

    pub(crate) fn apply(&self, row: &[f64], out: &mut [f64]) {
        for (((value, out), mean), deviation) in row.iter().zip(out).zip(&self.mean).zip(&self.deviation) {
            *out = ((value - mean) / deviation).clamp(-FAR, FAR);
        }
    }

    pub(crate) fn all(&self, rows: Rows<'_>) -> Vec<f64> {
        let mut out = vec![0.0; rows.values.len()];
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(rows.columns)) {
            self.apply(row, out);
        }
        out
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.numbers(&self.mean);
        out.numbers(&self.deviation);
    }

    pub(crate) fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let (mean, deviation) = (from.exactly(columns)?, from.exactly(columns)?);
        if deviation.iter().any(|value| *value <= 0.0) {
            return Err(Error::model("a deviation is not above zero"));
        }
        Ok(Self { mean, deviation })
    }
}
