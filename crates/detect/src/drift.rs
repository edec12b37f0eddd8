//! Has the data changed? Two samples are compared, or a stream is watched.

mod adwin;
#[cfg(test)]
mod tests;

pub use adwin::Adwin;

use crate::Error;
use crate::statistics::quantile_sorted;

/// Population stability index of one column: Σ (aᵢ − eᵢ)·ln(aᵢ/eᵢ) over bins that each hold the same share of the
/// reference; below 0.1 is commonly taken for stable, above 0.25 for changed. Shares are at least 10⁻⁴.
///
/// # Errors
/// An empty sample, a value that is not finite, or bins other than 2–1000.
pub fn population_stability(reference: &[f64], current: &[f64], bins: usize) -> Result<f64, Error> {
    if !(2..=1000).contains(&bins) {
        return Err(Error::parameter("bins", bins, "a whole number from 2 to 1000 is expected"));
    }
    let (reference, current) = (sorted(reference)?, sorted(current)?);
    let mut edges: Vec<f64> =
        (1..bins).map(|at| quantile_sorted(&reference, at as f64 / bins as f64)).collect();
    edges.dedup();
    let shares = |sample: &[f64]| -> Vec<f64> {
        let up_to: Vec<usize> =
            edges.iter().map(|edge| sample.partition_point(|value| value <= edge)).collect();
        let ends = up_to.iter().copied().chain([sample.len()]);
        let starts = [0].into_iter().chain(up_to.iter().copied());
        starts.zip(ends).map(|(start, end)| ((end - start) as f64 / sample.len() as f64).max(1e-4)).collect()
    };
    let (expected, actual) = (shares(&reference), shares(&current));
    Ok(expected
        .iter()
        .zip(&actual)
        .map(|(expected, actual)| (actual - expected) * (actual / expected).ln())
        .sum())
}

/// What the two-sample test of Kolmogorov and Smirnov says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KolmogorovSmirnov {
    /// The greatest distance between both empirical distributions.
    pub statistic: f64,
    /// How likely so great a distance is in samples of one distribution (asymptotic, with Stephens' correction).
    pub p_value: f64,
}

/// Compares two samples of one column.
///
/// # Errors
/// An empty sample or a value that is not finite.
pub fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> Result<KolmogorovSmirnov, Error> {
    let (a, b) = (sorted(a)?, sorted(b)?);
    let (mut at, mut other, mut statistic) = (0, 0, 0.0_f64);
    while at < a.len() && other < b.len() {
        let value = a[at].min(b[other]);
        at += a[at..].iter().take_while(|each| **each <= value).count();
        other += b[other..].iter().take_while(|each| **each <= value).count();
        statistic = statistic.max((at as f64 / a.len() as f64 - other as f64 / b.len() as f64).abs());
    }
    let effective = (a.len() as f64 * b.len() as f64 / (a.len() + b.len()) as f64).sqrt();
    Ok(KolmogorovSmirnov { statistic, p_value: tail((effective + 0.12 + 0.11 / effective) * statistic) })
}

/// Kolmogorov's distribution, from above: 2 Σ (−1)^(k−1) e^(−2k²x²).
fn tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        let k = f64::from(k);
        (-2.0 * k * k * x * x).exp() * if k % 2.0 == 0.0 { -1.0 } else { 1.0 }
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

fn sorted(values: &[f64]) -> Result<Vec<f64>, Error> {
    if values.is_empty() {
        return Err(Error::Empty("values to compare"));
    }
    if let Some(row) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::Cell { row, column: 0, name: "value".to_owned(), what: "not finite" });
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(sorted)
}
