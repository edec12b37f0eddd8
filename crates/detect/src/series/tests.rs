use proptest::prelude::*;

use super::{decompose, find_period, matrix_profile, seasonal_residual, spectral_residual};
use crate::random::Random;

/// A day of 24 steps, a slope, a little noise.
fn daily(count: usize) -> Vec<f64> {
    let mut random = Random::new(2, 2);
    let wave = |at: usize| 10.0 * (at as f64 * std::f64::consts::TAU / 24.0).sin() + 0.01 * at as f64;
    (0..count).map(|at| wave(at) + 0.2 * random.normal()).collect()
}

fn greatest(scores: &[f64]) -> usize {
    (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap()
}

#[test]
fn periods_are_found() {
    assert_eq!(find_period(&daily(480), 100).unwrap(), 24);
    let mut random = Random::new(3, 3);
    let noise: Vec<f64> = (0..480).map(|_| random.normal()).collect();
    assert_eq!(find_period(&noise, 100).unwrap(), 1);
}

#[test]
fn a_value_at_the_wrong_time_of_day_stands_out() {
    let mut series = daily(480);
    series[246] = 0.0; // at the top of the wave
    assert_eq!(greatest(&seasonal_residual(&series, 24).unwrap()), 246);
    let parts = decompose(&series, 24).unwrap();
    let sums = parts.trend.iter().zip(&parts.seasonal).zip(&parts.residual).map(|((a, b), c)| a + b + c);
    assert!(sums.zip(&series).all(|(sum, value)| (sum - value).abs() < 1e-9));
    assert!(parts.residual[246] < -8.0);
}

#[test]
fn a_spike_stands_out_of_the_spectrum() {
    let mut series = daily(300);
    series[200] += 25.0;
    assert_eq!(greatest(&spectral_residual(&series).unwrap()), 200);
}

#[test]
fn a_day_unlike_the_others_is_the_discord() {
    let mut series = daily(480);
    (240..264).for_each(|at| series[at] = 10.0 * ((at - 240) as f64 * std::f64::consts::TAU / 8.0).sin());
    let profile = matrix_profile(&series, 24).unwrap();
    assert_eq!(profile.len(), 457);
    assert!((220..264).contains(&greatest(&profile)), "{}", greatest(&profile));
}

#[test]
fn profiles_by_the_long_way() {
    let series = daily(90);
    let width = 10;
    let normal = |at: usize| -> Vec<f64> {
        let window = &series[at..at + width];
        let (mean, deviation) = (crate::statistics::mean(window), crate::statistics::deviation(window));
        window.iter().map(|value| (value - mean) / deviation).collect()
    };
    let windows: Vec<Vec<f64>> = (0..=90 - width).map(normal).collect();
    for (at, found) in matrix_profile(&series, width).unwrap().iter().enumerate() {
        let others = (0..windows.len()).filter(|other| other.abs_diff(at) > width / 2);
        let far = others.map(|other| crate::linear::squared_distance(&windows[at], &windows[other]).sqrt());
        let least = far.fold(f64::INFINITY, f64::min);
        assert!((found - least).abs() < 1e-6, "{at}: {found} {least}");
    }
}

#[test]
fn what_is_too_short_or_no_number_is_said() {
    assert!(
        decompose(&[1.0; 3], 1).is_err()
            && decompose(&[1.0; 30], 16).is_err()
            && decompose(&[1.0; 30], 0).is_err()
    );
    assert!(matrix_profile(&[1.0; 30], 3).is_err() && matrix_profile(&[1.0; 30], 16).is_err());
    assert!(spectral_residual(&[1.0; 5]).is_err() && find_period(&[1.0; 5], 10).is_err());
    let mut series = vec![1.0; 40];
    series[7] = f64::NAN;
    assert!(spectral_residual(&series).unwrap_err().to_string().starts_with("row 7"));
}

proptest! {
    #[test]
    fn finite_series_give_finite_scores(
        series in prop::collection::vec(
            prop_oneof![-5.0..5.0_f64, Just(0.0), prop::sample::select(vec![1e308, -1e308, 5e-324, f64::MAX, f64::MIN])],
            24..90,
        ),
        period in 1_usize..12,
    ) {
        let period = find_period(&series, 12).unwrap().max(period);
        for scores in [
            seasonal_residual(&series, period).unwrap(),
            matrix_profile(&series, 8).unwrap(),
            spectral_residual(&series).unwrap(),
        ] {
            assert!(scores.iter().all(|score| score.is_finite() && *score >= 0.0), "{scores:?}");
        }
    }
}
