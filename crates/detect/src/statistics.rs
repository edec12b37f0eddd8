//! Means, medians, quantiles: what several detectors need of one column.

/// The arithmetic mean; 0 of nothing. Halves before it adds where a sum would overflow.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let sum: f64 = values.iter().sum();
    if sum.is_finite() {
        return sum / values.len() as f64;
    }
    values.iter().map(|value| value / values.len() as f64).sum()
}

/// The standard deviation over all values (divisor n).
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len().max(1) as f64)
        .sqrt()
}

/// The value at a share in [0, 1] of the sorted values, linear between neighbours (type 7 of Hyndman and Fan, NumPy's
/// default); 0 of nothing. Reorders the values.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let position = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (below, part) = (position.floor() as usize, position.fract());
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    if part == 0.0 || above.is_empty() {
        return low;
    }
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    between(low, high, part)
}

/// The same of values that are sorted already.
pub(crate) fn quantile_sorted(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let position = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, part) = (position.floor() as usize, position.fract());
    let high = sorted[(below + 1).min(sorted.len() - 1)];
    between(sorted[below], high, part)
}

fn between(low: f64, high: f64, part: f64) -> f64 {
    let step = high - low;
    if step.is_finite() { low + part * step } else { low * (1.0 - part) + high * part }
}

/// The middle value, or the mean of the two; 0 of nothing. Reorders the values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The share of the area under the ROC curve: how often a row labelled anomalous scores above one that is not, ties
/// counted half. `None` where all labels are equal.
pub fn roc_auc(scores: &[f64], anomalous: &[bool]) -> Option<f64> {
    let ranks = ranks(scores);
    let positive = anomalous.iter().filter(|flag| **flag).count() as f64;
    let negative = anomalous.len() as f64 - positive;
    if positive == 0.0 || negative == 0.0 || scores.len() != anomalous.len() {
        return None;
    }
    let sum: f64 = ranks.iter().zip(anomalous).filter(|(_, flag)| **flag).map(|(rank, _)| rank).sum();
    Some((sum - positive * (positive + 1.0) / 2.0) / (positive * negative))
}

/// The place of each value among all, from 1; equal values share their mean place.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let rank = (start + 1 + end) as f64 / 2.0;
        order[start..end].iter().for_each(|at| ranks[*at] = rank);
        start = end;
    }
    ranks
}

/// Spearman's rank correlation; 0 where one side is constant.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    correlation(&ranks(a), &ranks(b))
}

/// Pearson's correlation; 0 where one side is constant.
pub(crate) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa > 0.0 && bb > 0.0 { ab / (aa.sqrt() * bb.sqrt()) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{mean, median, quantile, quantile_sorted, ranks, roc_auc, spearman};

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([3, 1, 2, 10], [0, 0.25, 0.5, 0.9, 1]) = [1, 1.75, 2.5, 7.9, 10]
        for (share, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 2.5), (0.9, 7.9), (1.0, 10.0)] {
            assert!((quantile(&mut [3.0, 1.0, 2.0, 10.0], share) - expected).abs() < 1e-12);
            assert!((quantile_sorted(&[1.0, 2.0, 3.0, 10.0], share) - expected).abs() < 1e-12);
        }
        assert_eq!(median(&mut [f64::MAX, -f64::MAX]), 0.0);
        assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
    }

    #[test]
    fn areas_and_ranks_by_hand() {
        assert_eq!(ranks(&[2.0, 1.0, 2.0]), [2.5, 1.0, 2.5]);
        assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
        assert_eq!(roc_auc(&[1.0, 1.0], &[false, true]), Some(0.5));
        assert_eq!(roc_auc(&[1.0], &[true]), None);
        assert!((spearman(&[1.0, 2.0, 3.0], &[1.0, 4.0, 9.0]) - 1.0).abs() < 1e-12);
    }
}
