//! Isolation by nearest-neighbour ensembles (Bandaragoda et al., "Isolation-based anomaly detection using
//! nearest-neighbor ensembles", 2018): hyperspheres around a few rows, each reaching to the next of them.

use rayon::prelude::*;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer, times};
use crate::linear::squared_distance;
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::random::Random;
use crate::scorer::{Fitted, Scorer};
use crate::table::Rows;

/// As PyOD's, up to which rows chance draws.
pub(crate) static INNE: Algorithm = Algorithm {
    name: "INNE",
    aliases: &["isolation_nearest_neighbor_ensemble"],
    about: "how much sparser the smallest hypersphere around a row is than the next one",
    parameters: &[
        Parameter {
            name: "n_estimators",
            about: "how many sets of hyperspheres",
            default: Default::Integer(200),
            kind: Kind::Integer(1, 10_000, &[]),
        },
        Parameter {
            name: "max_samples",
            about: "hyperspheres per set; auto is 8",
            default: Default::Text("auto"),
            kind: Kind::Count(2, 4096, &["auto"]),
        },
    ],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Inne::read(from, columns)?)),
};

#[derive(Debug)]
struct Inne {
    sets: Vec<Spheres>,
    columns: usize,
}

#[derive(Debug)]
struct Spheres {
    centres: Vec<f64>,
    /// Squared radius and isolation of each, from the smallest on.
    spheres: Vec<(f64, f64)>,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let samples = settings.count("max_samples", rows.len(), 8).clamp(2, 4096);
    let count = settings.integer("n_estimators").unwrap_or(200);
    let draw = |at: usize| {
        let mut random = Random::new(settings.seed(), at as u64);
        Spheres::new(rows, &random.sample(rows.len(), samples))
    };
    let sets = (0..count).into_par_iter().map(draw).collect();
    Ok(Fitted::by_scoring(Inne { sets, columns: rows.columns }, rows))
}

impl Spheres {
    fn new(rows: Rows<'_>, drawn: &[usize]) -> Self {
        let nearest = |row: &usize| {
            let others = drawn.iter().enumerate().filter(|(_, other)| *other != row);
            let far = others.map(|(at, other)| (squared_distance(rows.row(*row), rows.row(*other)), at));
            far.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).unwrap_or((0.0, 0))
        };
        let found: Vec<(f64, usize)> = drawn.iter().map(nearest).collect();
        let isolation =
            |(radius, next): &(f64, usize)| 1.0 - (found[*next].0 + f64::EPSILON) / (radius + f64::EPSILON);
        let mut order: Vec<usize> = (0..drawn.len()).collect();
        order.sort_by(|a, b| found[*a].0.total_cmp(&found[*b].0));
        Self {
            centres: order.iter().flat_map(|at| rows.row(drawn[*at])).copied().collect(),
            spheres: order.iter().map(|at| (found[*at].0, isolation(&found[*at]))).collect(),
        }
    }

    /// The isolation of the smallest sphere a row lies in; 1 outside all.
    fn isolation(&self, row: &[f64]) -> f64 {
        let spheres = self.spheres.iter().zip(self.centres.chunks_exact(row.len()));
        let mut within = spheres.filter(|((radius, _), centre)| squared_distance(row, centre) <= *radius);
        within.next().map_or(1.0, |((_, isolation), _)| *isolation)
    }
}

impl Inne {
    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let count = from.within(1, 10_000)?;
        let mut read = |_| {
            let radii = from.numbers()?;
            let isolation = from.exactly(radii.len())?;
            let centres = from.exactly(times(radii.len(), columns)?)?;
            Ok(Spheres { centres, spheres: radii.into_iter().zip(isolation).collect() })
        };
        Ok(Self { sets: (0..count).map(&mut read).collect::<Result<_, Error>>()?, columns })
    }
}

impl Scorer for Inne {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        const BLOCK: usize = 64;
        let mut scores = vec![0.0; rows.len()];
        let sets = self.sets.len() as f64;
        scores.par_chunks_mut(BLOCK).zip(rows.values.par_chunks(BLOCK * self.columns)).for_each(
            |(scores, values)| {
                for set in &self.sets {
                    for (score, row) in scores.iter_mut().zip(values.chunks_exact(self.columns)) {
                        *score += set.isolation(row);
                    }
                }
                scores.iter_mut().for_each(|score| *score /= sets);
            },
        );
        scores
    }

    fn write(&self, out: &mut Writer) {
        out.whole(self.sets.len());
        for set in &self.sets {
            let (radii, isolation): (Vec<f64>, Vec<f64>) = set.spheres.iter().copied().unzip();
            out.numbers(&radii);
            out.numbers(&isolation);
            out.numbers(&set.centres);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spheres;
    use crate::table::Rows;

    #[test]
    fn isolation_by_hand() {
        let spheres = Spheres::new(Rows { values: &[0.0, 1.0, 4.0], columns: 1 }, &[0, 1, 2]);
        // Squared radii 1, 1 and 9; the sphere around 4 reaches to 1, whose own is 1: isolation 1 − 1/9.
        assert_eq!(spheres.isolation(&[0.5]), 0.0);
        assert!((spheres.isolation(&[5.0]) - (1.0 - 1.0 / 9.0)).abs() < 1e-12);
        assert_eq!(spheres.isolation(&[-3.0]), 1.0);
    }
}
