use crate::algorithm::Algorithm;
use crate::calibration::Calibration;
use crate::guard::{self, Guard};
use crate::scorer::Scorer;
use crate::table::Rows;
use crate::threshold::{Threshold, conformal};
use crate::{Error, Table};

mod format;
#[cfg(test)]
mod tests;

pub(crate) use format::{read_body, write_body};

/// A fitted detector. It scores a row the same, alone or in a batch, today or after being saved and loaded.
#[derive(Debug)]
pub struct Model {
    pub(crate) algorithm: &'static Algorithm,
    pub(crate) columns: usize,
    pub(crate) names: Option<Vec<String>>,
    pub(crate) guard: Guard,
    pub(crate) scorer: Box<dyn Scorer>,
    pub(crate) calibration: Calibration,
    pub(crate) threshold: Threshold,
    pub(crate) cut: f64,
}

impl Model {
    /// One score per row: the greater, the more anomalous. The scale is the detector's own (PyOD's, where it has one).
    ///
    /// # Errors
    /// Another number of columns than the model was fitted on.
    pub fn score(&self, table: &Table) -> Result<Vec<f64>, Error> {
        self.check(table)?;
        Ok(self.score_rows(table.view()))
    }

    pub(crate) fn score_rows(&self, rows: Rows<'_>) -> Vec<f64> {
        let values = self.guard.apply(rows);
        let mut scores = self.scorer.score(Rows { values: &values, columns: rows.columns });
        guard::finite(&mut scores);
        scores
    }

    /// Scores on a scale that all detectors share: where each stands among the training scores, in (0, 1). 0.99 means
    /// that 99 % of the training rows scored lower.
    ///
    /// # Errors
    /// As [`Model::score`].
    pub fn calibrated(&self, table: &Table) -> Result<Vec<f64>, Error> {
        Ok(self.score(table)?.into_iter().map(|score| self.calibration.place(score)).collect())
    }

    /// Which rows are anomalous.
    ///
    /// # Errors
    /// As [`Model::score`].
    pub fn predict(&self, table: &Table) -> Result<Vec<bool>, Error> {
        Ok(self.judge(&self.score(table)?))
    }

    /// Which of these scores are anomalous.
    pub fn judge(&self, scores: &[f64]) -> Vec<bool> {
        match self.threshold {
            Threshold::Conformal { rate } => conformal::discoveries(&self.p_values(scores), rate),
            _ => scores.iter().map(|score| *score > self.cut).collect(),
        }
    }

    /// The conformal p-value of each score against the training scores (or those of [`Model::recalibrate`], for which
    /// the guarantee is exact).
    pub fn p_values(&self, scores: &[f64]) -> Vec<f64> {
        conformal::p_values(self.calibration.sorted(), scores)
    }

    /// Reads scores against these rows instead of the training rows, and finds the cut anew: rows known to be normal
    /// that were not trained on make conformal p-values exact.
    ///
    /// # Errors
    /// As [`Model::score`].
    pub fn recalibrate(&mut self, table: &Table) -> Result<(), Error> {
        self.calibration = Calibration::new(self.score(table)?);
        self.set_threshold(self.threshold)
    }

    /// Another rule for where normal ends; the detector stays as it is.
    ///
    /// # Errors
    /// A rate out of its range.
    pub fn set_threshold(&mut self, threshold: Threshold) -> Result<(), Error> {
        threshold.check()?;
        self.threshold = threshold;
        self.cut = threshold.cut(&mut self.calibration.scores().to_vec());
        Ok(())
    }

    /// The score above which a row is anomalous.
    pub fn cut(&self) -> f64 {
        self.cut
    }

    /// The rule that found the cut.
    pub fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// The scores of the rows it was fitted on, in their order.
    pub fn training_scores(&self) -> &[f64] {
        self.calibration.scores()
    }

    /// Which detector it is.
    pub fn algorithm(&self) -> &'static Algorithm {
        self.algorithm
    }

    /// How many columns it was fitted on.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The names of the columns, if they had any.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Why these detectors were chosen, for `auto`; else empty.
    pub fn reasons(&self) -> &[String] {
        self.scorer.reasons()
    }

    pub(crate) fn check(&self, table: &Table) -> Result<(), Error> {
        if table.columns() == self.columns {
            return Ok(());
        }
        Err(Error::Columns { expected: self.columns, got: table.columns() })
    }
}
