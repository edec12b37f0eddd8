use super::{Stream, between, within};
use crate::Error;
use crate::table::MOST_COLUMNS;

/// Rows that must have been seen before scores mean anything.
const WARM: usize = 10;
/// A score is no greater.
const MOST: f64 = 1e100;

/// Distance from the mean in standard deviations, both of all rows so far (Welford 1962); of the most unusual column.
#[derive(Debug, Clone)]
pub struct ZScore {
    seen: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl ZScore {
    /// For rows of so many columns.
    ///
    /// # Errors
    /// No columns or too many.
    pub fn new(columns: usize) -> Result<Self, Error> {
        let columns = within("columns", columns, 1, MOST_COLUMNS)?;
        Ok(Self { seen: 0, mean: vec![0.0; columns], squares: vec![0.0; columns] })
    }
}

/// A distance in units of a deviation that may be zero: then any distance is far.
fn over(distance: f64, deviation: f64) -> f64 {
    match (distance == 0.0, deviation.is_normal()) {
        (true, _) => 0.0,
        (_, true) => (distance / deviation).min(MOST),
        (_, false) => MOST,
    }
}

/// Values beyond this count as this, so that their squares stay finite.
fn bounded(value: f64) -> f64 {
    value.clamp(-1e140, 1e140)
}

impl Stream for ZScore {
    fn columns(&self) -> usize {
        self.mean.len()
    }

    fn score(&self, row: &[f64]) -> f64 {
        if self.seen < WARM {
            return 0.0;
        }
        let each = row.iter().zip(&self.mean).zip(&self.squares).map(|((value, mean), squares)| {
            over((bounded(*value) - mean).abs(), (squares / (self.seen - 1) as f64).sqrt())
        });
        each.fold(0.0, f64::max)
    }

    fn learn(&mut self, row: &[f64]) {
        self.seen += 1;
        for ((value, mean), squares) in row.iter().zip(&mut self.mean).zip(&mut self.squares) {
            let before = bounded(*value) - *mean;
            *mean += before / self.seen as f64;
            *squares += before * (bounded(*value) - *mean);
        }
    }
}

/// Distance from an exponentially weighted mean in deviations weighted alike (Roberts 1959; the variance by Finch
/// 2009); of the most unusual column. Follows slow change.
#[derive(Debug, Clone)]
pub struct Ewma {
    alpha: f64,
    seen: usize,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Ewma {
    /// For rows of so many columns; `alpha` in (0, 1) is the weight of the newest row.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(columns: usize, alpha: f64) -> Result<Self, Error> {
        let columns = within("columns", columns, 1, MOST_COLUMNS)?;
        let alpha = between("alpha", alpha, 0.0, 1.0)?;
        Ok(Self { alpha, seen: 0, mean: vec![0.0; columns], variance: vec![0.0; columns] })
    }
}

impl Stream for Ewma {
    fn columns(&self) -> usize {
        self.mean.len()
    }

    fn score(&self, row: &[f64]) -> f64 {
        if self.seen < WARM {
            return 0.0;
        }
        let each = row.iter().zip(&self.mean).zip(&self.variance);
        each.map(|((value, mean), variance)| over((bounded(*value) - mean).abs(), variance.sqrt()))
            .fold(0.0, f64::max)
    }

    fn learn(&mut self, row: &[f64]) {
        self.seen += 1;
        // The first rows weigh alike, so that the very first does not weigh for ever.
        let alpha = self.alpha.max(1.0 / self.seen as f64);
        for ((value, mean), variance) in row.iter().zip(&mut self.mean).zip(&mut self.variance) {
            let step = bounded(*value) - *mean;
            *mean += alpha * step;
            *variance = (1.0 - alpha) * (*variance + alpha * step * step);
        }
    }
}

/// How far outside the middle part of the last rows a value is, in widths of that part; of the most unusual column.
#[derive(Debug, Clone)]
pub struct WindowQuantile {
    window: usize,
    tail: f64,
    /// Per column: the last values in order of arrival, and sorted.
    columns: Vec<(std::collections::VecDeque<f64>, Vec<f64>)>,
}

impl WindowQuantile {
    /// For rows of so many columns; a window of 10–100,000 rows; `tail` in (0, 0.5) is the share left out at each end.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(columns: usize, window: usize, tail: f64) -> Result<Self, Error> {
        let columns = within("columns", columns, 1, MOST_COLUMNS)?;
        let window = within("window", window, WARM, 100_000)?;
        let tail = between("tail", tail, 0.0, 0.5)?;
        Ok(Self { window, tail, columns: vec![Default::default(); columns] })
    }
}

impl Stream for WindowQuantile {
    fn columns(&self) -> usize {
        self.columns.len()
    }

    fn score(&self, row: &[f64]) -> f64 {
        let each = self.columns.iter().zip(row).map(|((arrived, sorted), value)| {
            if arrived.len() < WARM {
                return 0.0;
            }
            let low = crate::statistics::quantile_sorted(sorted, self.tail);
            let high = crate::statistics::quantile_sorted(sorted, 1.0 - self.tail);
            over((low - bounded(*value)).max(bounded(*value) - high).max(0.0), high - low)
        });
        each.fold(0.0, f64::max)
    }

    fn learn(&mut self, row: &[f64]) {
        for ((arrived, sorted), value) in self.columns.iter_mut().zip(row) {
            let value = bounded(*value) + 0.0;
            if arrived.len() == self.window
                && let Some(oldest) = arrived.pop_front()
            {
                sorted.remove(sorted.partition_point(|each| *each < oldest));
            }
            arrived.push_back(value);
            sorted.insert(sorted.partition_point(|each| *each < value), value);
        }
    }
}
