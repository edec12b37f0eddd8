//! Local outlier factor (Breunig, Kriegel, Ng and Sander, "LOF: identifying density-based local outliers", 2000).

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::detectors::knn::MINKOWSKI;
use crate::distinct::Distinct;
use crate::neighbours::{Metric, Nearest, Neighbours};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer};
use crate::statistics;
use crate::table::Rows;

#[cfg(test)]
mod tests;

/// As PyOD's (scikit-learn's) where no row occurs twice. There the density of rows that are equal is a division by
/// almost zero, and scores around them reach 10⁹; here no place is denser than a small part of the usual distance to
/// the k-th neighbour allows.
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
            about: "bounded: equal rows are neighbours, up to a greatest density; distinct: equal rows are one \
                    neighbour (the paper's k-distinct-distance); count: as PyOD, densities without bound",
            default: Default::Text("bounded"),
            kind: Kind::Choice(&["bounded", "distinct", "count"]),
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
    floor: f64,
}

/// scikit-learn's guard against dividing by zero.
const LEAST: f64 = 1e-10;
/// The part of the usual distance to the k-th neighbour that mean distances are taken to be at least.
const PART: f64 = 0.1;

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let metric = Metric::of(settings.number("p").unwrap_or(2.0));
    let rule = settings.text("duplicates");
    let distinct = if rule == "distinct" { Distinct::find(rows) } else { None };
    let kept = distinct.as_ref().map_or(rows, |distinct| distinct.rows(rows.columns));
    let neighbours = Neighbours::new(kept, metric);
    let k = neighbours.most_others(settings.integer("n_neighbors").unwrap_or(20));
    let found: Vec<(Vec<f64>, Vec<u32>)> =
        neighbours.of_each(k, |nearest| (nearest.distances().to_vec(), nearest.rows().to_vec()));
    let reach: Vec<f64> =
        found.iter().map(|(distances, _)| distances.last().copied().unwrap_or(0.0)).collect();
    let floor = if rule == "bounded" { PART * statistics::median(&mut reach.clone()) } else { 0.0 };
    let density: Vec<f64> =
        found.iter().map(|(distances, rows)| density(distances, rows, &reach, floor)).collect();
    let factor = |at: usize| factor(density[at], &found[at].1, &density);
    let mut scores: Vec<f64> = (0..kept.len()).map(factor).collect();
    if let Some(distinct) = distinct {
        scores = distinct.spread(&scores);
    }
    Ok(Fitted { scorer: Box::new(Lof { neighbours, k, reach, density, floor }), scores })
}

/// One through the mean distance at which neighbours are reached.
fn density(distances: &[f64], rows: &[u32], reach: &[f64], floor: f64) -> f64 {
    let sum: f64 = distances.iter().zip(rows).map(|(distance, row)| distance.max(reach[*row as usize])).sum();
    1.0 / ((sum / distances.len().max(1) as f64).max(floor) + LEAST)
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
        factor(
            density(nearest.distances(), nearest.rows(), &self.reach, self.floor),
            nearest.rows(),
            &self.density,
        )
    }

    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let k = from.within(1, 10_000)?;
        let neighbours = Neighbours::read(from, columns)?;
        let (reach, density) = (from.exactly(neighbours.len())?, from.exactly(neighbours.len())?);
        let floor = from.number()?;
        Ok(Self { neighbours, k, reach, density, floor })
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
        out.number(self.floor);
    }
}
