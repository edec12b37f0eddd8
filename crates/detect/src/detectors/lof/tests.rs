use crate::{Detector, Table};

const ROWS: [[f64; 2]; 7] =
    [[0.0, 1.0], [1.0, 1.5], [1.2, 2.0], [2.5, 2.25], [10.0, 0.0], [3.0, 1.0], [0.5, 0.25]];

fn near(scores: &[f64], expected: &[f64]) {
    for (score, expected) in scores.iter().zip(expected) {
        assert!((score - expected).abs() < 1e-8 * expected.abs(), "{scores:?} {expected:?}");
    }
}

#[test]
fn scores_are_those_of_pyod() {
    // pyod.models.lof.LOF(n_neighbors=3).fit(X).decision_scores_ and decision_function(Y), PyOD 3.6.7.
    let table = Table::from_rows(&ROWS).unwrap();
    let model = Detector::new("LOF").unwrap().set("n_neighbors", 3).unwrap().fit(&table).unwrap();
    near(model.training_scores(), &TRAINING);
    near(&model.score(&Table::from_rows(&[[5.0, 5.0], [1.0, 1.4]]).unwrap()).unwrap(), &LATER);
}

#[test]
fn duplicates_do_not_make_scores_explode() {
    let mut rows: Vec<[f64; 2]> = (0..200).map(|at| [f64::from(at % 10), f64::from(at / 10 % 10)]).collect();
    rows.extend([[5.0, 5.0]; 40]);
    rows.push([5.01, 5.01]);
    rows.push([40.0, 40.0]);
    let table = Table::from_rows(&rows).unwrap();
    let model = Detector::new("LOF").unwrap().fit(&table).unwrap();
    let scores = model.training_scores();
    assert!(scores.iter().all(|score| *score < 100.0), "{scores:?}");
    assert!(scores[241] > 2.0 && scores[240] < 2.0, "{} {}", scores[241], scores[240]);
    let counting = Detector::new("LOF").unwrap().set("duplicates", "count").unwrap().fit(&table).unwrap();
    assert!(counting.training_scores()[240] > 1e6);
}

#[test]
fn all_rows_equal_score_one() {
    let table = Table::from_rows(&[[3.0, 4.0]; 30]).unwrap();
    let model = Detector::new("LOF").unwrap().fit(&table).unwrap();
    assert_eq!(model.training_scores(), [1.0; 30]);
    assert_eq!(model.score(&table).unwrap()[0], 1.0);
}

const TRAINING: [f64; 7] = [
    1.0007444580819864,
    1.0607966169765786,
    0.9123882183509308,
    1.042832049674827,
    4.619425458718581,
    1.1718838509414322,
    1.0007444580819864,
];
const LATER: [f64; 2] = [2.515777599482409, 0.933357018410273];
