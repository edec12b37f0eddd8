//! k-means: greedy k-means++ seeds (Arthur and Vassilvitskii 2007), then Lloyd's steps. As scikit-learn does it, once.

use rayon::prelude::*;

use crate::linear::squared_distance;
use crate::random::Random;
use crate::table::Rows;

/// Centres, and which is nearest to each row.
pub(crate) struct Clusters {
    pub(crate) centres: Vec<f64>,
    pub(crate) labels: Vec<u32>,
}

/// At most so many of Lloyd's steps.
const STEPS: usize = 300;
/// Steps end when centres move less than this part of the mean variance.
const TOLERANCE: f64 = 1e-4;

impl Clusters {
    pub(crate) fn find(rows: Rows<'_>, wanted: usize, random: &mut Random) -> Self {
        let mut centres = seeds(rows, wanted.min(rows.len()), random);
        let tolerance = TOLERANCE * mean_variance(rows);
        let mut labels = Vec::new();
        for _ in 0..STEPS {
            labels = assign(rows, &centres);
            let moved = step(rows, &labels, &mut centres);
            if moved <= tolerance {
                break;
            }
        }
        labels = if labels.is_empty() { labels } else { assign(rows, &centres) };
        Self { centres, labels }
    }
}

fn mean_variance(rows: Rows<'_>) -> f64 {
    let variance = |column| {
        let values: Vec<f64> = rows.column(column).collect();
        crate::statistics::deviation(&values).powi(2)
    };
    (0..rows.columns).map(variance).sum::<f64>() / rows.columns as f64
}

fn seeds(rows: Rows<'_>, wanted: usize, random: &mut Random) -> Vec<f64> {
    let trials = 2 + (wanted as f64).ln() as usize;
    let mut centres = rows.row(random.below(rows.len())).to_vec();
    let mut far: Vec<f64> =
        rows.values.par_chunks(rows.columns).map(|row| squared_distance(row, &centres)).collect();
    while centres.len() < wanted * rows.columns {
        let total: f64 = far.iter().sum();
        if total <= 0.0 {
            // Fewer different rows than centres.
            break;
        }
        let drawn: Vec<usize> = (0..trials).map(|_| draw(&far, random.unit() * total)).collect();
        let nearer = |candidate: usize| -> Vec<f64> {
            let centre = rows.row(candidate);
            let least = |(row, far): (&[f64], &f64)| squared_distance(row, centre).min(*far);
            rows.values.par_chunks(rows.columns).zip(&far).map(least).collect()
        };
        let best = drawn.into_iter().map(|candidate| (nearer(candidate), candidate));
        let best = best.min_by(|a, b| a.0.iter().sum::<f64>().total_cmp(&b.0.iter().sum::<f64>()));
        if let Some((least, candidate)) = best {
            centres.extend_from_slice(rows.row(candidate));
            far = least;
        }
    }
    centres
}

/// The row at which the running sum of weights passes a mark.
fn draw(weights: &[f64], mark: f64) -> usize {
    let mut sum = 0.0;
    let passed = weights.iter().position(|weight| {
        sum += weight;
        sum > mark
    });
    passed.unwrap_or(weights.len() - 1)
}

/// The centre nearest to each row.
fn assign(rows: Rows<'_>, centres: &[f64]) -> Vec<u32> {
    rows.values.par_chunks(rows.columns).map(|row| nearest(row, centres).0 as u32).collect()
}

/// The nearest of some centres, and its squared distance.
pub(crate) fn nearest(row: &[f64], centres: &[f64]) -> (usize, f64) {
    let far = centres.chunks_exact(row.len()).map(|centre| squared_distance(row, centre)).enumerate();
    far.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

/// Moves each centre to the mean of its rows; one without rows stays. Returns how far they moved, squared.
fn step(rows: Rows<'_>, labels: &[u32], centres: &mut [f64]) -> f64 {
    let mut sums = vec![0.0; centres.len()];
    let mut counts = vec![0.0_f64; centres.len() / rows.columns];
    for (row, label) in rows.iter().zip(labels) {
        counts[*label as usize] += 1.0;
        let sum = &mut sums[*label as usize * rows.columns..][..rows.columns];
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let mut moved = 0.0;
    let each = centres.chunks_exact_mut(rows.columns).zip(sums.chunks_exact(rows.columns)).zip(counts);
    for ((centre, sum), count) in each.filter(|each| each.1 > 0.0) {
        for (centre, sum) in centre.iter_mut().zip(sum) {
            let mean = sum / count;
            moved += (mean - *centre) * (mean - *centre);
            *centre = mean;
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::Clusters;
    use crate::random::Random;
    use crate::table::Rows;

    #[test]
    fn finds_what_lies_together() {
        let values: Vec<f64> = (0..60).map(|at| f64::from(at % 3) * 100.0 + f64::from(at) * 0.01).collect();
        let clusters = Clusters::find(Rows { values: &values, columns: 1 }, 3, &mut Random::new(1, 1));
        for (at, label) in clusters.labels.iter().enumerate() {
            assert_eq!(*label, clusters.labels[at % 3]);
        }
        let mut centres = clusters.centres;
        centres.sort_unstable_by(f64::total_cmp);
        assert!((centres[1] - 100.295).abs() < 1e-9, "{centres:?}");
    }
}
