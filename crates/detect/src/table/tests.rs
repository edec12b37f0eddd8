use super::{Imputer, Missing, Table};
use crate::Error;

#[test]
fn what_cannot_be_used_is_named() {
    assert_eq!(Table::new(0, vec![]), Err(Error::Empty("columns")));
    assert_eq!(Table::new(2, vec![]), Err(Error::Empty("rows")));
    assert_eq!(Table::new(2, vec![1.0; 5]), Err(Error::Ragged { row: 2, got: 1, expected: 2 }));
    let ragged = Table::from_rows(&[vec![1.0, 2.0], vec![1.0]]);
    assert_eq!(ragged, Err(Error::Ragged { row: 1, got: 1, expected: 2 }));
    let error = Table::new(2, vec![1.0, 2.0, 3.0, f64::NAN]).unwrap_err();
    assert_eq!(error.to_string(), "row 1, column 1 (f1): not a number");
    let error = Table::new(2, vec![1.0, 2.0, f64::NEG_INFINITY, 0.0]).unwrap_err();
    assert_eq!(error.to_string(), "row 1, column 0 (f0): infinite");
    assert!(matches!(Table::new(1 << 21, vec![0.0; 1 << 21]), Err(Error::TooLarge { .. })));
    assert!(Table::new(1, vec![1.0]).unwrap().with_names(vec![]).is_err());
}

#[test]
fn missing_values_are_filled_from_the_training_rows_only() {
    let training = [vec![1.0, f64::NAN], vec![2.0, 5.0], vec![9.0, 7.0]];
    let later = [vec![f64::NAN, f64::NAN]];
    let filled = |missing| Imputer::fit(&training, missing).unwrap().table(&later);
    assert_eq!(filled(Missing::Mean).unwrap().values(), &[4.0, 6.0]);
    assert_eq!(filled(Missing::Median).unwrap().values(), &[2.0, 6.0]);
    assert_eq!(filled(Missing::Zero).unwrap().values(), &[0.0, 0.0]);
    assert!(matches!(filled(Missing::Refuse), Err(Error::Cell { row: 0, column: 0, .. })));
    let infinite = Imputer::fit(&training, Missing::Mean).unwrap().table(&[vec![f64::INFINITY, 0.0]]);
    assert!(matches!(infinite, Err(Error::Cell { what: "infinite", .. })));
    assert!(Imputer::fit(&training, Missing::Mean).unwrap().table(&[vec![1.0]]).is_err());
}
