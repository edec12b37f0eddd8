use crate::{Detector, Table};

#[test]
fn scores_are_those_of_pyod() {
    // pyod.models.pca.PCA().fit(X).decision_scores_ and decision_function(Y), PyOD 3.6.7.
    let x = [
        [0.0, 1.0, 0.3],
        [1.0, 1.5, -0.2],
        [1.0, 2.0, 0.7],
        [2.5, 2.25, 0.1],
        [10.0, 0.0, 5.0],
        [3.0, 1.0, 2.0],
    ];
    let model = Detector::new("PCA").unwrap().fit(&Table::from_rows(&x).unwrap()).unwrap();
    near(model.training_scores(), &TRAINING);
    near(&model.score(&Table::from_rows(&[[-4.0, 8.0, 0.0]]).unwrap()).unwrap(), &LATER);
    let shares = model.scorer.contributions(&x[4]).unwrap();
    near(&[shares.iter().sum()], &[TRAINING[4]]);
}

fn near(scores: &[f64], expected: &[f64]) {
    for (score, expected) in scores.iter().zip(expected) {
        assert!((score - expected).abs() < 1e-9 * expected.abs(), "{scores:?} {expected:?}");
    }
}

#[test]
fn columns_that_depend_on_each_other_do_no_harm() {
    let rows: Vec<[f64; 3]> =
        (0..50).map(|at| f64::from(at * at % 17)).map(|x| [x, 2.0 * x + 1.0, -x]).collect();
    let model = Detector::new("PCA").unwrap().fit(&Table::from_rows(&rows).unwrap()).unwrap();
    assert!(model.training_scores().iter().all(|score| *score < 100.0));
}

#[test]
fn more_columns_than_rows() {
    let rows: Vec<Vec<f64>> = (0..4).map(|at| (0..1000).map(|c| f64::from(at * c % 7)).collect()).collect();
    let model = Detector::new("PCA").unwrap().fit(&Table::from_rows(&rows).unwrap()).unwrap();
    assert!(model.training_scores().iter().all(|score| score.is_finite()));
}

const TRAINING: [f64; 6] = [
    148.82005075055028,
    154.85886757765715,
    127.1087682096847,
    171.16499771551244,
    340.21589864344725,
    94.43227454720466,
];
const LATER: [f64; 1] = [860.0044448559177];
