//! Angle-based outlier detection, the fast form (Kriegel, Schubert and Zimek, "Angle-based outlier detection in
//! high-dimensional data", 2008): seen from far outside, all neighbours lie in one direction.

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::distinct::Distinct;
use crate::linear::dot;
use crate::neighbours::{Metric, Nearest, Neighbours};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::scorer::{Fitted, Scorer};
use crate::statistics;
use crate::table::Rows;

/// As PyOD's `method="fast"` where no row occurs twice: a training row counts among its own neighbours, of which one
/// fewer then matters. Equal rows are one neighbour here; PyOD gives NaN where all neighbours equal the row.
pub(crate) static ABOD: Algorithm = Algorithm {
    name: "ABOD",
    aliases: &["angle_based_outlier_detection", "fast_abod"],
    about: "how little the angles between its neighbours vary, seen from a row",
    parameters: &[Parameter {
        name: "n_neighbors",
        about: "how many neighbours",
        default: Default::Integer(5),
        kind: Kind::Integer(3, 500, &[]),
    }],
    seeded: false,
    fit,
    read: |from, columns| Ok(Box::new(Abod::read(from, columns)?)),
};

#[derive(Debug)]
struct Abod {
    neighbours: Neighbours,
    k: usize,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    let k = settings.integer("n_neighbors").unwrap_or(5);
    let distinct = Distinct::find(rows);
    let kept = distinct.as_ref().map_or(rows, |distinct| distinct.rows(rows.columns));
    let abod = Abod { neighbours: Neighbours::new(kept, Metric::Euclidean), k };
    let scores = abod.score(rows);
    Ok(Fitted { scorer: Box::new(abod), scores })
}

impl Abod {
    /// −variance of the angles between pairs of neighbours, each over the distances to both.
    fn one(&self, point: &[f64], nearest: &Nearest) -> f64 {
        let mut spokes: Vec<Vec<f64>> = Vec::with_capacity(self.k);
        for (place, distance) in nearest.places().iter().zip(nearest.distances()) {
            if *distance > 0.0 {
                let mut spoke = vec![0.0; point.len()];
                self.neighbours.point(*place as usize, &mut spoke);
                // Over the square of its length: what the angle is weighed by.
                let square = distance * distance;
                spoke.iter_mut().zip(point).for_each(|(end, start)| *end = (*end - start) / square);
                spokes.push(spoke);
            }
        }
        let mut angles = Vec::with_capacity(spokes.len() * spokes.len() / 2);
        for (at, a) in spokes.iter().enumerate() {
            angles.extend(spokes[at + 1..].iter().map(|b| dot(a, b)));
        }
        let deviation = statistics::deviation(&angles);
        -(deviation * deviation)
    }

    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let k = from.within(3, 500)?;
        Ok(Self { neighbours: Neighbours::read(from, columns)?, k })
    }
}

impl Scorer for Abod {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        self.neighbours.query_points(rows, self.k, |point, nearest| self.one(point, nearest))
    }

    fn write(&self, out: &mut Writer) {
        out.whole(self.k);
        self.neighbours.write(out);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Detector, Table};

    #[test]
    fn scores_are_those_of_pyod() {
        // pyod.models.abod.ABOD(n_neighbors=4).fit(X).decision_scores_, PyOD 3.6.7.
        let x = [[0.0, 1.0], [1.0, 1.5], [1.2, 2.0], [2.5, 2.25], [10.0, 0.0], [3.0, 1.0], [0.5, 0.25]];
        let detector = Detector::new("ABOD").unwrap().set("n_neighbors", 4).unwrap();
        let model = detector.fit(&Table::from_rows(&x).unwrap()).unwrap();
        for (score, expected) in model.training_scores().iter().zip(TRAINING) {
            assert!((score - expected).abs() < 1e-9 * f64::abs(expected), "{score} {expected}");
        }
    }

    #[test]
    fn rows_that_occur_often_are_no_trouble() {
        let mut rows = vec![[1.0, 1.0]; 30];
        rows.extend((0..30).map(|at| [f64::from(at % 6), f64::from(at / 6) * 1.1]));
        let model = Detector::new("ABOD").unwrap().fit(&Table::from_rows(&rows).unwrap()).unwrap();
        assert!(model.training_scores().iter().all(|score| score.is_finite()));
    }

    const TRAINING: [f64; 7] = [
        -0.06987247424350763,
        -0.728698639186154,
        -0.6135429271822612,
        -0.05216531618321698,
        -2.3622076879835434e-06,
        -0.0008598745677256967,
        -0.0029733775274797887,
    ];
}
