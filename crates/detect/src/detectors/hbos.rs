//! Histograms, one per column (Goldstein and Dengel, "Histogram-based outlier score", 2012).

use rayon::prelude::*;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer, piece};
use crate::table::Rows;

/// As PyOD's, values and all.
pub(crate) static HBOS: Algorithm = Algorithm {
    name: "HBOS",
    aliases: &["histogram", "histogram_based_outlier_score"],
    about: "how rare each value is in its column's histogram, summed over columns",
    parameters: &[
        Parameter {
            name: "n_bins",
            about: "bins per column; auto is the square root of the number of rows, at most 256",
            default: Default::Integer(10),
            kind: Kind::Integer(2, 65_536, &["auto"]),
        },
        Parameter {
            name: "alpha",
            about: "added to every density, so that an empty bin is not infinitely rare",
            default: Default::Number(0.1),
            kind: Kind::Number(1e-12, 1.0, &[]),
        },
        Parameter {
            name: "tol",
            about: "how many bin widths beyond the histogram still count as its outermost bin",
            default: Default::Number(0.5),
            kind: Kind::Number(0.0, 1.0, &[]),
        },
    ],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Hbos::read(from, columns)?)),
};

#[derive(Debug)]
struct Hbos {
    bins: usize,
    tol: f64,
    columns: Vec<Histogram>,
}

/// One column: bins of equal width.
#[derive(Debug)]
struct Histogram {
    low: f64,
    high: f64,
    /// Bins per unit; of use for a first guess only.
    per_unit: f64,
    /// How far beyond the ends a value still counts as in the outermost bin.
    slack: f64,
    edges: Vec<f64>,
    rarity: Vec<f64>,
    rarest: f64,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let auto = (rows.len() as f64).sqrt().ceil() as usize;
    let bins = settings.integer("n_bins").unwrap_or(auto.clamp(2, 256));
    let alpha = settings.number("alpha").unwrap_or(0.1);
    let tol = settings.number("tol").unwrap_or(0.5);
    let (low, high) = extent(rows);
    let mut columns: Vec<Histogram> =
        low.iter().zip(&high).map(|(low, high)| frame(*low, *high, bins, tol)).collect();
    let size = piece(rows.columns);
    let none = || vec![0_u32; bins * rows.columns];
    let counts = rows
        .values
        .par_chunks(size * rows.columns * 8)
        .fold(none, |mut counts, values| {
            for row in values.chunks_exact(rows.columns) {
                for ((value, column), counts) in row.iter().zip(&columns).zip(counts.chunks_exact_mut(bins)) {
                    counts[column.filled(*value)] += 1;
                }
            }
            counts
        })
        .reduce(none, |mut a, b| {
            a.iter_mut().zip(&b).for_each(|(a, b)| *a += b);
            a
        });
    for (column, counts) in columns.iter_mut().zip(counts.chunks_exact(bins)) {
        column.rate(counts, alpha, rows.len());
    }
    Ok(Fitted::by_scoring(Hbos { bins, tol, columns }, rows))
}

/// The least and the greatest value of each column.
fn extent(rows: Rows<'_>) -> (Vec<f64>, Vec<f64>) {
    let none = || (vec![f64::INFINITY; rows.columns], vec![f64::NEG_INFINITY; rows.columns]);
    let size = piece(rows.columns) * rows.columns * 8;
    let each = |(mut low, mut high): (Vec<f64>, Vec<f64>), values: &[f64]| {
        for row in values.chunks_exact(rows.columns) {
            for ((value, low), high) in row.iter().zip(&mut low).zip(&mut high) {
                *low = if value < low { *value } else { *low };
                *high = if value > high { *value } else { *high };
            }
        }
        (low, high)
    };
    rows.values.par_chunks(size).fold(none, each).reduce(none, |a, b| {
        (
            a.0.iter().zip(&b.0).map(|(a, b)| a.min(*b)).collect(),
            a.1.iter().zip(&b.1).map(|(a, b)| a.max(*b)).collect(),
        )
    })
}

/// The edges NumPy would draw.
fn frame(mut low: f64, mut high: f64, bins: usize, tol: f64) -> Histogram {
    if !((high - low) / bins as f64).is_normal() {
        (low, high) = (low - 0.5, high + 0.5);
    }
    if high <= low {
        // A constant so great that a half is nothing to it.
        (low, high) = (low - low.abs() * 1e-9, high + high.abs() * 1e-9);
    }
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..bins).map(|at| at as f64 * step + low).collect();
    edges.push(high);
    let slack = (edges[1] - edges[0]) * tol;
    Histogram {
        low,
        high,
        per_unit: bins as f64 / (high - low),
        slack,
        edges,
        rarity: Vec::new(),
        rarest: 0.0,
    }
}

impl Histogram {
    /// The bin a value is counted in: lower edge included, upper edge not.
    fn filled(&self, value: f64) -> usize {
        let last = self.edges.len() - 2;
        let mut bin = (((value - self.low) * self.per_unit) as usize).min(last);
        if value < self.edges[bin] {
            bin = bin.saturating_sub(1);
        } else if bin < last && value >= self.edges[bin + 1] {
            bin += 1;
        }
        bin
    }

    /// From counts to rarities.
    fn rate(&mut self, counts: &[u32], alpha: f64, rows: usize) {
        let rarity = |(at, count): (usize, &u32)| {
            let width = (self.edges[at + 1] - self.edges[at]).max(f64::MIN_POSITIVE);
            let density = (f64::from(*count) / rows as f64 / width).min(f64::MAX / 2.0);
            -(density + alpha).log2()
        };
        self.rarity = counts.iter().enumerate().map(rarity).collect();
        self.rarest = self.rarity.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    }

    /// How rare a value is: upper edge included, lower edge not, as PyOD looks bins up.
    fn look(&self, value: f64) -> f64 {
        if value > self.low && value <= self.high {
            let last = self.rarity.len() - 1;
            let mut bin = (((value - self.low) * self.per_unit) as usize).min(last);
            if value <= self.edges[bin] {
                bin = bin.saturating_sub(1);
            } else if value > self.edges[bin + 1] && bin < last {
                bin += 1;
            }
            return self.rarity[bin];
        }
        let (beyond, end) = if value <= self.low {
            (self.low - value, self.rarity[0])
        } else {
            (value - self.high, self.rarity[self.rarity.len() - 1])
        };
        if beyond <= self.slack { end } else { self.rarest }
    }
}

impl Hbos {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let (bins, tol) = (from.within(2, 65_536)?, from.number()?);
        let mut read = |_| {
            let mut column = frame(from.number()?, from.number()?, 2, 0.0);
            if column.low >= column.high || !(column.high - column.low).is_finite() {
                return Err(Error::model("a histogram has no width"));
            }
            let rarity = from.exactly(bins)?;
            column = frame(column.low, column.high, bins, tol);
            column.rarest = rarity.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            column.rarity = rarity;
            Ok(column)
        };
        Ok(Self { bins, tol, columns: (0..columns).map(&mut read).collect::<Result<_, _>>()? })
    }
}

impl Scorer for Hbos {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        crate::scorer::each_row(rows, |row| {
            row.iter().zip(&self.columns).map(|(value, column)| column.look(*value)).sum()
        })
    }

    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        Some(row.iter().zip(&self.columns).map(|(value, column)| column.look(*value)).collect())
    }

    fn write(&self, out: &mut Writer) {
        out.whole(self.bins);
        out.number(self.tol);
        for column in &self.columns {
            out.number(column.low);
            out.number(column.high);
            out.numbers(&column.rarity);
        }
    }
}

#[cfg(test)]
mod tests;
