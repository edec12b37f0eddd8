use proptest::prelude::*;

use super::{Metric, Neighbours};
use crate::table::Rows;

fn slowly(rows: Rows<'_>, point: &[f64], but: Option<usize>, k: usize, metric: Metric) -> Vec<f64> {
    let far = |row: &[f64]| {
        let sum = row.iter().zip(point).fold(0.0, |sum, (a, b)| metric.add(sum, metric.one(a - b)));
        metric.finish(sum)
    };
    let all = rows.iter().enumerate().filter(|(at, _)| Some(*at) != but);
    let mut distances: Vec<f64> = all.map(|(_, row)| far(row)).collect();
    distances.sort_unstable_by(f64::total_cmp);
    distances.truncate(k);
    distances
}

fn check(values: &[f64], columns: usize, k: usize, metric: Metric) {
    let rows = Rows { values, columns };
    let tree = Neighbours::new(rows, metric);
    let near = |found: &[f64], expected: &[f64]| {
        assert_eq!(found.len(), expected.len());
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (1.0 + b);
        assert!(found.iter().zip(expected).all(close), "{found:?} {expected:?}");
    };
    for (at, found) in tree.of_each(k, |nearest| nearest.distances().to_vec()).iter().enumerate() {
        near(found, &slowly(rows, rows.row(at), Some(at), k, metric));
    }
    for (at, found) in tree.query(rows, k, |nearest| nearest.distances().to_vec()).iter().enumerate() {
        near(found, &slowly(rows, rows.row(at), None, k, metric));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn finds_what_looking_at_all_rows_finds(
        columns in prop_oneof![1_usize..6, 16_usize..24],
        count in 2_usize..120,
        k in 1_usize..9,
        seed in any::<u64>(),
        grid in any::<bool>(),
        metric in prop_oneof![Just(2.0), Just(1.0), Just(1e3), Just(3.0)],
    ) {
        let mut random = crate::random::Random::new(seed, 0);
        let mut value = || if grid { random.below(4) as f64 } else { random.normal() };
        let values: Vec<f64> = (0..count * columns).map(|_| value()).collect();
        check(&values, columns, k.min(count - 1), Metric::of(metric));
    }
}
