use super::candidates;
use crate::random::Random;
use crate::{Detector, Model, Table};

#[test]
fn the_shape_of_the_data_decides() {
    let names = |rows, columns| candidates(rows, columns).iter().map(|each| each.name).collect::<Vec<_>>();
    assert_eq!(names(1000, 10), ["IForest", "KNN", "MAD", "MCD"]);
    assert_eq!(names(100, 50), ["IForest", "KNN", "MAD", "ECOD"]);
    assert_eq!(names(1_000_000, 16), ["IForest", "INNE", "MAD", "MCD"]);
    assert_eq!(names(1_000_000, 1000), ["IForest", "INNE", "MAD", "ECOD"]);
}

/// Rows that only a view of the dependence between columns finds, and rows that only a view of single columns finds.
#[test]
fn different_kinds_of_anomalies_are_found_and_the_reasons_told() {
    let mut random = Random::new(6, 6);
    let mut rows: Vec<[f64; 2]> =
        (0..500).map(|_| (random.normal(), random.normal())).map(|(x, y)| [x, x + 0.05 * y]).collect();
    rows.push([1.5, -1.5]);
    rows.push([7.0, 7.0]);
    let table = Table::from_rows(&rows).unwrap();
    let model = Detector::new("auto").unwrap().fit(&table).unwrap();
    let scores = model.training_scores();
    let above = |score: f64| scores[..500].iter().filter(|each| **each > score).count();
    assert_eq!(above(scores[501]), 0);
    assert!(above(scores[500]) <= 5, "{}", above(scores[500]));
    assert_eq!(model.reasons().len(), 4);
    assert!(model.reasons()[0].starts_with("IForest: isolation"), "{:?}", model.reasons());
    let again = Model::from_bytes(&model.to_bytes()).unwrap();
    assert_eq!(again.reasons(), model.reasons());
}
