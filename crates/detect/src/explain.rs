//! Why a row scores as it does: what each column adds, which columns matter at all, and what would have been normal.

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::table::Rows;
use crate::{Error, Model, Table};

mod counterfactual;
#[cfg(test)]
mod tests;

pub use counterfactual::Counterfactual;

/// How contributions were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The score is a sum over columns; these are its parts, exactly.
    Exact,
    /// Shapley values by sampled orders of the columns (Štrumbelj and Kononenko 2014), against background rows.
    Shapley,
}

/// What each column adds to a row's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The row's score.
    pub score: f64,
    /// The score that contributions begin at: 0 where they are parts of a sum, the mean score of the background rows
    /// for Shapley values.
    pub base: f64,
    /// One number per column; with `base` they add up to the score (nearly, for [`Method::Shapley`]).
    pub contributions: Vec<f64>,
    /// How they were found.
    pub method: Method,
}

impl Explanation {
    /// The columns that add most, from the greatest on.
    pub fn top(&self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.contributions.len()).collect();
        order.sort_by(|a, b| self.contributions[*b].total_cmp(&self.contributions[*a]));
        order.truncate(count);
        order
    }
}

/// Orders of columns that are sampled per row. Each is walked forth and back, against another background row.
const ORDERS: usize = 32;
/// More scores than this for one row are refused.
const MOST_SCORES: usize = 4_000_000;

impl Model {
    /// What each column adds to a row's score: exactly where the detector's score is a sum over columns, else as Shapley
    /// values against `background`, rows that are normal (training rows will do).
    ///
    /// # Errors
    /// Columns other than those fitted on, no such row, or too many columns to sample.
    pub fn explain(
        &self,
        table: &Table,
        row: usize,
        background: &Table,
        seed: u64,
    ) -> Result<Explanation, Error> {
        self.check(table)?;
        self.check(background)?;
        if row >= table.rows() {
            return Err(Error::parameter("row", row, format!("there are {} rows", table.rows())));
        }
        let one = Rows { values: table.row(row), columns: self.columns };
        let score = self.score_rows(one)[0];
        let values = self.guard.apply(one);
        if let Some(mut contributions) = self.scorer.contributions(&values) {
            crate::guard::finite(&mut contributions);
            return Ok(Explanation { score, base: 0.0, contributions, method: Method::Exact });
        }
        if self.columns > MOST_SCORES / (4 * ORDERS) {
            let most = MOST_SCORES / (4 * ORDERS);
            return Err(Error::TooLarge { what: "columns to explain".to_owned(), most, got: self.columns });
        }
        Ok(self.shapley(table.row(row), score, background, seed))
    }

    fn shapley(&self, row: &[f64], score: f64, background: &Table, seed: u64) -> Explanation {
        let mut random = Random::new(seed, 0x5A);
        let mut contributions = vec![0.0; row.len()];
        let mut base = 0.0;
        for _ in 0..ORDERS {
            let start = background.row(random.below(background.rows()));
            let mut order = random.permutation(row.len());
            for _ in 0..2 {
                base += self.walk(start, row, &order, &mut contributions);
                order.reverse();
            }
        }
        let walks = 2.0 * ORDERS as f64;
        contributions.iter_mut().for_each(|each| *each /= walks);
        Explanation { score, base: base / walks, contributions, method: Method::Shapley }
    }

    /// Turns one row into another, column by column, adds what each turn changes, and returns the first score.
    fn walk(&self, start: &[f64], end: &[f64], order: &[usize], contributions: &mut [f64]) -> f64 {
        let mut steps = start.to_vec();
        let mut at = start.to_vec();
        for column in order {
            at[*column] = end[*column];
            steps.extend_from_slice(&at);
        }
        let scores = self.score_rows(Rows { values: &steps, columns: self.columns });
        for (column, pair) in order.iter().zip(scores.windows(2)) {
            contributions[*column] += pair[1] - pair[0];
        }
        scores[0]
    }

    /// How much each column matters to the scores of these rows: the mean size of its contributions, as shares of 1.
    /// At most `most` rows are looked at, evenly spread.
    ///
    /// # Errors
    /// As [`Model::explain`].
    pub fn importance(&self, table: &Table, most: usize, seed: u64) -> Result<Vec<f64>, Error> {
        let step = table.rows().div_ceil(most.max(1));
        let mut sums = vec![0.0; self.columns];
        for row in (0..table.rows()).step_by(step) {
            let explanation = self.explain(table, row, table, seed.wrapping_add(row as u64))?;
            let size =
                explanation.contributions.iter().map(|each| each.abs()).sum::<f64>().max(f64::MIN_POSITIVE);
            sums.iter_mut().zip(&explanation.contributions).for_each(|(sum, each)| *sum += each.abs() / size);
        }
        let all: f64 = sums.iter().sum();
        sums.iter_mut().for_each(|sum| *sum = if all > 0.0 { *sum / all } else { 1.0 / self.columns as f64 });
        Ok(sums)
    }
}
