//! Conformal p-values: how many of the calibration rows score at least as high.

/// The p-value of each score: (1 + calibration scores at least as high) / (1 + calibration scores). `sorted` holds the
/// calibration scores from low to high. Under exchangeability it is at most `t` with a chance of at most `t`.
pub fn p_values(sorted: &[f64], scores: &[f64]) -> Vec<f64> {
    let all = sorted.len() as f64 + 1.0;
    let p_value = |score: &f64| {
        let below = sorted.partition_point(|each| each < score);
        ((sorted.len() - below) as f64 + 1.0) / all
    };
    scores.iter().map(p_value).collect()
}

/// Which of these may be called discoveries, so that the expected share of false ones is at most `rate`
/// (Benjamini–Hochberg step-up).
pub fn discoveries(p_values: &[f64], rate: f64) -> Vec<bool> {
    let mut sorted = p_values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let passes = |at: &usize| sorted[*at] <= rate * (*at + 1) as f64 / count;
    let Some(last) = (0..sorted.len()).rev().find(passes) else {
        return vec![false; p_values.len()];
    };
    p_values.iter().map(|p_value| *p_value <= sorted[last]).collect()
}
