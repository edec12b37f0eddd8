use serde::{Deserialize, Serialize};

use crate::table::Rows;
use crate::{Error, Model, Table};

/// The nearest normal row that was found, and what would have to be different.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// The row as it would be normal.
    pub row: Vec<f64>,
    /// Its score.
    pub score: f64,
    /// The columns that differ.
    pub changed: Vec<usize>,
}

/// Normal rows that are tried, from the nearest on.
const TRIED: usize = 16;

impl Model {
    /// The smallest change found that makes a row normal: towards one of the nearest normal rows of `background`, with
    /// as few columns changed as will do. `None` where the row is normal already or `background` holds no normal row.
    ///
    /// # Errors
    /// Columns other than those fitted on, or no such row.
    pub fn counterfactual(
        &self,
        table: &Table,
        row: usize,
        background: &Table,
    ) -> Result<Option<Counterfactual>, Error> {
        self.check(table)?;
        if row >= table.rows() {
            return Err(Error::parameter("row", row, format!("there are {} rows", table.rows())));
        }
        let row = table.row(row);
        let scores = self.score(background)?;
        if self.score_rows(Rows { values: row, columns: self.columns })[0] <= self.cut {
            return Ok(None);
        }
        let spread = spread(background);
        let far = |other: usize| distance(row, background.row(other), &spread);
        let mut normal: Vec<(f64, usize)> =
            (0..scores.len()).filter(|at| scores[*at] <= self.cut).map(|at| (far(at), at)).collect();
        normal.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let tries = normal.iter().take(TRIED).map(|(_, at)| self.towards(row, background.row(*at), &spread));
        Ok(tries.min_by(|a, b| distance(row, &a.row, &spread).total_cmp(&distance(row, &b.row, &spread))))
    }

    /// From a normal row back to the row in question, column by column, the largest differences last, as long as it
    /// stays normal.
    fn towards(&self, row: &[f64], normal: &[f64], spread: &[f64]) -> Counterfactual {
        let score = |values: &[f64]| self.score_rows(Rows { values, columns: self.columns })[0];
        let mut best = normal.to_vec();
        let mut order: Vec<usize> = (0..row.len()).filter(|at| row[*at] != normal[*at]).collect();
        let apart = |at: usize| (row[at] / spread[at] - normal[at] / spread[at]).abs();
        order.sort_by(|a, b| apart(*a).total_cmp(&apart(*b)));
        for column in order {
            let kept = best[column];
            best[column] = row[column];
            if score(&best) > self.cut {
                best[column] = kept;
            }
        }
        let changed = (0..row.len()).filter(|at| row[*at] != best[*at]).collect();
        Counterfactual { score: score(&best), row: best, changed }
    }
}

/// How far apart a column's values usually are.
fn spread(table: &Table) -> Vec<f64> {
    let column = |at: usize| {
        let values: Vec<f64> = table.view().column(at).collect();
        let deviation = crate::statistics::deviation(&values);
        if deviation.is_normal() { deviation } else { 1.0 }
    };
    (0..table.columns()).map(column).collect()
}

fn distance(a: &[f64], b: &[f64], spread: &[f64]) -> f64 {
    let each = a.iter().zip(b).zip(spread);
    each.map(|((a, b), spread)| (a / spread - b / spread).abs())
        .fold(0.0, |sum, each| (sum + each).min(f64::MAX))
}
