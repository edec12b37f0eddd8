//! Median absolute deviation (Iglewicz and Hoaglin, "How to detect and handle outliers", 1993).

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::parameters::Settings;
use crate::scorer::{Fitted, Scorer, each_row};
use crate::statistics;
use crate::table::Rows;

/// PyOD takes one column only; here a row's score is that of its most unusual column.
pub(crate) static MAD: Algorithm = Algorithm {
    name: "MAD",
    aliases: &["median_absolute_deviation"],
    about: "distance from the median in median absolute deviations, of the most unusual column",
    parameters: &[],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Mad::read(from, columns)?)),
};

/// The standard normal's third quartile: makes a median absolute deviation a standard deviation.
const NORMAL: f64 = 0.6745;

#[derive(Debug)]
struct Mad {
    median: Vec<f64>,
    spread: Vec<f64>,
}

fn fit(rows: Rows<'_>, _: &Settings) -> Result<Fitted, Error> {
    let (mut median, mut spread) = (Vec::new(), Vec::new());
    for column in 0..rows.columns {
        let mut values: Vec<f64> = rows.column(column).collect();
        let middle = statistics::median(&mut values);
        values.iter_mut().for_each(|value| *value = (*value - middle).abs());
        median.push(middle);
        spread.push(spread_of(&mut values));
    }
    Ok(Fitted::by_scoring(Mad { median, spread }, rows))
}

/// The deviation that counts as one; where more than half the values are equal, one of the mean deviation (PyOD
/// divides by zero there); where all are, the smallest there is room for.
fn spread_of(far: &mut [f64]) -> f64 {
    let median = statistics::median(far);
    let mean = statistics::mean(far);
    let spread = if median > 0.0 { median / NORMAL } else { mean * 1.253_314 };
    if spread.is_normal() { spread } else { 1.0 }
}

impl Mad {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let (median, spread) = (from.exactly(columns)?, from.exactly(columns)?);
        if spread.iter().any(|spread| *spread <= 0.0) {
            return Err(Error::model("a spread is not above zero"));
        }
        Ok(Self { median, spread })
    }

    fn far(&self, row: &[f64]) -> impl Iterator<Item = f64> {
        row.iter()
            .zip(&self.median)
            .zip(&self.spread)
            .map(|((value, median), spread)| (value - median).abs() / spread)
    }
}

impl Scorer for Mad {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        each_row(rows, |row| self.far(row).fold(0.0, f64::max))
    }

    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        let far: Vec<f64> = self.far(row).collect();
        let most = far.iter().copied().fold(0.0, f64::max);
        let first = far.iter().position(|each| *each == most)?;
        Some((0..far.len()).map(|at| if at == first { most } else { 0.0 }).collect())
    }

    fn write(&self, out: &mut Writer) {
        out.numbers(&self.median);
        out.numbers(&self.spread);
    }
}
