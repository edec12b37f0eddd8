use nalgebra::{DMatrix, SymmetricEigen};

use crate::Error;
use crate::bytes::{Reader, Writer, times};
use crate::table::Rows;

/// Wider rows than this are not turned: finding the axes would cost more than the search.
const WIDEST: usize = 512;
/// The axes are found on so many rows at most.
const SAMPLE: usize = 4096;

/// The axes of greatest variance, from the greatest on: an orthogonal matrix, row by row.
#[derive(Debug)]
pub(super) struct Rotation {
    axes: Vec<f64>,
    columns: usize,
    centre: Vec<f64>,
}

impl Rotation {
    /// `None` where it would not help: very wide rows.
    pub(super) fn fit(rows: Rows<'_>) -> Option<Self> {
        let columns = rows.columns;
        if columns > WIDEST {
            return None;
        }
        let step = rows.len().div_ceil(SAMPLE);
        let sample: Vec<&[f64]> = rows.iter().step_by(step).collect();
        let mut centre = vec![0.0; columns];
        sample.iter().for_each(|row| row.iter().zip(&mut centre).for_each(|(value, sum)| *sum += value));
        centre.iter_mut().for_each(|sum| *sum /= sample.len() as f64);
        let centred =
            DMatrix::from_fn(sample.len(), columns, |row, column| sample[row][column] - centre[column]);
        let spread = centred.tr_mul(&centred);
        if spread.iter().any(|value| !value.is_finite()) || spread.trace() <= 0.0 {
            return None;
        }
        let eigen = SymmetricEigen::new(spread / sample.len() as f64);
        let mut order: Vec<usize> = (0..columns).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let mut axes: Vec<f64> = Vec::with_capacity(columns * columns);
        order.iter().for_each(|at| axes.extend(eigen.eigenvectors.column(*at).iter()));
        axes.iter().all(|value| value.is_finite()).then_some(Self { axes, columns, centre })
    }

    pub(super) fn one(&self, row: &[f64], out: &mut [f64]) {
        let centred: Vec<f64> = row.iter().zip(&self.centre).map(|(value, centre)| value - centre).collect();
        for (out, axis) in out.iter_mut().zip(self.axes.chunks_exact(self.columns)) {
            *out = crate::linear::dot(axis, &centred);
        }
    }

    pub(super) fn all(&self, rows: Rows<'_>) -> Vec<f64> {
        let mut turned = vec![0.0; rows.values.len()];
        use rayon::prelude::*;
        let size = crate::scorer::piece(rows.columns) * rows.columns;
        turned.par_chunks_mut(size).zip(rows.values.par_chunks(size)).for_each(|(turned, values)| {
            for (out, row) in turned.chunks_exact_mut(rows.columns).zip(values.chunks_exact(rows.columns)) {
                self.one(row, out);
            }
        });
        turned
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.numbers(&self.centre);
        out.numbers(&self.axes);
    }

    pub(super) fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        Ok(Self { centre: from.exactly(columns)?, axes: from.exactly(times(columns, columns)?)?, columns })
    }
}
