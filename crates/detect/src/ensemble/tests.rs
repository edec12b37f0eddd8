use super::Combination;
use crate::{Detector, Error, Table};

#[test]
fn combinations_by_hand() {
    let of = |name: &str, members: &[f64]| {
        Combination::of(name, vec![1.0, 3.0, 0.0, 0.0], 2).apply(&mut members.to_vec())
    };
    assert_eq!(of("average", &[1.0, 2.0, 3.0, 6.0]), 3.0);
    assert_eq!(of("median", &[1.0, 2.0, 3.0, 6.0]), 2.5);
    assert_eq!(of("max", &[1.0, 2.0, 3.0, 6.0]), 6.0);
    // Groups are (1, 3) and (2, 6).
    assert_eq!(of("aom", &[1.0, 2.0, 3.0, 6.0]), 4.5);
    assert_eq!(of("moa", &[1.0, 2.0, 3.0, 6.0]), 4.0);
    assert_eq!(of("weighted", &[1.0, 2.0, 3.0, 6.0]), 1.75);
    for (votes, expected) in [([1.0, 1.0, 0.0], [true, false, true]), ([1.0, 0.0, 0.0], [false, false, true])]
    {
        let found = ["majority", "unanimous", "any"].map(|name| of(name, &votes) > 0.5);
        assert_eq!(found, expected);
    }
}

#[test]
fn an_ensemble_finds_what_its_members_find() {
    let mut rows: Vec<[f64; 2]> = (0..100).map(|at| [f64::from(at % 10), f64::from(at / 10)]).collect();
    rows.push([50.0, 50.0]);
    let table = Table::from_rows(&rows).unwrap();
    for method in Combination::NAMES {
        for scale in ["rank", "tail", "z"] {
            let detector = Detector::new("ensemble").unwrap().set("method", *method).unwrap();
            let detector = detector.set("scale", scale).unwrap().set("contamination", 0.01).unwrap();
            let model = detector.fit(&table).unwrap();
            let scores = model.score(&table).unwrap();
            assert!(scores[..100].iter().all(|score| *score < scores[100]), "{method} {scale}");
        }
    }
}

#[test]
fn what_cannot_be_a_member_is_said() {
    let table = Table::from_rows(&[[1.0], [2.0], [3.0]]).unwrap();
    let fit =
        |name: &str, value: &str| Detector::new("ensemble").unwrap().set(name, value).unwrap().fit(&table);
    assert!(matches!(fit("members", "auto"), Err(Error::Parameter { .. })));
    assert!(matches!(fit("members", " , "), Err(Error::Parameter { .. })));
    assert!(matches!(fit("members", "KNM"), Err(Error::UnknownAlgorithm { .. })));
    assert!(matches!(fit("weights", "1,2"), Err(Error::Parameter { .. })));
    assert!(matches!(fit("weights", "1,2,nan"), Err(Error::Parameter { .. })));
}
