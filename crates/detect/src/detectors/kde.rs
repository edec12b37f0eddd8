//! Kernel density (Parzen 1962): the fewer training rows are near, the more anomalous.

use pulp::{Arch, NullaryFnOnce};

use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer, times};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer, each_row};
use crate::table::Rows;
use crate::{Error, exponential};

/// As PyOD's with its Gaussian kernel: the score is −ln of the density, a training row's own kernel included.
pub(crate) static KDE: Algorithm = Algorithm {
    name: "KDE",
    aliases: &["kernel_density", "kernel_density_estimation"],
    about: "how few rows are near, by a Gaussian kernel around each",
    parameters: &[Parameter {
        name: "bandwidth",
        about: "standard deviation of the kernel, in units of the data",
        default: Default::Number(1.0),
        kind: Kind::Number(1e-9, 1e9, &[]),
    }],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Kde::read(from, columns)?)),
};

/// Rows per piece of work; a piece's distances stay in the processor's nearest cache.
const BLOCK: usize = 512;

#[derive(Debug)]
struct Kde {
    /// Blocks of rows, column after column; the last block may be shorter.
    points: Vec<f64>,
    rows: usize,
    columns: usize,
    bandwidth: f64,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let mut points = Vec::with_capacity(rows.values.len());
    for block in rows.values.chunks(BLOCK * rows.columns) {
        for column in 0..rows.columns {
            points.extend(block.iter().skip(column).step_by(rows.columns));
        }
    }
    let bandwidth = settings.number("bandwidth").unwrap_or(1.0);
    Ok(Fitted::by_scoring(Kde { points, rows: rows.len(), columns: rows.columns, bandwidth }, rows))
}

/// Squared distances to a block of rows.
struct Sum<'a> {
    row: &'a [f64],
    block: &'a [f64],
    /// −1 / (2 · bandwidth²).
    rate: f64,
    /// The least squared distance so far and the sum of kernels relative to it.
    so_far: (f64, f64),
}

impl NullaryFnOnce for Sum<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn call(self) -> Self::Output {
        let count = self.block.len() / self.row.len();
        let mut squares = [0.0_f64; BLOCK];
        let squares = &mut squares[..count];
        for (value, column) in self.row.iter().zip(self.block.chunks_exact(count)) {
            for (square, each) in squares.iter_mut().zip(column) {
                *square += (each - value) * (each - value);
            }
        }
        let (before, mut sum) = self.so_far;
        let mut least = [before; 8];
        for chunk in squares.chunks(8) {
            for (least, square) in least.iter_mut().zip(chunk) {
                *least = if *square < *least { *square } else { *least };
            }
        }
        let least = least.iter().copied().fold(f64::INFINITY, f64::min);
        if before > least && before.is_finite() {
            sum *= exponential::double((before - least) * self.rate);
        }
        let mut parts = [0.0; 8];
        for chunk in squares.chunks(8) {
            for (part, square) in parts.iter_mut().zip(chunk) {
                *part += exponential::double((square - least) * self.rate);
            }
        }
        (least, sum + parts.iter().sum::<f64>())
    }
}

impl Kde {
    fn one(&self, arch: Arch, row: &[f64]) -> f64 {
        let rate = -0.5 / (self.bandwidth * self.bandwidth);
        let mut so_far = (f64::INFINITY, 0.0);
        for block in self.points.chunks(BLOCK * self.columns) {
            so_far = arch.dispatch(Sum { row, block, rate, so_far });
        }
        let (least, sum) = so_far;
        let width = self.columns as f64;
        let normal = (self.rows as f64).ln()
            + width * self.bandwidth.ln()
            + 0.5 * width * (2.0 * std::f64::consts::PI).ln();
        normal - least * rate - sum.max(f64::MIN_POSITIVE).ln()
    }

    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let bandwidth = from.positive()?;
        let rows = from.within(1, u32::MAX as usize)?;
        if !(1e-9..=1e9).contains(&bandwidth) {
            return Err(Error::model("a bandwidth is none"));
        }
        Ok(Self { points: from.exactly(times(rows, columns)?)?, rows, columns, bandwidth })
    }
}

impl Scorer for Kde {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        let arch = Arch::new();
        each_row(rows, |row| self.one(arch, row))
    }

    fn write(&self, out: &mut Writer) {
        out.number(self.bandwidth);
        out.whole(self.rows);
        out.numbers(&self.points);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Detector, Table};

    #[test]
    fn scores_are_those_of_pyod() {
        // −sklearn.neighbors.KernelDensity().fit(X).score_samples(X), by hand for two rows one apart:
        // density = (1 + e^(−1/2)) / 2 / √(2π)
        let table = Table::from_rows(&[[0.0], [1.0]]).unwrap();
        let model = Detector::new("KDE").unwrap().fit(&table).unwrap();
        let density: f64 = (1.0 + (-0.5_f64).exp()) / 2.0 / (2.0 * std::f64::consts::PI).sqrt();
        assert!((model.training_scores()[0] + density.ln()).abs() < 1e-12);
        // Far away the density underflows, its logarithm does not.
        let far = model.score(&Table::from_rows(&[[1000.0]]).unwrap()).unwrap();
        assert!((far[0] - 499_002.5).abs() < 10.0, "{far:?}");
    }
}
