use proptest::prelude::*;

use super::Model;
use crate::algorithm::ALGORITHMS;
use crate::random::Random;
use crate::{Detector, Error, Table, Threshold};

fn table(rows: usize, columns: usize) -> Table {
    let mut random = Random::new(9, 9);
    Table::new(columns, (0..rows * columns).map(|_| random.normal()).collect()).unwrap()
}

fn every(mut with: impl FnMut(Detector)) {
    for algorithm in ALGORITHMS {
        with(Detector::new(algorithm.name).unwrap());
    }
}

#[test]
fn every_detector_finds_what_lies_far_out() {
    let mut random = Random::new(1, 1);
    let mut values: Vec<f64> = (0..400 * 3).map(|_| random.normal()).collect();
    values.extend([12.0, -11.0, 13.0]);
    let table = Table::new(3, values).unwrap();
    every(|detector| {
        let name = detector.algorithm().name;
        let model = detector.contamination(0.01).unwrap().fit(&table).unwrap();
        let labels = model.predict(&table).unwrap();
        assert!(labels[400], "{name}: {:?}", model.training_scores()[400]);
        assert!(labels.iter().filter(|label| **label).count() <= 8, "{name}");
        let calibrated = model.calibrated(&table).unwrap();
        assert!(calibrated.iter().all(|place| *place > 0.0 && *place < 1.0), "{name}");
    });
}

#[test]
fn models_come_back_from_bytes_as_they_were() {
    let (training, later) = (table(80, 3), table(7, 3));
    every(|detector| {
        let name = detector.algorithm().name;
        let model =
            detector.seed(3).threshold(Threshold::Conformal { rate: 0.2 }).unwrap().fit(&training).unwrap();
        let bytes = model.to_bytes();
        let again = Model::from_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.score(&later).unwrap(), model.score(&later).unwrap(), "{name}");
        assert_eq!((again.cut(), again.threshold()), (model.cut(), model.threshold()), "{name}");
        assert_eq!(again.to_bytes(), bytes, "{name}");
    });
}

#[test]
fn a_row_scores_the_same_alone_and_in_a_batch() {
    let (training, later) = (table(90, 4), table(40, 4));
    every(|detector| {
        let model = detector.fit(&training).unwrap();
        let together = model.score(&later).unwrap();
        for (row, score) in together.iter().enumerate() {
            let alone = model.score(&Table::from_rows(&[later.row(row)]).unwrap()).unwrap();
            assert_eq!(alone, [*score], "{} row {row}", model.algorithm().name);
        }
    });
}

#[test]
fn a_seed_means_the_same_on_any_number_of_threads() {
    let training = table(300, 5);
    every(|detector| {
        let detector = detector.seed(11);
        let fit = || detector.fit(&training).unwrap().to_bytes();
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool(1).install(fit) == pool(5).install(fit), "{}", detector.algorithm().name);
    });
}

#[test]
fn every_byte_that_is_changed_and_every_cut_is_noticed() {
    let training = table(20, 2);
    every(|detector| {
        let name = detector.algorithm().name;
        let bytes = small(detector).fit(&training).unwrap().to_bytes();
        let step = 1 + bytes.len() / 20_000;
        for at in (0..bytes.len()).step_by(step) {
            assert!(Model::from_bytes(&bytes[..at]).is_err(), "{name}: cut at {at}");
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            assert!(Model::from_bytes(&changed).is_err(), "{name}: byte {at}");
        }
        assert!(Model::from_bytes(&[bytes, vec![0]].concat()).is_err());
    });
}

/// What the checksum cannot stop: bytes that someone has signed again.
#[test]
fn a_forged_model_is_an_error_or_a_model_that_scores() {
    let training = table(20, 2);
    every(|detector| {
        let bytes = small(detector).fit(&training).unwrap().to_bytes();
        const HEAD: usize = 17;
        let step = 1 + bytes.len() / 4_000;
        for at in (HEAD..bytes.len()).step_by(step) {
            for change in [0xFF_u8, 0x01, 0x80] {
                let mut forged = bytes.clone();
                forged[at] ^= change;
                let checksum = crc32fast::hash(&forged[HEAD..]).to_le_bytes();
                forged[13..HEAD].copy_from_slice(&checksum);
                if let Ok(model) = Model::from_bytes(&forged) {
                    let rows = Table::new(model.columns(), vec![0.5; model.columns() * 3]).unwrap();
                    let scores = model.score(&rows).unwrap();
                    assert!(scores.iter().all(|score| score.is_finite()), "{:?} {at}", model.algorithm());
                }
            }
        }
    });
}

