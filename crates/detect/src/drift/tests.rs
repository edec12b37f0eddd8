use super::{Adwin, kolmogorov_smirnov, population_stability};
use crate::random::Random;

fn normal(count: usize, mean: f64, stream: u64) -> Vec<f64> {
    let mut random = Random::new(1, stream);
    (0..count).map(|_| mean + random.normal()).collect()
}

#[test]
fn stability_by_hand_and_by_rule_of_thumb() {
    let reference: Vec<f64> = (0..100).map(f64::from).collect();
    assert!(population_stability(&reference, &reference, 10).unwrap() < 1e-9);
    // Everything in the upper half: two bins, shares 0.5/0.5 against 10⁻⁴/1.
    let upper = vec![80.0; 10];
    let expected = (1e-4 - 0.5) * (1e-4_f64 / 0.5).ln() + 0.5 * 2.0_f64.ln();
    assert!((population_stability(&reference, &upper, 2).unwrap() - expected).abs() < 1e-9);
    assert!(population_stability(&normal(5000, 0.0, 1), &normal(5000, 0.0, 2), 10).unwrap() < 0.1);
    assert!(population_stability(&normal(5000, 0.0, 1), &normal(5000, 1.0, 2), 10).unwrap() > 0.25);
    assert!(population_stability(&[], &[1.0], 10).is_err());
    assert!(population_stability(&[1.0], &[f64::NAN], 10).is_err());
    assert!(population_stability(&[1.0], &[1.0], 1).is_err());
    assert_eq!(population_stability(&[1.0; 9], &[1.0; 4], 10), Ok(0.0));
}

#[test]
fn distances_are_those_of_scipy() {
    // scipy.stats.ks_2samp([1, 2, 3, 4], [3, 4, 5, 6]).statistic = 0.5
    let found = kolmogorov_smirnov(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(found.statistic, 0.5);
    let same = kolmogorov_smirnov(&normal(2000, 0.0, 1), &normal(2000, 0.0, 2)).unwrap();
    let moved = kolmogorov_smirnov(&normal(2000, 0.0, 1), &normal(2000, 0.2, 2)).unwrap();
    assert!(same.p_value > 0.01 && moved.p_value < 1e-3, "{same:?} {moved:?}");
    assert_eq!(kolmogorov_smirnov(&[1.0], &[1.0]).unwrap().p_value, 1.0);
}

#[test]
fn a_step_is_noticed_and_quiet_is_not() {
    let mut watched = Adwin::new(0.002).unwrap();
    let quiet = normal(5000, 0.0, 3).into_iter().filter(|value| watched.update(*value).unwrap()).count();
    assert_eq!(quiet, 0);
    assert_eq!(watched.len(), 5000);
    let after: Vec<bool> =
        normal(1000, 2.0, 4).into_iter().map(|value| watched.update(value).unwrap()).collect();
    assert!(after[..100].contains(&true));
    assert!(watched.len() < 1100 && watched.mean() > 1.8, "{} {}", watched.len(), watched.mean());
    assert!(watched.update(f64::NAN).is_err() && Adwin::new(1.0).is_err());
    let mut extreme = Adwin::new(0.1).unwrap();
    for value in [f64::MAX, f64::MIN, 5e-324].into_iter().cycle().take(500) {
        extreme.update(value).unwrap();
    }
    assert!(extreme.mean().is_finite());
}
