use super::tree::average_path;
use crate::{Detector, Table};

fn table() -> Table {
    let mut rows: Vec<[f64; 3]> =
        (0..300).map(|at| [f64::from(at % 17), f64::from(at % 13), f64::from(at % 7)]).collect();
    rows.push([60.0, -30.0, 20.0]);
    Table::from_rows(&rows).unwrap()
}

#[test]
fn average_paths_are_those_of_the_paper() {
    // sklearn.ensemble._iforest._average_path_length([1, 2, 5, 256])
    for (rows, expected) in [(1, 0.0), (2, 1.0), (5, 2.327_020_052_042_847), (256, 10.244_770_920_116_851)] {
        assert!((average_path(rows) - expected).abs() < 1e-9, "{rows}");
    }
}

#[test]
fn what_lies_apart_scores_highest() {
    let model = Detector::new("iforest").unwrap().fit(&table()).unwrap();
    let scores = model.training_scores();
    let most = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    assert_eq!(most, Some(300));
    assert!(scores.iter().all(|score| (-0.5..=0.5).contains(score)));
}

#[test]
fn a_seed_gives_the_same_bits_on_any_number_of_threads() {
    let fit = || Detector::new("iforest").unwrap().seed(5).fit(&table()).unwrap().training_scores().to_vec();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    assert_eq!(pool(1).install(fit), pool(4).install(fit));
    assert_ne!(fit(), Detector::new("iforest").unwrap().seed(6).fit(&table()).unwrap().training_scores());
}

#[test]
fn trees_can_be_given_less_of_the_data() {
    let detector = Detector::new("iforest").unwrap();
    let model =
        detector.set("max_features", 2).unwrap().set("max_samples", 0.5).unwrap().set("bootstrap", true);
    assert!(model.unwrap().fit(&table()).unwrap().training_scores()[300] > 0.1);
}