/// A detector whose model is a few kilobytes.
fn small(detector: Detector) -> Detector {
    match detector.algorithm().name {
        "IForest" | "INNE" => detector.set("n_estimators", 3).unwrap(),
        "LODA" => detector.set("n_random_cuts", 3).unwrap(),
        "ensemble" => detector.set("members", "MAD,LOF").unwrap(),
        _ => detector,
    }
}

#[test]
fn what_is_no_model_is_said_to_be_none() {
    let said = |bytes: &[u8]| Model::from_bytes(bytes).unwrap_err().to_string();
    assert_eq!(said(b""), "not a usable model: it ends too early");
    assert_eq!(said(b"GIF89a"), "not a usable model: it does not begin as one");
    assert_eq!(said(b"SWDM\x09"), "not a usable model: version 9 is unknown, 1 is known");
    // A length of 2^63: refused before anything is allocated.
    assert!(Model::from_bytes(b"SWDM\x01\0\0\0\0\0\0\0\x80\0\0\0\0").is_err());
}

#[test]
fn what_cannot_be_fitted_or_scored_is_said() {
    every(|detector| {
        let name = detector.algorithm().name;
        let one = detector.fit(&table(1, 2)).unwrap_err();
        assert_eq!(one, Error::TooFewRows { what: name.to_owned(), needed: 2, got: 1 });
        let model = detector.fit(&table(30, 2)).unwrap();
        assert_eq!(model.score(&table(3, 5)), Err(Error::Columns { expected: 2, got: 5 }));
        assert!(detector.clone().contamination(0.0).is_err() && detector.clone().contamination(0.6).is_err());
        let unknown = detector.set("n_neighbor", 3).unwrap_err();
        assert!(matches!(unknown, Error::UnknownParameter { .. }), "{unknown}");
    });
}

#[test]
fn rows_that_are_all_equal_score_the_same() {
    for value in [0.0, 1.0, -7.5, 1e308, 5e-324] {
        let same = Table::new(3, vec![value; 60]).unwrap();
        every(|detector| {
            let model = detector.fit(&same).unwrap();
            let scores = model.training_scores();
            assert!(
                scores.iter().all(|score| *score == scores[0] && score.is_finite()),
                "{:?}",
                model.algorithm()
            );
            assert_eq!(model.predict(&same).unwrap(), [false; 20], "{:?}", model.algorithm());
        });
    }
}

#[test]
fn very_wide_rows_are_scored_or_refused() {
    let wide = table(3, 100_000);
    every(|detector| match small(detector).fit(&wide) {
        Ok(model) => prop_finite(model.algorithm().name, &model.score(&wide).unwrap()),
        Err(error) => assert!(matches!(error, Error::TooLarge { .. }), "{error}"),
    });
}

#[test]
fn two_rows_are_enough() {
    let two = Table::from_rows(&[[1.0, 2.0], [3.0, 5.0]]).unwrap();
    every(|detector| {
        let model = detector.fit(&two).unwrap();
        assert!(
            model.score(&table(5, 2)).unwrap().iter().all(|score| score.is_finite()),
            "{:?}",
            model.algorithm()
        );
    });
}

fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => -10.0..10.0_f64,
        2 => prop::sample::select(vec![
            0.0, -0.0, 1.0, f64::MAX, f64::MIN, 1e308, -1e308, 5e-324, -5e-324, f64::MIN_POSITIVE, 1e-310, 1e154, 1e-154,
            1e16, 1.0 + f64::EPSILON,
        ]),
        1 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn finite_numbers_give_finite_scores(
        columns in 1_usize..5,
        values in prop::collection::vec(hostile(), 8..120),
        later in prop::collection::vec(hostile(), 12),
        constant in any::<bool>(),
        twice in any::<bool>(),
    ) {
        let mut values = values;
        values.truncate(values.len() / columns * columns);
        if constant {
            values.iter_mut().step_by(columns).for_each(|value| *value = 4.25);
        }
        if twice {
            let copy = values.clone();
            values.extend(copy);
        }
        let table = Table::new(columns, values).unwrap();
        let mut later = later;
        later.truncate(later.len() / columns * columns);
        let later = Table::new(columns, later).unwrap();
        if table.rows() >= 2 {
            every(|detector| {
                let name = detector.algorithm().name;
                let model = small(detector).fit(&table).unwrap();
                prop_finite(name, model.training_scores());
                prop_finite(name, &model.score(&later).unwrap());
                prop_finite(name, &model.calibrated(&later).unwrap());
                assert!(model.cut().is_finite(), "{name}");
                assert!(Model::from_bytes(&model.to_bytes()).is_ok(), "{name}");
            });
        }
    }
}

fn prop_finite(name: &str, scores: &[f64]) {
    assert!(scores.iter().all(|score| score.is_finite()), "{name}: {scores:?}");
}
