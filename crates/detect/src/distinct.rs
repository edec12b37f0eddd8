//! Rows that occur more than once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use crate::table::Rows;

/// The different rows of a table, and which of them each row is.
pub(crate) struct Distinct {
    values: Vec<f64>,
    which: Vec<u32>,
}

impl Distinct {
    /// `None` where no row occurs twice.
    pub(crate) fn find(rows: Rows<'_>) -> Option<Self> {
        let mut first: HashMap<u64, Vec<u32>> = HashMap::with_capacity(rows.len());
        let mut kept: Vec<u32> = Vec::with_capacity(rows.len());
        let mut which = Vec::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            let same = first.entry(hash(row)).or_default();
            let known = same.iter().find(|place| rows.row(kept[**place as usize] as usize) == row).copied();
            which.push(known.unwrap_or_else(|| {
                same.push(kept.len() as u32);
                kept.push(at as u32);
                kept.len() as u32 - 1
            }));
        }
        if kept.len() == rows.len() {
            return None;
        }
        let values = kept.iter().flat_map(|row| rows.row(*row as usize)).copied().collect();
        Some(Self { values, which })
    }

    pub(crate) fn rows(&self, columns: usize) -> Rows<'_> {
        Rows { values: &self.values, columns }
    }

    /// From one number per different row to one per row.
    pub(crate) fn spread(&self, scores: &[f64]) -> Vec<f64> {
        self.which.iter().map(|at| scores[*at as usize]).collect()
    }
}

fn hash(row: &[f64]) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Adding zero makes both zeros one.
    row.iter().for_each(|value| hasher.write_u64((value + 0.0).to_bits()));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::Distinct;
    use crate::table::Rows;

    #[test]
    fn equal_rows_are_one() {
        let rows = Rows { values: &[1.0, 2.0, 0.0, 3.0, 1.0, 2.0, -0.0, 3.0], columns: 2 };
        let distinct = Distinct::find(rows).unwrap();
        assert_eq!(distinct.rows(2).values, [1.0, 2.0, 0.0, 3.0]);
        assert_eq!(distinct.spread(&[7.0, 8.0]), [7.0, 8.0, 7.0, 8.0]);
        assert!(Distinct::find(Rows { values: &[1.0, 2.0], columns: 1 }).is_none());
    }
}
