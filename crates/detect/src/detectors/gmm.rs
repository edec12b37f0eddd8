//! A mixture of normal distributions (Dempster, Laird and Rubin 1977): the less likely, the more anomalous.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::bytes::{Reader, Writer};
use crate::clusters::Clusters;
use crate::gaussian::{Gaussian, moments, not_too_wide};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::random::Random;
use crate::scorer::{Fitted, Scorer, each_row};
use crate::table::Rows;

/// As PyOD's (scikit-learn's) with full covariances, begun with k-means. The score is −ln of the density.
pub(crate) static GMM: Algorithm = Algorithm {
    name: "GMM",
    aliases: &["gaussian_mixture", "gaussian_mixture_model"],
    about: "how unlikely a row is in a mixture of normal distributions",
    parameters: &[
        Parameter {
            name: "n_components",
            about: "how many distributions",
            default: Default::Integer(1),
            kind: Kind::Integer(1, 100, &[]),
        },
        Parameter {
            name: "tol",
            about: "steps end when the mean log-likelihood gains less",
            default: Default::Number(1e-3),
            kind: Kind::Number(0.0, 1e6, &[]),
        },
        Parameter {
            name: "reg_covar",
            about: "added to every variance",
            default: Default::Number(1e-6),
            kind: Kind::Number(0.0, 1e6, &[]),
        },
        Parameter {
            name: "max_iter",
            about: "how many steps at most",
            default: Default::Integer(100),
            kind: Kind::Integer(1, 10_000, &[]),
        },
    ],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Gmm::read(from, columns)?)),
};

#[derive(Debug)]
struct Gmm {
    /// Logarithm of the share of rows, and their distribution.
    parts: Vec<(f64, Gaussian)>,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    not_too_wide(rows.columns, "GMM")?;
    let wanted = settings.integer("n_components").unwrap_or(1).min(rows.len());
    let ridge = settings.number("reg_covar").unwrap_or(1e-6);
    let clusters = Clusters::find(rows, wanted, &mut Random::new(settings.seed(), 0));
    let found = clusters.centres.len() / rows.columns;
    let own = |part: usize| {
        clusters.labels.iter().map(|label| f64::from(u8::from(*label as usize == part))).collect()
    };
    let mut gmm = maximise(rows, &(0..found).map(own).collect::<Vec<Vec<f64>>>(), ridge);
    let mut before = f64::NEG_INFINITY;
    let steps = if found == 1 { 0 } else { settings.integer("max_iter").unwrap_or(100) };
    for _ in 0..steps {
        let (weights, likelihood) = gmm.expect(rows);
        gmm = maximise(rows, &weights, ridge);
        if (likelihood - before).abs() < settings.number("tol").unwrap_or(1e-3) {
            break;
        }
        before = likelihood;
    }
    Ok(Fitted::by_scoring(gmm, rows))
}

/// The likeliest distributions for these weights of rows.
fn maximise(rows: Rows<'_>, weights: &[Vec<f64>], ridge: f64) -> Gmm {
    let part = |weights: &Vec<f64>| {
        let share = (weights.iter().sum::<f64>() / rows.len() as f64).max(f64::EPSILON);
        let (mean, covariance) = moments(rows.columns, rows.iter().zip(weights.iter().copied()));
        let covariance = covariance + DMatrix::identity(rows.columns, rows.columns) * ridge;
        (share.ln(), Gaussian::new(mean, &covariance))
    };
    Gmm { parts: weights.par_iter().map(part).collect() }
}

impl Gmm {
    /// The logarithm of the density, and of each part's.
    fn log_density(&self, row: &[f64], scratch: &mut Vec<f64>, parts: &mut Vec<f64>) -> f64 {
        parts.clear();
        parts.extend(self.parts.iter().map(|(share, part)| share + part.log_density(row, scratch)));
        let most = parts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + parts.iter().map(|part| (part - most).exp()).sum::<f64>().ln()
    }

    /// Each part's share in each row, and the mean log-likelihood.
    fn expect(&self, rows: Rows<'_>) -> (Vec<Vec<f64>>, f64) {
        let one = |row: &[f64]| {
            let (mut scratch, mut parts) = (Vec::new(), Vec::new());
            let all = self.log_density(row, &mut scratch, &mut parts);
            parts.iter_mut().for_each(|part| *part = (*part - all).exp());
            (parts, all)
        };
        let found: Vec<(Vec<f64>, f64)> = rows.values.par_chunks(rows.columns).map(one).collect();
        let weights =
            (0..self.parts.len()).map(|part| found.iter().map(|(parts, _)| parts[part]).collect()).collect();
        (weights, found.iter().map(|(_, all)| all).sum::<f64>() / rows.len() as f64)
    }

    fn read(from: &mut Reader<'_>, columns: usize) -> Result<Self, Error> {
        let count = from.within(1, 100)?;
        let parts = (0..count).map(|_| Ok((from.number()?, Gaussian::read(from, columns)?)));
        Ok(Self { parts: parts.collect::<Result<_, Error>>()? })
    }
}

impl Scorer for Gmm {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        each_row(rows, |row| -self.log_density(row, &mut Vec::new(), &mut Vec::new()))
    }

    /// With one distribution: half of what each column adds to the squared distance, and its part of the rest.
    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        let [(_, only)] = &self.parts[..] else {
            return None;
        };
        let rest = 0.5 * (2.0 * std::f64::consts::PI).ln() + only.log_root() / row.len() as f64;
        Some(only.shares(row).into_iter().map(|share| 0.5 * share + rest).collect())
    }

    fn write(&self, out: &mut Writer) {
        out.whole(self.parts.len());
        for (share, part) in &self.parts {
            out.number(*share);
            part.write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Detector, Table};

    #[test]
    fn scores_are_those_of_pyod() {
        // pyod.models.gmm.GMM().fit(X).decision_scores_, PyOD 3.6.7.
        let x = [[0.0, 1.0], [1.0, 1.5], [1.2, 2.0], [2.5, 2.25], [10.0, 0.0], [3.0, 1.0], [0.5, 0.25]];
        let model = Detector::new("GMM").unwrap().fit(&Table::from_rows(&x).unwrap()).unwrap();
        for (score, expected) in model.training_scores().iter().zip(TRAINING) {
            assert!((score - expected).abs() < 1e-9, "{score} {expected}");
        }
        let shares = model.scorer.contributions(&x[4]).unwrap();
        assert!((shares.iter().sum::<f64>() - TRAINING[4]).abs() < 1e-9);
    }

    #[test]
    fn two_distributions_are_told_apart() {
        let mut random = crate::random::Random::new(2, 2);
        let rows: Vec<[f64; 2]> = (0..400)
            .map(|at| if at % 2 == 0 { [0.0, 0.0] } else { [20.0, 20.0] })
            .map(|[x, y]| [x + random.normal(), y + random.normal()])
            .collect();
        let table = Table::from_rows(&rows).unwrap();
        let model = Detector::new("GMM").unwrap().set("n_components", 2).unwrap().fit(&table).unwrap();
        let scores =
            model.score(&Table::from_rows(&[[0.0, 0.0], [20.0, 20.0], [10.0, 10.0]]).unwrap()).unwrap();
        assert!(scores[2] > 40.0 && scores[0] < 5.0 && scores[1] < 5.0, "{scores:?}");
    }

    const TRAINING: [f64; 7] = [
        3.1599348061076586,
        2.774822531084062,
        3.2279054113342194,
        3.8931502611574693,
        5.418987491060244,
        2.6341802991377863,
        4.205172150019073,
    ];
}
