use std::sync::LazyLock;

use pulp::{Arch, NullaryFnOnce};

use crate::bytes::{Reader, Writer, times};
use crate::table::Rows;
use crate::{Error, exponential};

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Rbf,
    Linear,
    Poly,
    Sigmoid,
}

impl Shape {
    const ALL: [Self; 4] = [Self::Rbf, Self::Linear, Self::Poly, Self::Sigmoid];

    pub(super) fn of(name: &str) -> Self {
        match name {
            "linear" => Self::Linear,
            "poly" => Self::Poly,
            "sigmoid" => Self::Sigmoid,
            _ => Self::Rbf,
        }
    }
}

/// How alike two rows are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kernel {
    pub(super) shape: Shape,
    pub(super) gamma: f64,
    pub(super) degree: i32,
    pub(super) coef0: f64,
}

/// A kernel is no greater than this: sums of it stay finite.
const MOST: f32 = 1e30;

impl Kernel {
    /// From the inner product.
    fn finish(&self, product: f32) -> f32 {
        let scaled = self.gamma as f32 * product + self.coef0 as f32;
        let value = match self.shape {
            Shape::Poly => scaled.powi(self.degree),
            Shape::Sigmoid => scaled.tanh(),
            Shape::Linear | Shape::Rbf => product,
        };
        if value.is_nan() { 0.0 } else { value.clamp(-MOST, MOST) }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.whole(Shape::ALL.iter().position(|shape| *shape == self.shape).unwrap_or(0));
        out.number(self.gamma);
        out.whole(self.degree as usize);
        out.number(self.coef0);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let shape = Shape::ALL[from.within(0, 3)?];
        Ok(Self { shape, gamma: from.positive()?, degree: from.within(1, 16)? as i32, coef0: from.number()? })
    }
}

/// Rows per block: their sums stay in the processor's nearest cache.
const BLOCK: usize = 256;

/// Rows in single precision, in blocks, column after column; for the rbf kernel centred and scaled so that the squared
/// distance is the exponent.
#[derive(Debug)]
pub(super) struct Points {
    values: Vec<f32>,
    centre: Vec<f64>,
    columns: usize,
    rows: usize,
}

impl Points {
    pub(super) fn new(rows: Rows<'_>, kernel: &Kernel) -> Self {
        let n = rows.len().max(1) as f64;
        let centre = match kernel.shape {
            Shape::Rbf => (0..rows.columns).map(|at| rows.column(at).sum::<f64>() / n).collect(),
            _ => vec![0.0; rows.columns],
        };
        let mut points = Self { values: Vec::new(), centre, columns: rows.columns, rows: rows.len() };
        points.fill(rows, kernel);
        points
    }

    fn fill(&mut self, rows: Rows<'_>, kernel: &Kernel) {
        for block in rows.values.chunks(BLOCK * rows.columns) {
            let turned: Vec<Vec<f32>> =
                block.chunks_exact(rows.columns).map(|row| self.point(row, kernel)).collect();
            for column in 0..rows.columns {
                self.values.extend(turned.iter().map(|row| row[column]));
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// A row as the kernel wants it.
    pub(super) fn point(&self, row: &[f64], kernel: &Kernel) -> Vec<f32> {
        const FAR: f64 = 1e15;
        let root = if kernel.shape == Shape::Rbf { kernel.gamma.sqrt() } else { 1.0 };
        row.iter()
            .zip(&self.centre)
            .map(|(value, centre)| ((value - centre) * root).clamp(-FAR, FAR) as f32)
            .collect()
    }

    /// One of these rows.
    pub(super) fn own(&self, row: usize) -> Vec<f32> {
        let block = &self.values[row / BLOCK * BLOCK * self.columns..];
        let count = (block.len() / self.columns).min(BLOCK);
        (0..self.columns).map(|column| block[column * count + row % BLOCK]).collect()
    }

    /// The kernel of a row with itself.
    pub(super) fn with_itself(&self, row: usize, kernel: &Kernel) -> f64 {
        let point = self.own(row);
        let mut out = [0.0];
        ARCH.dispatch(Block { point: &point, block: &point, kernel, out: &mut out });
        f64::from(out[0])
    }

    /// The kernel of a point with each row, a block at a time.
    pub(super) fn each(&self, point: &[f32], kernel: &Kernel, mut take: impl FnMut(usize, &[f32])) {
        let mut out = [0.0_f32; BLOCK];
        for (at, block) in self.values.chunks(BLOCK * self.columns).enumerate() {
            let out = &mut out[..block.len() / self.columns];
            ARCH.dispatch(Block { point, block, kernel, out });
            take(at * BLOCK, out);
        }
    }

    /// Σ weight · kernel.
    pub(super) fn weighed(&self, point: &[f32], kernel: &Kernel, weights: &[f64]) -> f64 {
        let mut sum = 0.0;
        self.each(point, kernel, |first, kernels| {
            let weights = &weights[first..first + kernels.len()];
            sum +=
                kernels.iter().zip(weights).map(|(kernel, weight)| f64::from(*kernel) * weight).sum::<f64>();
        });
        sum
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.numbers(&self.centre);
        out.numbers(&self.values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>());
    }

    pub(super) fn read(from: &mut Reader<'_>, rows: usize, columns: usize) -> Result<Self, Error> {
        let centre = from.exactly(columns)?;
        let values = from.exactly(times(rows, columns)?)?;
        if values.iter().any(|value| value.abs() > 1e16) {
            return Err(Error::model("a support vector lies too far out"));
        }
        Ok(Self { values: values.into_iter().map(|value| value as f32).collect(), centre, columns, rows })
    }
}

struct Block<'a> {
    point: &'a [f32],
    block: &'a [f32],
    kernel: &'a Kernel,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let count = self.out.len();
        self.out.fill(0.0);
        let columns = self.point.iter().zip(self.block.chunks_exact(count));
        if self.kernel.shape != Shape::Rbf {
            for (value, column) in columns {
                self.out.iter_mut().zip(column).for_each(|(sum, each)| *sum += value * each);
            }
            self.out.iter_mut().for_each(|sum| *sum = self.kernel.finish(*sum));
            return;
        }
        for (value, column) in columns {
            for (sum, each) in self.out.iter_mut().zip(column) {
                *sum += (value - each) * (value - each);
            }
        }
        for sum in self.out.iter_mut() {
            *sum = exponential::single(-*sum);
        }
    }
}
