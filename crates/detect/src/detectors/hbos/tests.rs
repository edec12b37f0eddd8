use crate::{Detector, Table};

#[test]
fn scores_are_those_of_pyod() {
    // pyod.models.hbos.HBOS(n_bins=4).fit(X).decision_scores_ and .decision_function(Y), PyOD 3.6.7.
    let x = Table::from_rows(&[[0.0, 1.0], [1.0, 1.5], [2.0, 2.0], [2.5, 2.25], [10.0, 0.0]]).unwrap();
    let model = Detector::new("HBOS").unwrap().set("n_bins", 4).unwrap().fit(&x).unwrap();
    let expected = TRAINING;
    for (score, expected) in model.training_scores().iter().zip(expected) {
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
    }
    let y = Table::from_rows(&[[-1.0, 3.0], [-9.0, 9.0], [11.0, 2.2]]).unwrap();
    for (score, expected) in model.score(&y).unwrap().iter().zip(LATER) {
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
    }
}

const TRAINING: [f64; 5] =
    [2.6906944402359767, 2.6906944402359767, 1.8584218859740431, 1.8584218859740431, 3.608232280044003];
const LATER: [f64; 3] = [2.6906944402359767, 4.456229186598954, 2.77595972578207];
