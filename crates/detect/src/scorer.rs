//! What every detector gives the rest of the crate.

use std::fmt::Debug;

use rayon::prelude::*;

use crate::bytes::Writer;
use crate::table::Rows;

/// A fitted detector. Rows hold numbers within ±1e100 only (see `guard`).
pub(crate) trait Scorer: Send + Sync + Debug {
    /// One score per row; the greater, the more anomalous.
    fn score(&self, rows: Rows<'_>) -> Vec<f64>;

    /// How much each column adds to the score of a row, where the score is such a sum.
    fn contributions(&self, _row: &[f64]) -> Option<Vec<f64>> {
        None
    }

    /// Everything that is needed to score again.
    fn write(&self, out: &mut Writer);

    /// Why these detectors and no others, for one that chooses.
    fn reasons(&self) -> &[String] {
        &[]
    }
}

/// What fitting gives: the detector, and the scores of the rows it was fitted on.
pub(crate) struct Fitted {
    pub(crate) scorer: Box<dyn Scorer>,
    pub(crate) scores: Vec<f64>,
}

impl Fitted {
    /// A detector for which a training row is a row like any other.
    pub(crate) fn by_scoring(scorer: impl Scorer + 'static, rows: Rows<'_>) -> Self {
        let scores = scorer.score(rows);
        Self { scorer: Box::new(scorer), scores }
    }
}

/// How many rows one piece of parallel work has: enough to be worth it, whatever their width.
pub(crate) fn piece(columns: usize) -> usize {
    (65_536 / columns.max(1)).clamp(8, 2048)
}

/// Scores of all rows, each by itself, in parallel.
pub(crate) fn each_row(rows: Rows<'_>, score: impl Fn(&[f64]) -> f64 + Sync) -> Vec<f64> {
    each_row_with(rows, || (), |(), row| score(row))
}

/// The same, with room to work in that every piece of work makes for itself once.
pub(crate) fn each_row_with<S>(
    rows: Rows<'_>,
    scratch: impl Fn() -> S + Sync,
    score: impl Fn(&mut S, &[f64]) -> f64 + Sync,
) -> Vec<f64> {
    let mut scores = vec![0.0; rows.len()];
    let size = piece(rows.columns);
    scores.par_chunks_mut(size).zip(rows.values.par_chunks(size * rows.columns)).for_each(
        |(scores, values)| {
            let mut scratch = scratch();
            for (slot, row) in scores.iter_mut().zip(values.chunks_exact(rows.columns)) {
                *slot = score(&mut scratch, row);
            }
        },
    );
    scores
}
