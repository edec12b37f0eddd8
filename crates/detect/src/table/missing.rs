use serde::{Deserialize, Serialize};

use super::{Table, flatten};
use crate::{Error, statistics};

/// What becomes of a value that is not a number. An infinite one is refused always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// It is an error that names row and column.
    #[default]
    Refuse,
    /// The mean of the column's other values.
    Mean,
    /// The median of the column's other values.
    Median,
    /// Zero.
    Zero,
}

/// What stands in for missing values: found on the training rows, used on all later ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Imputer {
    fill: Option<Vec<f64>>,
    columns: usize,
}

impl Imputer {
    /// Learns what to fill in from training rows. A column that is missing altogether is filled with zero.
    ///
    /// # Errors
    /// No rows or rows of unequal length.
    pub fn fit<R: AsRef<[f64]>>(rows: &[R], missing: Missing) -> Result<Self, Error> {
        let (columns, values) = flatten(rows)?;
        let column = |column: usize| -> Vec<f64> {
            values.iter().skip(column).step_by(columns).copied().filter(|value| value.is_finite()).collect()
        };
        let fill = match missing {
            Missing::Refuse => None,
            Missing::Zero => Some(vec![0.0; columns]),
            Missing::Mean => Some((0..columns).map(|at| statistics::mean(&column(at))).collect()),
            Missing::Median => Some((0..columns).map(|at| statistics::median(&mut column(at))).collect()),
        };
        Ok(Self { fill, columns })
    }

    /// A table of these rows, with what is missing filled in.
    ///
    /// # Errors
    /// As [`Table::from_rows`]; another number of columns than the training rows had.
    pub fn table<R: AsRef<[f64]>>(&self, rows: &[R]) -> Result<Table, Error> {
        let (columns, mut values) = flatten(rows)?;
        if columns != self.columns {
            return Err(Error::Columns { expected: self.columns, got: columns });
        }
        if let Some(fill) = &self.fill {
            for (value, fill) in values.iter_mut().zip(fill.iter().cycle()) {
                if value.is_nan() {
                    *value = *fill;
                }
            }
        }
        Table::new(columns, values)
    }
}
