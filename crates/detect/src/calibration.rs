use std::sync::OnceLock;

/// The scores of the training rows, against which every later score is read: so scores of different batches compare.
#[derive(Debug, Clone)]
pub(crate) struct Calibration {
    scores: Vec<f64>,
    sorted: OnceLock<Vec<f64>>,
}

impl Calibration {
    pub(crate) fn new(scores: Vec<f64>) -> Self {
        Self { scores, sorted: OnceLock::new() }
    }

    /// In the order of the training rows.
    pub(crate) fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// From low to high; sorted when first asked for.
    pub(crate) fn sorted(&self) -> &[f64] {
        self.sorted.get_or_init(|| {
            let mut sorted = self.scores.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            sorted
        })
    }

    /// Where a score stands among the training scores, in (0, 1): the share of them below it (equal ones half), and
    /// beyond their greatest ever nearer to 1. A greater score never gets a smaller place.
    pub(crate) fn place(&self, score: f64) -> f64 {
        let sorted = self.sorted();
        let all = sorted.len() as f64 + 1.0;
        let below = sorted.partition_point(|each| *each < score);
        let up_to = below + sorted[below..].partition_point(|each| *each <= score);
        if below < sorted.len() {
            let within =
                if up_to > below { (below + up_to) as f64 / 2.0 + 0.5 } else { self.between(below, score) };
            return within / all;
        }
        let greatest = sorted[sorted.len() - 1];
        let spread = (greatest - sorted[sorted.len() / 2]).max(f64::MIN_POSITIVE);
        // The last 1/(n+1) of the scale, used up as the score goes on beyond the greatest.
        let beyond = ((score - greatest) / spread).max(0.0);
        let used = if beyond.is_finite() { beyond / (1.0 + beyond) } else { 1.0 };
        ((sorted.len() as f64 + 0.5 * used) / all).min(1.0)
    }

    /// The place of a score between two neighbours.
    fn between(&self, above: usize, score: f64) -> f64 {
        let sorted = self.sorted();
        if above == 0 {
            return 0.5;
        }
        let (low, high) = (sorted[above - 1], sorted[above]);
        let part = ((score - low) / (high - low)).clamp(0.0, 1.0);
        above as f64 + 0.5 * part
    }
}

#[cfg(test)]
mod tests {
    use super::Calibration;

    #[test]
    fn places_rise_with_scores_and_stay_within_bounds() {
        let calibration = Calibration::new(vec![3.0, 1.0, 2.0, 2.0, 10.0]);
        let scores = [-1e300, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 9.0, 10.0, 10.1, 50.0, 1e300];
        let places: Vec<f64> = scores.iter().map(|score| calibration.place(*score)).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!(places.iter().all(|place| *place > 0.0 && *place < 1.0), "{places:?}");
        assert!(places[11] > places[8]);
    }
}
