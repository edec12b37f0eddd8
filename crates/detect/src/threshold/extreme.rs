use crate::statistics;

/// Peaks over this share of the scores are fitted.
const BULK: f64 = 0.98;
/// Fewer peaks than this tell nothing about a tail.
const FEWEST: usize = 8;

/// The score above which `rate` of all rows are expected, after a generalised Pareto distribution of the tail.
pub(super) fn cut(scores: &mut [f64], rate: f64) -> f64 {
    let start = statistics::quantile(scores, BULK);
    let mut peaks: Vec<f64> =
        scores.iter().filter(|score| **score > start).map(|score| score - start).collect();
    if peaks.len() < FEWEST {
        return statistics::quantile(scores, 1.0 - rate);
    }
    peaks.sort_unstable_by(f64::total_cmp);
    let share = peaks.len() as f64 / scores.len() as f64;
    let (shape, scale) = fit(&peaks);
    let beyond = (rate / share).min(1.0);
    let height =
        if shape.abs() < 1e-9 { -scale * beyond.ln() } else { scale / shape * (beyond.powf(-shape) - 1.0) };
    start + if height.is_finite() { height } else { peaks[peaks.len() - 1] }
}

/// Shape (positive: heavy tail) and scale, by probability-weighted moments.
fn fit(sorted: &[f64]) -> (f64, f64) {
    let n = sorted.len() as f64;
    let zero = sorted.iter().sum::<f64>() / n;
    let place = |at: usize| (at as f64 + 1.0 - 0.35) / n;
    let one = sorted.iter().enumerate().map(|(at, peak)| (1.0 - place(at)) * peak).sum::<f64>() / n;
    let between = zero - 2.0 * one;
    if between <= 1e-12 * zero {
        // Heavier than any distribution with a mean: the exponential one is the careful answer.
        return (0.0, zero);
    }
    (2.0 - zero / between, 2.0 * zero * one / between)
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn finds_the_distribution_again() {
        // Quantiles of a generalised Pareto distribution with shape 0.2 and scale 3.
        let sorted: Vec<f64> = (0..5000)
            .map(|at| (at as f64 + 0.5) / 5000.0)
            .map(|p| 15.0 * ((1.0_f64 - p).powf(-0.2) - 1.0))
            .collect();
        let (shape, scale) = fit(&sorted);
        assert!((shape - 0.2).abs() < 0.02 && (scale - 3.0).abs() < 0.1, "{shape} {scale}");
    }
}
