use super::Method;
use crate::algorithm::ALGORITHMS;
use crate::random::Random;
use crate::{Detector, Table};

/// Normal in all columns, but for the last row, which is far out in column 1.
fn table() -> Table {
    let mut random = Random::new(8, 8);
    let mut values: Vec<f64> = (0..300 * 4).map(|_| random.normal()).collect();
    values.extend([0.1, 9.0, -0.2, 0.3]);
    Table::new(4, values).unwrap()
}

#[test]
fn every_detector_names_the_column_that_is_to_blame() {
    let table = table();
    for algorithm in ALGORITHMS {
        let model = Detector::new(algorithm.name).unwrap().contamination(0.01).unwrap().fit(&table).unwrap();
        let why = model.explain(&table, 300, &table, 1).unwrap();
        assert_eq!(why.top(1), [1], "{}: {why:?}", algorithm.name);
        let sum = why.base + why.contributions.iter().sum::<f64>();
        let slack = if why.method == Method::Exact { 1e-9 } else { 1e-6 };
        assert!(
            (sum - why.score).abs() <= slack * (1.0 + why.score.abs()),
            "{}: {sum} {why:?}",
            algorithm.name
        );
    }
}

#[test]
fn a_normal_row_is_found_by_changing_that_column_alone() {
    let table = table();
    for name in ["IForest", "KNN", "MCD", "auto"] {
        let model = Detector::new(name).unwrap().contamination(0.1).unwrap().fit(&table).unwrap();
        let found = model.counterfactual(&table, 300, &table).unwrap().unwrap();
        assert!(found.score <= model.cut(), "{name}");
        assert!(found.changed.contains(&1) && found.row[1].abs() < 4.0, "{name}: {found:?}");
    }
    let model = Detector::new("KNN").unwrap().fit(&table).unwrap();
    let normal = (0..300).find(|row| model.training_scores()[*row] < model.cut()).unwrap();
    assert_eq!(model.counterfactual(&table, normal, &table), Ok(None));
    assert!(model.counterfactual(&table, 999, &table).is_err());
    assert!(model.explain(&table, 999, &table, 0).is_err());
}

#[test]
fn importance_is_shared_out() {
    let rows: Vec<[f64; 3]> = (0..200)
        .map(|at| [f64::from(at % 7), 1.0, if at % 40 == 0 { 50.0 } else { f64::from(at % 5) }])
        .collect();
    let table = Table::from_rows(&rows).unwrap();
    for name in ["MAD", "KNN"] {
        let model = Detector::new(name).unwrap().fit(&table).unwrap();
        let importance = model.importance(&table, 50, 3).unwrap();
        assert!((importance.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(importance[1] < 0.01, "{name}: {importance:?}");
    }
}
