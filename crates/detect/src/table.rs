//! Rows of numbers with named columns, checked once.

use std::borrow::Cow;

use crate::Error;

mod missing;
#[cfg(test)]
mod tests;

pub use missing::{Imputer, Missing};

/// At most this many columns.
pub const MOST_COLUMNS: usize = 1 << 20;

/// Finite numbers, row by row. What is in a table needs no further check.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    values: Vec<f64>,
    columns: usize,
    names: Option<Vec<String>>,
}

impl Table {
    /// A table of `columns` columns from values that lie row by row.
    ///
    /// # Errors
    /// No rows, no columns, too many columns, a last row that is not full, or a value that is not finite.
    pub fn new(columns: usize, values: Vec<f64>) -> Result<Self, Error> {
        if columns == 0 {
            return Err(Error::Empty("columns"));
        }
        if columns > MOST_COLUMNS {
            return Err(Error::TooLarge { what: "columns".to_owned(), most: MOST_COLUMNS, got: columns });
        }
        if values.is_empty() {
            return Err(Error::Empty("rows"));
        }
        if !values.len().is_multiple_of(columns) {
            let (row, got) = (values.len() / columns, values.len() % columns);
            return Err(Error::Ragged { row, got, expected: columns });
        }
        let table = Self { values, columns, names: None };
        table.check()?;
        Ok(table)
    }

    /// A table from rows of equal length.
    ///
    /// # Errors
    /// As [`Table::new`], and rows of unequal length.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self, Error> {
        let (columns, values) = flatten(rows)?;
        Self::new(columns, values)
    }

    /// Gives the columns names.
    ///
    /// # Errors
    /// Another number of names than of columns.
    pub fn with_names(mut self, names: Vec<String>) -> Result<Self, Error> {
        if names.len() != self.columns {
            return Err(Error::Columns { expected: self.columns, got: names.len() });
        }
        self.names = Some(names);
        Ok(self)
    }

    /// How many rows; at least one.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// How many columns; at least one.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row, as slices do.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The name of a column: its own, or `f` and its number.
    pub fn name(&self, column: usize) -> Cow<'_, str> {
        match &self.names {
            Some(names) if column < names.len() => Cow::Borrowed(&names[column]),
            _ => Cow::Owned(format!("f{column}")),
        }
    }

    /// The names that were given.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    pub(crate) fn view(&self) -> Rows<'_> {
        Rows { values: &self.values, columns: self.columns }
    }

    fn check(&self) -> Result<(), Error> {
        let fine = |values: &[f64]| values.iter().fold(true, |fine, value| fine & value.is_finite());
        if self.values.chunks(4096).all(fine) {
            return Ok(());
        }
        let at = self.values.iter().position(|value| !value.is_finite()).unwrap_or_default();
        let what = if self.values[at].is_nan() { "not a number" } else { "infinite" };
        let (row, column) = (at / self.columns, at % self.columns);
        Err(Error::Cell { row, column, name: self.name(column).into_owned(), what })
    }
}

fn flatten<R: AsRef<[f64]>>(rows: &[R]) -> Result<(usize, Vec<f64>), Error> {
    let expected = rows.first().ok_or(Error::Empty("rows"))?.as_ref().len();
    let mut values = Vec::with_capacity(rows.len() * expected);
    for (row, cells) in rows.iter().map(AsRef::as_ref).enumerate() {
        if cells.len() != expected {
            return Err(Error::Ragged { row, got: cells.len(), expected });
        }
        values.extend_from_slice(cells);
    }
    Ok((expected, values))
}

/// A look at rows that lie elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) columns: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.columns
    }

    pub(crate) fn row(&self, row: usize) -> &'a [f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub(crate) fn iter(&self) -> std::slice::ChunksExact<'a, f64> {
        self.values.chunks_exact(self.columns)
    }

    pub(crate) fn column(&self, column: usize) -> impl ExactSizeIterator<Item = f64> + Clone + 'a {
        self.values[column..].iter().step_by(self.columns).copied()
    }
}
