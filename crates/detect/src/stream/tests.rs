use proptest::prelude::*;

use super::{Ewma, HalfSpaceTrees, RandomCutForest, Stream, WindowQuantile, ZScore};
use crate::Error;
use crate::random::Random;

fn every(columns: usize) -> Vec<(&'static str, Box<dyn Stream>)> {
    vec![
        ("half-space trees", Box::new(HalfSpaceTrees::new(columns, 25, 10, 100, 1).unwrap())),
        ("random cut forest", Box::new(RandomCutForest::new(columns, 20, 64, 1).unwrap())),
        ("z", Box::new(ZScore::new(columns).unwrap())),
        ("ewma", Box::new(Ewma::new(columns, 0.05).unwrap())),
        ("quantile", Box::new(WindowQuantile::new(columns, 200, 0.05).unwrap())),
    ]
}

#[test]
fn what_is_unlike_all_before_scores_high() {
    for (name, mut stream) in every(2) {
        let mut random = Random::new(5, 5);
        let mut scores: Vec<f64> =
            (0..500).map(|_| stream.update(&[random.normal(), random.normal()]).unwrap()).collect();
        let odd = stream.update(&[9.0, -9.0]).unwrap();
        scores.drain(..200);
        let lower = scores.iter().filter(|score| **score < odd).count();
        assert!(lower >= 297, "{name}: {odd}, {lower} of 300 lower");
    }
}

#[test]
fn scores_by_hand() {
    let mut stream = ZScore::new(1).unwrap();
    for value in 0..11 {
        stream.learn(&[f64::from(value)]);
    }
    // Mean 5, deviation √11.
    assert!((stream.score(&[5.0 + 2.0 * 11.0_f64.sqrt()]) - 2.0).abs() < 1e-12);
    let mut stream = WindowQuantile::new(1, 100, 0.25).unwrap();
    for value in 0..101 {
        stream.learn(&[f64::from(value)]);
    }
    // The window holds 1 … 100: quartiles 25.75 and 75.25.
    assert!((stream.score(&[75.25 + 49.5]) - 1.0).abs() < 1e-12);
    assert_eq!(stream.score(&[50.0]), 0.0);
}

#[test]
fn a_constant_stream_is_normal_and_a_change_is_not() {
    for (name, mut stream) in every(1) {
        let quiet: Vec<f64> = (0..400).map(|_| stream.update(&[3.0]).unwrap()).collect();
        if name != "half-space trees" {
            assert!(stream.update(&[4.0]).unwrap() > quiet[399], "{name}");
        }
    }
}

#[test]
fn what_is_no_row_changes_nothing() {
    for (name, mut stream) in every(2) {
        assert!(matches!(stream.update(&[1.0]), Err(Error::Columns { .. })), "{name}");
        assert!(matches!(stream.update(&[1.0, f64::NAN]), Err(Error::Cell { column: 1, .. })), "{name}");
        assert!(stream.update(&[1.0, 2.0]).is_ok(), "{name}");
    }
    assert!(HalfSpaceTrees::new(0, 1, 1, 10, 0).is_err() && HalfSpaceTrees::new(1, 1, 60, 10, 0).is_err());
    assert!(RandomCutForest::new(1, 0, 10, 0).is_err() && Ewma::new(1, 1.5).is_err());
    assert!(WindowQuantile::new(1, 2, 0.1).is_err() && Ewma::new(1, f64::NAN).is_err());
}

#[test]
fn a_seed_gives_the_same_scores() {
    let run = || {
        let mut forest = RandomCutForest::new(1, 5, 16, 3).unwrap();
        (0..40).map(|at| forest.update(&[f64::from(at % 9)]).unwrap()).collect::<Vec<f64>>()
    };
    assert_eq!(run(), run());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_finite_rows_give_finite_scores(
        values in prop::collection::vec(
            prop_oneof![-5.0..5.0_f64, prop::sample::select(vec![1e308, -1e308, 5e-324, f64::MAX, f64::MIN, 0.0, -0.0])],
            200..400,
        )
    ) {
        for (name, mut stream) in every(2) {
            for row in values.chunks_exact(2) {
                let score = stream.update(row).unwrap();
                assert!(score.is_finite() && score >= 0.0, "{name}: {score}");
            }
        }
    }
}
