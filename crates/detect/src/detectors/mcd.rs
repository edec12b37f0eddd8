//! Minimum covariance determinant (Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance determinant
//! estimator", 1999): the Mahalanobis distance to the half of the rows that lie closest together.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::algorithm::Algorithm;
use crate::bytes::Writer;
use crate::gaussian::{Gaussian, moments, not_too_wide};
use crate::parameters::{Default, Kind, Parameter, Settings};
use crate::random::Random;
use crate::scorer::{Fitted, Scorer, each_row};
use crate::table::Rows;
use crate::{Error, chi_squared};

/// As PyOD's (scikit-learn's), up to chance: reweighted, the score is the squared distance.
pub(crate) static MCD: Algorithm = Algorithm {
    name: "MCD",
    aliases: &["minimum_covariance_determinant", "elliptic_envelope"],
    about: "Mahalanobis distance, by the half of the rows that lie closest together",
    parameters: &[Parameter {
        name: "support_fraction",
        about: "the share of rows that make the estimate; auto is (rows + columns + 1) / 2",
        default: Default::Text("auto"),
        kind: Kind::Number(0.5, 1.0, &["auto"]),
    }],
    seeded: true,
    fit,
    read: |from, columns| Ok(Box::new(Mcd { gaussian: Gaussian::read(from, columns)? })),
};

/// More rows than this are searched in parts.
const SMALL: usize = 600;
/// Rows per part, and how many parts at most.
const PART: usize = 300;
const PARTS: usize = 5;
/// How many estimates are begun with in all, and how many of them are followed to the end.
const BEGUN: usize = 500;
const FOLLOWED: usize = 10;
/// Rows further out than this quantile have no weight in the end.
const WEIGHED: f64 = 0.975;

#[derive(Debug)]
struct Mcd {
    gaussian: Gaussian,
}

/// One estimate.
#[derive(Clone)]
struct Estimate {
    mean: Vec<f64>,
    covariance: DMatrix<f64>,
    gaussian: Gaussian,
}

fn fit(rows: Rows<'_>, settings: &Settings) -> Result<Fitted, Error> {
    not_too_wide(rows.columns, "MCD")?;
    let auto = (rows.len() + rows.columns + 2) / 2;
    let share = settings.number("support_fraction").map(|share| (share * rows.len() as f64) as usize);
    let support = share.unwrap_or(auto).clamp(1, rows.len());
    let random = Random::new(settings.seed(), 0);
    let raw = if rows.len() <= SMALL {
        let begun = begin(rows, support, 30, settings.seed(), 1);
        best(follow(rows, support, begun, 30))
    } else {
        in_parts(rows, support, settings.seed(), random)
    };
    let gaussian = raw.map_or_else(|| whole(rows).gaussian, |raw| reweighted(rows, &raw, support));
    Ok(Fitted::by_scoring(Mcd { gaussian }, rows))
}

/// Parts of the rows first, then all parts together, then all rows.
fn in_parts(rows: Rows<'_>, support: usize, seed: u64, mut random: Random) -> Option<Estimate> {
    let parts = (rows.len() / PART).min(PARTS);
    let drawn = random.sample(rows.len(), parts * PART);
    let values: Vec<f64> = drawn.iter().flat_map(|row| rows.row(*row)).copied().collect();
    let some = Rows { values: &values, columns: rows.columns };
    let share = support as f64 / rows.len() as f64;
    let of = |count: usize| ((count as f64 * share).ceil() as usize).clamp(1, count);
    let mut candidates = Vec::new();
    for (at, part) in values.chunks(PART * rows.columns).enumerate() {
        let part = Rows { values: part, columns: rows.columns };
        let begun = begin(part, of(part.len()), BEGUN / parts, seed, 1 + at as u64);
        candidates.extend(ranked(begun).into_iter().take(FOLLOWED));
    }
    let merged = ranked(follow(some, of(some.len()), candidates, 2)).into_iter().take(FOLLOWED).collect();
    best(follow(rows, support, merged, 30))
}

/// Estimates from rows drawn by chance, two steps on.
fn begin(rows: Rows<'_>, support: usize, count: usize, seed: u64, stream: u64) -> Vec<Estimate> {
    let draw = |at: usize| {
        let mut random = Random::new(seed, (stream << 32) + at as u64);
        let first = estimate(rows, &random.sample(rows.len(), support));
        concentrate(rows, support, first, 2)
    };
    (0..count).into_par_iter().map(draw).collect()
}

