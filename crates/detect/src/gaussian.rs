//! A normal distribution in several columns: its density, however its covariance came about.

use nalgebra::{DMatrix, DVector};

use crate::Error;
use crate::bytes::{Reader, Writer, times};
use crate::linear::dot;

/// Wider rows than this are refused: the effort grows with the cube.
pub(crate) const WIDEST: usize = 2048;

/// Mean, and the inverse of the covariance's Cholesky factor.
#[derive(Debug, Clone)]
pub(crate) struct Gaussian {
    mean: Vec<f64>,
    /// Lower triangle, row after row, each as long as its place.
    inverse: Vec<f64>,
    /// Half the logarithm of the covariance's determinant.
    log_root: f64,
}

pub(crate) fn not_too_wide(columns: usize, what: &str) -> Result<(), Error> {
    if columns <= WIDEST {
        return Ok(());
    }
    Err(Error::TooLarge { what: format!("columns for {what}"), most: WIDEST, got: columns })
}

impl Gaussian {
    /// From a mean and a covariance. What makes the covariance singular (columns that depend on each other) is filled
    /// up by as small a part of its diagonal as will do.
    pub(crate) fn new(mean: Vec<f64>, covariance: &DMatrix<f64>) -> Self {
        let columns = mean.len();
        let largest = covariance.diagonal().amax().max(f64::MIN_POSITIVE);
        let mut ridge = 0.0;
        let factor = loop {
            let filled = covariance + DMatrix::identity(columns, columns) * (largest * ridge);
            let found = filled.cholesky().map(|each| each.unpack()).filter(|each| fine(each, largest));
            match found {
                Some(factor) => break factor,
                None if ridge < 1.0 => ridge = if ridge == 0.0 { 1e-12 } else { ridge * 10.0 },
                // Not a covariance at all: only its size is used.
                None => break DMatrix::identity(columns, columns) * largest.sqrt().max(1e-150),
            }
        };
        let log_root = factor.diagonal().iter().map(|each| each.ln()).sum();
        let whole = factor.solve_lower_triangular(&DMatrix::identity(columns, columns)).unwrap_or(factor);
        let inverse =
            (0..columns).flat_map(|row| (0..=row).map(move |column| (row, column))).map(|at| whole[at]);
        Self { inverse: inverse.collect(), mean, log_root }
    }

    /// The squared Mahalanobis distance.
    pub(crate) fn distance(&self, row: &[f64], scratch: &mut Vec<f64>) -> f64 {
        scratch.clear();
        scratch.extend(row.iter().zip(&self.mean).map(|(value, mean)| value - mean));
        let mut rest = &self.inverse[..];
        let mut sum = 0.0;
        for at in 1..=row.len() {
            let (own, after) = rest.split_at(at);
            rest = after;
            let part = dot(own, &scratch[..at]);
            sum += part * part;
        }
        sum
    }

    /// The logarithm of the density.
    pub(crate) fn log_density(&self, row: &[f64], scratch: &mut Vec<f64>) -> f64 {
        let width = row.len() as f64;
        -0.5 * (width * (2.0 * std::f64::consts::PI).ln() + self.distance(row, scratch)) - self.log_root
    }

    /// What each column adds to the squared distance: (P·d)ᵢ·dᵢ for the inverse covariance P.
    pub(crate) fn shares(&self, row: &[f64]) -> Vec<f64> {
        let columns = row.len();
        let far: Vec<f64> = row.iter().zip(&self.mean).map(|(value, mean)| value - mean).collect();
        let mut product = vec![0.0; columns];
        let mut rest = &self.inverse[..];
        for at in 1..=columns {
            let (own, after) = rest.split_at(at);
            rest = after;
            let part = dot(own, &far[..at]);
            product.iter_mut().zip(own).for_each(|(sum, each)| *sum += each * part);
        }
        product.iter().zip(&far).map(|(product, far)| product * far).collect()
    }

    pub(crate) fn log_root(&self) -> f64 {
        self.log_root
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.numbers(&self.mean);
        out.numbers(&self.inverse);
        out.number(self.log_root);
    }

    pub(crate) fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let mean = from.exactly(columns)?;
        let inverse = from.exactly(times(columns, columns + 1)? / 2)?;
        Ok(Self { mean, inverse, log_root: from.number()? })
    }
}

fn fine(factor: &DMatrix<f64>, largest: f64) -> bool {
    factor.diagonal().iter().all(|each| each.is_normal() && each * each > largest * 1e-14)
}

/// Mean and covariance (divisor: the sum of weights) of weighted rows.
pub(crate) fn moments<'a>(
    columns: usize,
    rows: impl Iterator<Item = (&'a [f64], f64)> + Clone,
) -> (Vec<f64>, DMatrix<f64>) {
    let mut mean = vec![0.0; columns];
    let mut total = 0.0;
    for (row, weight) in rows.clone() {
        total += weight;
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    let total = f64::max(total, f64::MIN_POSITIVE);
    mean.iter_mut().for_each(|sum| *sum /= total);
    let mut covariance = DMatrix::zeros(columns, columns);
    // Some rows at a time as a matrix: its product with itself is the fast way.
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let block: Vec<DVector<f64>> = rows
            .by_ref()
            .take(256)
            .map(|(row, weight)| {
                let root = weight.sqrt();
                DVector::from_iterator(
                    columns,
                    row.iter().zip(&mean).map(|(value, mean)| (value - mean) * root),
                )
            })
            .collect();
        let block = DMatrix::from_columns(&block);
        covariance.gemm(1.0 / total, &block, &block.transpose(), 1.0);
    }
    (mean, covariance)
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::{Gaussian, moments};

    #[test]
    fn distances_by_hand() {
        let covariance = DMatrix::from_row_slice(2, 2, &[4.0, 2.0, 2.0, 3.0]);
        let gaussian = Gaussian::new(vec![1.0, 1.0], &covariance);
        // Inverse: [3 −2; −2 4] / 8; d = (2, −1): (3·4 + 2·2·2 + 4) / 8 = 3.
        assert!((gaussian.distance(&[3.0, 0.0], &mut Vec::new()) - 3.0).abs() < 1e-12);
        assert!((gaussian.shares(&[3.0, 0.0]).iter().sum::<f64>() - 3.0).abs() < 1e-12);
        assert!((gaussian.log_root() - 0.5 * 8.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_depends_on_another_column_is_survived() {
        let rows = [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]];
        let (mean, covariance) = moments(2, rows.iter().map(|row| (row.as_slice(), 1.0)));
        assert_eq!(mean, [2.0, 4.0]);
        assert!((covariance[(0, 1)] - 4.0 / 3.0).abs() < 1e-12);
        let gaussian = Gaussian::new(mean, &covariance);
        assert!(gaussian.distance(&[5.0, 0.0], &mut Vec::new()).is_finite());
    }
}
