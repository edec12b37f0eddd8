//! Lightweight on-line detector of anomalies (Pevný 2016): histograms along sparse random directions.

use rayon::prelude::*;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::random::Random;
use crate::scorer::{Fitted, Scorer, piece};
use crate::table::Rows;

/// PyOD looks a value up one bin beside the one it was counted in and never sees that a value lies outside, so that it
/// calls the densest part of some sets anomalous (shuttle: ROC-AUC 0.26). `lookup = "pyod"` does the same.
pub(crate) static LODA: Algorithm = Algorithm {
    name: "LODA",
    aliases: &["lightweight_online_detector_of_anomalies"],
    about: "how rare a row is along random directions",
    parameters: &[
        Parameter {
            name: "n_bins",
            about: "bins per direction",
            default: Default::Integer(10),
            kind: Kind::Integer(2, 65_536, &[]),
        },
        Parameter {
            name: "n_random_cuts",
            about: "how many directions",
            default: Default::Integer(100),
            kind: Kind::Integer(1, 10_000, &[]),
        },
        Parameter {
            name: "lookup",
            about: "exact: the bin a value lies in, none outside; pyod: the bin that PyOD looks at",
            default: Default::Text("exact"),
            kind: Kind::Choice(&["exact", "pyod"]),
        },
    ],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Loda::read(from, columns)?)),
};

/// What an empty bin is taken to hold (PyOD's number).
const NOTHING: f64 = 1e-12;

#[derive(Debug)]
struct Loda {
    cuts: Vec<Cut>,
    shifted: bool,
}

/// One direction.
#[derive(Debug)]
struct Cut {
    /// Columns that matter, and how much.
    direction: Vec<(u32, f64)>,
    low: f64,
    high: f64,
    /// −ln of the share of rows, per bin.
    rarity: Vec<f64>,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let bins = settings.integer("n_bins").unwrap_or(10);
    let count = settings.integer("n_random_cuts").unwrap_or(100);
    let used = ((rows.columns as f64).sqrt() as usize).max(1);
    let cut = |at: usize| {
        let mut random = Random::new(settings.seed(), at as u64);
        let mut columns = random.sample(rows.columns, used);
        columns.sort_unstable();
        let direction: Vec<(u32, f64)> =
            columns.into_iter().map(|column| (column as u32, random.normal())).collect();
        Cut::fit(rows, direction, bins)
    };
    let cuts: Vec<Cut> = (0..count).into_par_iter().map(cut).collect();
    Ok(Fitted::by_scoring(Loda { cuts, shifted: settings.text("lookup") == "pyod" }, rows))
}

impl Cut {
    fn fit(rows: Rows<'_>, direction: Vec<(u32, f64)>, bins: usize) -> Self {
        let along: Vec<f64> = rows.iter().map(|row| project(&direction, row)).collect();
        let mut low = along.iter().copied().fold(f64::INFINITY, f64::min);
        let mut high = along.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !((high - low) / bins as f64).is_normal() {
            let half = (low.abs() * 1e-9).max(0.5);
            (low, high) = (low - half, high + half);
        }
        let mut cut = Self { direction, low, high, rarity: vec![NOTHING; bins] };
        for value in along {
            let bin = cut.bin(value);
            cut.rarity[bin] += 1.0;
        }
        let total: f64 = cut.rarity.iter().sum();
        cut.rarity.iter_mut().for_each(|count| *count = -(*count / total).ln());
        cut
    }

    fn bin(&self, value: f64) -> usize {
        let bins = self.rarity.len();
        ((((value - self.low) / (self.high - self.low)) * bins as f64) as usize).min(bins - 1)
    }

    fn look(&self, value: f64, shifted: bool) -> f64 {
        let bins = self.rarity.len();
        if shifted {
            let place = (value - self.low) / (self.high - self.low) * bins as f64;
            return self.rarity[(place.ceil().max(0.0) as usize).min(bins - 1)];
        }
        // Outside, ever rarer: an empty bin's share, shared by all the bins up to there.
        let width = (self.high - self.low) / bins as f64;
        let beyond = (self.low - value).max(value - self.high) / width;
        if beyond > 0.0 {
            -NOTHING.ln() + (1.0 + beyond).min(f64::MAX).ln()
        } else {
            self.rarity[self.bin(value)]
        }
    }

    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let which = from.indices()?;
        let weights = from.exactly(which.len())?;
        if which.iter().any(|column| *column as usize >= columns) {
            return Err(Error::model("a direction asks for a column that is not there"));
        }
        let (low, high, rarity) = (from.number()?, from.number()?, from.numbers()?);
        if low >= high || !(high - low).is_finite() || rarity.is_empty() {
            return Err(Error::model("a histogram has no width"));
        }
        Ok(Self { direction: which.into_iter().zip(weights).collect(), low, high, rarity })
    }
}

fn project(direction: &[(u32, f64)], row: &[f64]) -> f64 {
    direction.iter().map(|(column, weight)| row[*column as usize] * weight).sum()
}

impl Loda {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let shifted = from.flag()?;
        let count = from.within(1, 10_000)?;
        Ok(Self { cuts: (0..count).map(|_| Cut::read(from, columns)).collect::<Result<_, _>>()?, shifted })
    }
}

impl Scorer for Loda {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        let mut scores = vec![0.0; rows.len()];
        let size = piece(rows.columns);
        let cuts = self.cuts.len() as f64;
        scores.par_chunks_mut(size).zip(rows.values.par_chunks(size * rows.columns)).for_each(
            |(scores, values)| {
                for cut in &self.cuts {
                    for (score, row) in scores.iter_mut().zip(values.chunks_exact(rows.columns)) {
                        *score += cut.look(project(&cut.direction, row), self.shifted);
                    }
                }
                scores.iter_mut().for_each(|score| *score /= cuts);
            },
        );
        scores
    }

    /// The paper's: how much rarer a row is along the directions that look at a column than along the others.
    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        let mut shares = vec![0.0; row.len()];
        let cuts = self.cuts.len() as f64;
        for cut in &self.cuts {
            let rarity = cut.look(project(&cut.direction, row), self.shifted) / cuts;
            let size: f64 = cut.direction.iter().map(|(_, weight)| weight.abs()).sum();
            for (column, weight) in &cut.direction {
                shares[*column as usize] += rarity * weight.abs() / size.max(f64::MIN_POSITIVE);
            }
        }
        Some(shares)
    }

    fn write(&self, out: &mut Writer) {
        out.flag(self.shifted);
        out.whole(self.cuts.len());
        for cut in &self.cuts {
            let (columns, weights): (Vec<u32>, Vec<f64>) = cut.direction.iter().copied().unzip();
            out.indices(&columns);
            out.numbers(&weights);
            out.number(cut.low);
            out.number(cut.high);
            out.numbers(&cut.rarity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cut;
    use crate::table::Rows;

    #[test]
    fn bins_are_looked_up_where_they_were_counted() {
        let values: Vec<f64> =
            (0..100).map(|at| if at < 90 { 0.05 } else { f64::from(at - 89) * 0.1 }).collect();
        let cut = Cut::fit(Rows { values: &values, columns: 1 }, vec![(0, 1.0)], 10);
        // 90 of 100 rows are in the first bin; PyOD looks into the second one.
        assert!((cut.look(0.06, false) + 0.9_f64.ln()).abs() < 0.02);
        assert!(cut.look(0.06, true) > 3.0);
        assert!(cut.look(-5.0, false) > cut.look(-1.0, false) && cut.look(-1.0, false) > 20.0);
    }
}
