use super::{Threshold, conformal};

fn ramp() -> Vec<f64> {
    (0..=100).map(f64::from).collect()
}

#[test]
fn cuts_by_hand() {
    assert_eq!(Threshold::Contamination { rate: 0.1 }.cut(&mut ramp()), 90.0);
    assert_eq!(Threshold::Percentile { percent: 95.0 }.cut(&mut ramp()), 95.0);
    assert_eq!(Threshold::Iqr.cut(&mut ramp()), 75.0 + 1.5 * 50.0);
    assert!((Threshold::Mad.cut(&mut ramp()) - (50.0 + 3.0 * 1.4826 * 25.0)).abs() < 1e-9);
}

#[test]
fn extreme_values_reach_beyond_what_was_seen() {
    // An exponential tail: the cut for a rate of 1e-5 is ln(1e5) = 11.5, the greatest of 10,000 is about 9.2.
    let n = 10_000;
    let mut scores: Vec<f64> = (0..n).map(|at| -((f64::from(at) + 0.5) / f64::from(n)).ln()).collect();
    let cut = Threshold::ExtremeValue { rate: 1e-5 }.cut(&mut scores);
    assert!((cut - 11.5).abs() < 1.0, "{cut}");
}

#[test]
fn all_equal_scores_leave_nothing_above_the_cut() {
    for rule in [
        Threshold::Contamination { rate: 0.1 },
        Threshold::Iqr,
        Threshold::Mad,
        Threshold::ExtremeValue { rate: 0.001 },
    ] {
        assert_eq!(rule.cut(&mut [2.0; 50]), 2.0, "{rule:?}");
    }
}

#[test]
fn rates_out_of_range_are_refused() {
    for rate in [0.0, 0.6, -1.0, f64::NAN] {
        assert!(Threshold::Contamination { rate }.check().is_err());
        assert!(Threshold::Conformal { rate }.check().is_err());
    }
    let error = Threshold::Contamination { rate: 0.6 }.check().unwrap_err();
    assert_eq!(error.to_string(), "contamination = 0.6: a number in (0, 0.5] is expected");
    assert!(Threshold::Contamination { rate: 0.0001 }.check().is_ok());
}

#[test]
fn p_values_and_discoveries_by_hand() {
    let p_values = conformal::p_values(&[1.0, 2.0, 3.0], &[0.0, 3.0, 4.0]);
    assert_eq!(p_values, [1.0, 0.5, 0.25]);
    // Benjamini and Hochberg's rule at 0.05: 0.01 ≤ 0.0125, 0.02 ≤ 0.025, 0.04 > 0.0375, 0.9 > 0.05.
    assert_eq!(conformal::discoveries(&[0.9, 0.01, 0.04, 0.02], 0.05), [false, true, false, true]);
    assert_eq!(conformal::discoveries(&[0.9, 0.8], 0.05), [false, false]);
}
