//! Tail probabilities of empirical distributions, column by column: ECOD (Li et al., "ECOD: unsupervised outlier
//! detection using empirical cumulative distribution functions", 2022) and COPOD (Li et al., "COPOD: copula-based
//! outlier detection", 2020), which differ in how the two tails are put together.
//!
//! PyOD mixes the rows to be scored into the training rows: a row's score then depends on its neighbours in the batch,
//! and costs as much as fitting. Here a row is held against the training rows alone; a training row scores the same
//! again. `mode = "batch"` gives PyOD's way.

use rayon::prelude::*;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer, piece};
use crate::table::Rows;

mod column;
pub(crate) mod copod;
#[cfg(test)]
mod tests;

use column::Column;

pub(crate) static ECOD: Algorithm = Algorithm {
    name: "ECOD",
    aliases: &["empirical_cumulative_outlier_detection"],
    about: "how far in its column's tails each value lies, summed over columns",
    parameters: PARAMETERS,
    seeded: false,
    fit: |rows, settings| Ok(fit(rows, settings, false)),
    read: |from, columns| Ok(Box::new(Tails::read(from, columns, false)?)),
};

const PARAMETERS: &[Parameter] = &[Parameter {
    name: "mode",
    about: "independent: each row against the training rows; batch: as PyOD, together with the other rows scored",
    default: Default::Text("independent"),
    kind: Kind::Choice(&["independent", "batch"]),
}];

/// One fitted distribution per column.
#[derive(Debug)]
struct Tails {
    columns: Vec<Column>,
    rows: usize,
    logs: Logs,
    batch: bool,
    copula: bool,
}

/// −ln(k/n) for k = 0 … n; for k = 0 that of one row more.
#[derive(Debug)]
struct Logs {
    rows: f64,
    known: Vec<f64>,
}

impl Logs {
    /// Reckoned ahead, up to a size that no file can blow up.
    const AHEAD: usize = 1 << 20;

    fn new(rows: usize) -> Self {
        let mut logs = Self { rows: rows as f64, known: Vec::new() };
        logs.known = (0..=rows.min(Self::AHEAD)).map(|count| logs.reckon(count)).collect();
        logs
    }

    fn of(&self, count: usize) -> f64 {
        self.known.get(count).copied().unwrap_or_else(|| self.reckon(count))
    }

    fn reckon(&self, count: usize) -> f64 {
        let share = if count == 0 { 1.0 / (self.rows + 1.0) } else { count as f64 / self.rows };
        -share.ln()
    }
}

fn fit(rows: Rows<'_>, settings: &Settings, copula: bool) -> Fitted {
    let columns: Vec<Column> =
        (0..rows.columns).into_par_iter().map(|at| Column::fit(rows.column(at).collect())).collect();
    let batch = settings.text("mode") == "batch";
    let tails = Tails { columns, rows: rows.len(), logs: Logs::new(rows.len()), batch, copula };
    let scores = tails.independent(rows);
    Fitted { scorer: Box::new(tails), scores }
}

/// What one value adds, from −ln of its left and its right tail and the sign of its column's skewness.
fn joined(left: f64, right: f64, skew: i8, copula: bool) -> f64 {
    let skewed = match skew {
        -1 => left,
        1 => right,
        _ => left + right,
    };
    if copula { skewed.max((left + right) / 2.0) } else { skewed.max(left).max(right) }
}

impl Tails {
    fn one(&self, column: &Column, value: f64) -> f64 {
        let (left, right) = column.tails(value, self.rows);
        joined(self.logs.of(left), self.logs.of(right), column.skew, self.copula)
    }

    fn independent(&self, rows: Rows<'_>) -> Vec<f64> {
        let mut scores = vec![0.0; rows.len()];
        let size = piece(rows.columns);
        scores.par_chunks_mut(size).zip(rows.values.par_chunks(size * rows.columns)).for_each(
            |(scores, values)| {
                // Column by column: one distribution at a time stays in the processor's cache.
                for (at, column) in self.columns.iter().enumerate() {
                    for (score, row) in scores.iter_mut().zip(values.chunks_exact(rows.columns)) {
                        *score += self.one(column, row[at]);
                    }
                }
            },
        );
        scores
    }

    /// PyOD's way: training rows and batch are one sample.
    fn together(&self, rows: Rows<'_>) -> Vec<f64> {
        let logs = Logs::new(self.rows + rows.len());
        let added = |at: usize| {
            let column = &self.columns[at];
            let mut batch: Vec<f64> = rows.column(at).collect();
            batch.sort_unstable_by(f64::total_cmp);
            let skew = column.moments.with(&batch).skew();
            let one = |value: f64| {
                let (left, right) = column.tails(value, self.rows);
                let left = left + batch.partition_point(|each| *each <= value);
                let right = right + batch.len() - batch.partition_point(|each| *each < value);
                joined(logs.of(left), logs.of(right), skew, self.copula)
            };
            rows.column(at).map(one).collect::<Vec<f64>>()
        };
        let columns: Vec<Vec<f64>> = (0..rows.columns).into_par_iter().map(added).collect();
        (0..rows.len()).map(|row| columns.iter().map(|column| column[row]).sum()).collect()
    }

    fn read(from: &mut Reader<'_>, columns: usize, copula: bool) -> Result<Self, Error> {
        let batch = from.flag()?;
        let rows = from.within(1, u32::MAX as usize)?;
        let columns: Vec<Column> =
            (0..columns).map(|_| Column::read(from, rows)).collect::<Result<_, _>>()?;
        Ok(Self { columns, rows, logs: Logs::new(rows), batch, copula })
    }
}

impl Scorer for Tails {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        if self.batch { self.together(rows) } else { self.independent(rows) }
    }

    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        Some(row.iter().zip(&self.columns).map(|(value, column)| self.one(column, *value)).collect())
    }

    fn write(&self, out: &mut Writer) {
        out.flag(self.batch);
        out.whole(self.rows);
        self.columns.iter().for_each(|column| column.write(out));
    }
}