fn follow(rows: Rows<'_>, support: usize, from: Vec<Estimate>, steps: usize) -> Vec<Estimate> {
    from.into_par_iter().map(|each| concentrate(rows, support, each, steps)).collect()
}

/// From an estimate to that of the rows nearest to it, until the determinant gets no smaller.
fn concentrate(rows: Rows<'_>, support: usize, mut from: Estimate, steps: usize) -> Estimate {
    for _ in 0..steps {
        let mut scratch = Vec::new();
        let far = rows.iter().map(|row| from.gaussian.distance(row, &mut scratch));
        let mut far: Vec<(f64, usize)> = far.zip(0..).collect();
        far.select_nth_unstable_by(support - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut nearest: Vec<usize> = far[..support].iter().map(|(_, row)| *row).collect();
        nearest.sort_unstable();
        let next = estimate(rows, &nearest);
        if next.gaussian.log_root() >= from.gaussian.log_root() - 1e-12 {
            break;
        }
        from = next;
    }
    from
}

fn estimate(rows: Rows<'_>, chosen: &[usize]) -> Estimate {
    let (mean, covariance) = moments(rows.columns, chosen.iter().map(|row| (rows.row(*row), 1.0)));
    Estimate { gaussian: Gaussian::new(mean.clone(), &covariance), mean, covariance }
}

fn whole(rows: Rows<'_>) -> Estimate {
    estimate(rows, &(0..rows.len()).collect::<Vec<usize>>())
}

/// From the smallest determinant on.
fn ranked(mut estimates: Vec<Estimate>) -> Vec<Estimate> {
    estimates.sort_by(|a, b| a.gaussian.log_root().total_cmp(&b.gaussian.log_root()));
    estimates
}

fn best(estimates: Vec<Estimate>) -> Option<Estimate> {
    ranked(estimates).into_iter().next()
}

/// What makes the covariance of the nearest `share` of normally distributed rows that of all.
fn consistency(columns: usize, share: f64) -> f64 {
    let width = columns as f64;
    if share >= 1.0 {
        return 1.0;
    }
    share / chi_squared::below(chi_squared::quantile(share, width), width + 2.0).max(1e-12)
}

/// The estimate from all rows that the raw one does not find far out.
fn reweighted(rows: Rows<'_>, raw: &Estimate, support: usize) -> Gaussian {
    let factor = consistency(rows.columns, support as f64 / rows.len() as f64);
    let limit = chi_squared::quantile(WEIGHED, rows.columns as f64) * factor;
    let far = each_row(rows, |row| raw.gaussian.distance(row, &mut Vec::new()));
    let near: Vec<usize> = (0..rows.len()).filter(|row| far[*row] < limit).collect();
    if near.len() < 2 {
        return Gaussian::new(raw.mean.clone(), &(&raw.covariance * factor));
    }
    let found = estimate(rows, &near);
    Gaussian::new(found.mean, &(found.covariance * consistency(rows.columns, WEIGHED)))
}

impl Scorer for Mcd {
    fn score(&self, rows: Rows<'_>) -> Vec<f64> {
        each_row(rows, |row| self.gaussian.distance(row, &mut Vec::new()))
    }

    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        Some(self.gaussian.shares(row))
    }

    fn write(&self, out: &mut Writer) {
        self.gaussian.write(out);
    }
}

#[cfg(test)]
mod tests {
    use crate::random::Random;
    use crate::{Detector, Table, statistics};

    #[test]
    fn a_cloud_of_outliers_does_not_hide_itself() {
        let mut random = Random::new(4, 4);
        let mut rows: Vec<[f64; 2]> = (0..1400).map(|_| [random.normal(), random.normal()]).collect();
        rows.extend((0..600).map(|_| [8.0 + 0.1 * random.normal(), 8.0 + 0.1 * random.normal()]));
        let model = Detector::new("MCD").unwrap().fit(&Table::from_rows(&rows).unwrap()).unwrap();
        let scores = model.training_scores();
        assert!(scores[1400..].iter().all(|score| *score > 50.0));
        // The distances of normal rows have the median of the chi-squared distribution with two degrees: 1.386.
        let median = statistics::median(&mut scores[..1400].to_vec());
        assert!((median - 1.386).abs() < 0.2, "{median}");
    }
}
