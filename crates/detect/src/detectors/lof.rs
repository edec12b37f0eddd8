//! Local outlier factor (Breunig, Kriegel, Ng and Sander, "LOF: identifying density-based local outliers", 2000).

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::detectors::knn::MINKOWSKI;
use crate::distinct::Distinct;
use crate::neighbours::{Metric, Nearest, Neighbours};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer};
use crate::table::Rows;

#[cfg(test)]
mod tests;

/// As PyOD's (scikit-learn's) where no row occurs twice. There the density of rows that are equal is a division by
/// almost zero, and scores around them reach 10⁹; here neighbours are different rows (the paper's k-distinct-distance).
pub(crate) static LOF: Algorithm = Algorithm {
    name: "LOF",
    aliases: &["local_outlier_factor"],
    about: "how much sparser it is around a row than around its neighbours",
    parameters: &[
        Parameter {
            name: "n_neighbors",
            about: "how many neighbours",
            default: Default::Integer(20),
            kind: Kind::Integer(1, 10_000, &[]),
        },
        MINKOWSKI,
        Parameter {
            name: "duplicates",
            about: "distinct: equal rows are one neighbour; count: each is one, as in PyOD",
            default: Default::Text("distinct"),
            kind: Kind::Choice(&["distinct", "count"]),
        },
    ],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Lof::read(from, columns)?)),
};

#[derive(Debug)]
struct Lof {
    neighbours: Neighbours,
    k: usize,
    /// For each row the distance to its k-th neighbour, and its density.
    reach: Vec<f64>,
    density: Vec<f64>,
}

/// scikit-learn's guard against dividing by zero.
const LEAST: f64 = 1e-10;

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let metric = Metric::of(settings.number("p").unwrap_or(2.0));
    let distinct = if settings.text("duplicates") == "count" { None } else { Distinct::find(rows) };
    let kept = distinct.as_ref().map_or(rows, |distinct| distinct.rows(rows.columns));
    let neighbours = Neighbours::new(kept, metric);
    let k = neighbours.most_others(settings.integer("n_neighbors").unwrap_or(20));
    let found: Vec<(Vec<f64>, Vec<u32>)> =
        neighbours.of_each(k, |nearest| (nearest.distances().to_vec(), nearest.rows().to_vec()));
    let reach: Vec<f64> =
        found.iter().map(|(distances, _)| distances.last().copied().unwrap_or(0.0)).collect();
    let density: Vec<f64> = found.iter().map(|(distances, rows)| density(distances, rows, &reach)).collect();
    let factor = |at: usize| factor(density[at], &found[at].1, &density);
    let mut scores: Vec<f64> = (0..kept.len()).map(factor).collect();
    if let Some(distinct) = distinct {
        scores = distinct.spread(&scores);
    }
    Ok(Fitted { scorer: Box::new(Lof { neighbours, k, reach, density }), scores })
}

/// One through the mean distance at which neighbours are reached.
fn density(distances: &[f64], rows: &[u32], reach: &[f64]) -> f64 {
    let sum: f64 = distances.iter().zip(rows).map(|(distance, row)| distance.max(reach[*row as usize])).sum();
    1.0 / (sum / distances.len().max(1) as f64 + LEAST)
}

/// How much denser it is around the neighbours, on average.
fn factor(own: f64, rows: &[u32], density: &[f64]) -> f64 {
    if rows.is_empty() {
        return 1.0;
    }
    rows.iter().map(|row| density[*row as usize] / own).sum::<f64>() / rows.len() as f64
}

impl Lof {
    fn one(&self, nearest: &Nearest) -> f64 {
        factor(density(nearest.distances(), nearest.rows(), &self.reach), nearest.rows(), &self.density)
    }

    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let k = from.within(1, 10_000)?;
        let neighbours = Neighbours::read(from, columns)?;
        let (reach, density) = (from.exactly(neighbours.len())?, from.exactly(neighbours.len())?);
        Ok(Self { neighbours, k, reach, density })
    }
}

impl Scorer for Lof {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        self.neighbours.query(rows, self.k, |nearest| self.one(nearest))
    }

    fn write(&self, out: &mut Writer) {
        out.whole(self.k);
        self.neighbours.write(out);
        out.numbers(&self.reach);
        out.numbers(&self.density);
    }
}
