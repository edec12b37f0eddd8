use crate::{Detector, Table};

/// Fitted with PyOD 3.6.7 on these five rows; `LATER` is `decision_function` of the two later rows together.
const ROWS: [[f64; 2]; 5] = [[0.0, 1.0], [1.0, 1.5], [1.0, 2.0], [2.5, 2.25], [10.0, 0.0]];
const THEN: [[f64; 2]; 2] = [[12.0, -1.0], [1.0, 1.0]];

fn near(scores: &[f64], expected: &[f64]) {
    assert_eq!(scores.len(), expected.len());
    for (score, expected) in scores.iter().zip(expected) {
        assert!((score - expected).abs() < 1e-12, "{scores:?} {expected:?}");
    }
}

#[test]
fn scores_are_those_of_pyod() {
    let (rows, then) = (Table::from_rows(&ROWS).unwrap(), Table::from_rows(&THEN).unwrap());
    for (name, training, later) in
        [("ECOD", ECOD_TRAINING, ECOD_LATER), ("COPOD", COPOD_TRAINING, COPOD_LATER)]
    {
        let model = Detector::new(name).unwrap().set("mode", "batch").unwrap().fit(&rows).unwrap();
        near(model.training_scores(), &training);
        near(&model.score(&then).unwrap(), &later);
    }
}

#[test]
fn a_row_scores_the_same_alone_in_a_batch_and_in_training() {
    let rows = Table::from_rows(&ROWS).unwrap();
    for name in ["ECOD", "COPOD"] {
        let model = Detector::new(name).unwrap().fit(&rows).unwrap();
        assert_eq!(model.score(&rows).unwrap(), model.training_scores());
        let alone = model.score(&Table::from_rows(&[ROWS[3]]).unwrap()).unwrap();
        assert_eq!(alone[0], model.training_scores()[3]);
        // Beyond everything that was seen: more anomalous than the training row next to it.
        let beyond = model.score(&Table::from_rows(&[[11.0, -1.0]]).unwrap()).unwrap();
        assert!(beyond[0] > model.training_scores()[4]);
    }
}

const ECOD_TRAINING: [f64; 5] =
    [2.525728644308255, 1.021651247531981, 1.4271163556401456, 2.525728644308255, 3.2188758248682006];
const ECOD_LATER: [f64; 2] = [3.891820298110627, 1.1192315758708455];
const COPOD_TRAINING: [f64; 5] =
    [1.7210096880912051, 0.8778102113060906, 0.9367017291342825, 1.7210096880912051, 3.2188758248682006];
const COPOD_LATER: [f64; 2] = [3.891820298110627, 0.9164990218167632];
