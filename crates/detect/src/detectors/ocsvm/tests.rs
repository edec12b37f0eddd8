use crate::{Detector, Table};

const ROWS: [[f64; 2]; 7] =
    [[0.0, 1.0], [1.0, 1.5], [1.2, 2.0], [2.5, 2.25], [10.0, 0.0], [3.0, 1.0], [0.5, 0.25]];

#[test]
fn scores_are_those_of_pyod() {
    // pyod.models.ocsvm.OCSVM(kernel=…, tol=1e-9).fit(X).decision_scores_, PyOD 3.6.7.
    for (kernel, gamma, expected) in [("rbf", 0.5, RBF), ("linear", 0.5, LINEAR), ("poly", 0.1, POLY)] {
        let detector =
            Detector::new("OCSVM").unwrap().set("kernel", kernel).unwrap().set("tol", 1e-6).unwrap();
        let table = Table::from_rows(&ROWS).unwrap();
        let model = detector.set("gamma", gamma).unwrap().fit(&table).unwrap();
        let later = model.score(&table).unwrap();
        for ((score, later), expected) in model.training_scores().iter().zip(later).zip(expected) {
            assert!(
                (score - expected).abs() < 1e-4 * (1.0 + f64::abs(expected)),
                "{kernel}: {score} {expected}"
            );
            assert!((score - later).abs() < 1e-4 * (1.0 + f64::abs(expected)), "{kernel}: {score} {later}");
        }
    }
}

const RBF: [f64; 7] = [
    -1.9430049791324677e-09,
    -0.09111328424472187,
    3.378364366035669e-09,
    3.0898785752242475e-09,
    -9.204437212417815e-11,
    -3.4120517522495675e-09,
    -9.616763940734074e-09,
];
const LINEAR: [f64; 7] = [
    6.269999861717224,
    2.2949998617172245,
    -1.382827754525806e-07,
    -3.667500138282776,
    -10.980000138282776,
    -0.03000013828277659,
    8.032499861717223,
];
const POLY: [f64; 7] = [
    0.1555229652514681,
    0.08849654337646809,
    -1.7485318470900069e-09,
    -0.26714817732665697,
    -1.8250864097485322,
    -0.02137878474853186,
    0.1625320257983431,
];
