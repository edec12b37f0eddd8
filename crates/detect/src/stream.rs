//! Detectors that learn row by row, with memory that does not grow.

use crate::Error;

mod half_space;
mod online;
mod random_cut;
#[cfg(test)]
mod tests;

pub use half_space::HalfSpaceTrees;
pub use online::{Ewma, WindowQuantile, ZScore};
pub use random_cut::RandomCutForest;

/// A detector that scores a row and then learns from it. A row that is refused changes nothing.
pub trait Stream: Send {
    /// How many columns a row has.
    fn columns(&self) -> usize;

    /// How anomalous a row is by what was learned so far: the greater, the more; 0 while too little was. The row must
    /// have been checked.
    fn score(&self, row: &[f64]) -> f64;

    /// Learns from a row that was checked.
    fn learn(&mut self, row: &[f64]);

    /// Scores a row, then learns from it.
    ///
    /// # Errors
    /// Another number of values than columns, or a value that is not finite.
    fn update(&mut self, row: &[f64]) -> Result<f64, Error> {
        check(row, self.columns())?;
        let score = self.score(row);
        self.learn(row);
        Ok(if score.is_finite() { score } else { f64::MAX })
    }
}

fn check(row: &[f64], columns: usize) -> Result<(), Error> {
    if row.len() != columns {
        return Err(Error::Columns { expected: columns, got: row.len() });
    }
    match row.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(column) => {
            let what = if row[column].is_nan() { "not a number" } else { "infinite" };
            Err(Error::Cell { row: 0, column, name: format!("f{column}"), what })
        }
    }
}

/// Refuses a setting that is out of range.
fn within(name: &str, value: usize, low: usize, high: usize) -> Result<usize, Error> {
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(Error::parameter(name, value, format!("a whole number from {low} to {high} is expected")))
}

/// Refuses a number that is out of range.
fn between(name: &str, value: f64, low: f64, high: f64) -> Result<f64, Error> {
    if value > low && value < high {
        return Ok(value);
    }
    Err(Error::parameter(name, value, format!("a number between {low} and {high} is expected")))
}
