//! The samples of one series as a query needs them, and what lies in a window.

use std::collections::VecDeque;

/// Numbers at rising times.
#[derive(Debug, Default)]
pub(super) struct Curve {
    times: Vec<i64>,
    /// `width` numbers for each time.
    values: Vec<f64>,
    width: usize,
}

impl Curve {
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(super) fn push(&mut self, time: i64, row: impl IntoIterator<Item = f64>) {
        self.times.push(time);
        self.values.extend(row);
        self.values.resize(self.times.len() * self.width, 0.0);
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn row(&self, at: usize) -> &[f64] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    /// How many times are at or before `time`.
    pub(super) fn until(&self, time: i64) -> usize {
        self.times.partition_point(|other| *other <= time)
    }

    /// The number at exactly this time.
    pub(super) fn at(&self, time: i64) -> Option<f64> {
        self.times.binary_search(&time).ok().map(|at| self.first_number(at))
    }

    fn first_number(&self, at: usize) -> f64 {
        self.values[at * self.width]
    }
}

/// What a series grew by so far, at the ends of slots and after them at the times of samples.
///
/// What it grew by in a slot is spread evenly over it; what it grew by since the sample before belongs to a sample.
#[derive(Debug)]
pub(super) struct Growth {
    pub(super) curve: Curve,
    /// Whether it had grown by nothing before its first time here.
    pub(super) from_zero: bool,
    /// How many of its times are ends of slots.
    pub(super) slots: usize,
    /// How long a slot is, in milliseconds.
    pub(super) slot: i64,
    /// Samples that are further apart than this, in milliseconds, have a gap between them.
    pub(super) gap: i64,
}

impl Growth {
    /// What every column grew by in the window; false where nothing is known.
    pub(super) fn within(&self, start: i64, end: i64, out: &mut Vec<f64>) -> bool {
        let (first, after) = (self.curve.until(start), self.curve.until(end));
        out.clear();
        let begun = self.share(after, end);
        let unknown = after == 0 && !self.from_zero;
        if unknown || (first >= after && begun.is_none()) {
            return false;
        }
        let base = match first {
            0 if self.from_zero => None,
            0 => Some(0),
            _ if self.begins_in_gap(first) => Some(first),
            _ => Some(first - 1),
        };
        if begun.is_none() && base == Some(after - 1) {
            return false;
        }
        out.resize(self.curve.width, 0.0);
        self.add(after.checked_sub(1), 1.0, out);
        self.add(base, -1.0, out);
        if let Some(share) = begun {
            self.add_slot(after, share, out);
        }
        if let Some(share) = self.share(first, start) {
            self.add_slot(first, -share, out);
        }
        true
    }

    fn add(&self, at: Option<usize>, times: f64, out: &mut [f64]) {
        if let Some(at) = at {
            out.iter_mut().zip(self.curve.row(at)).for_each(|(out, so_far)| *out += times * so_far);
        }
    }

    /// Adds a share of what it grew by in the slot that ends at this index.
    fn add_slot(&self, at: usize, share: f64, out: &mut [f64]) {
        if at == 0 && !self.from_zero {
            return; // how much of it came in this slot is not known
        }
        self.add(Some(at), share, out);
        self.add(at.checked_sub(1), -share, out);
    }

    /// How much of the slot that ends at this index lies before `time`; none where that is no slot or has not begun.
    fn share(&self, at: usize, time: i64) -> Option<f64> {
        let end = *self.curve.times[..self.slots].get(at)?;
        let begin =
            at.checked_sub(1).map_or(i64::MIN, |before| self.curve.times[before]).max(end - self.slot);
        (time > begin).then(|| (time - begin) as f64 / (end - begin) as f64)
    }

    /// Whether the window begins in a gap: what was grown in it may have been grown before.
    fn begins_in_gap(&self, first: usize) -> bool {
        first > self.slots
            && self.curve.times.get(first).is_some_and(|time| time - self.curve.times[first - 1] > self.gap)
    }
}

/// The least or the greatest number of windows whose ends only move on.
#[derive(Debug)]
pub(super) struct Sliding<'a> {
    curve: &'a Curve,
    greatest: bool,
    next: usize,
    /// Indices of numbers that could still be it, the best first.
    candidates: VecDeque<usize>,
}

impl<'a> Sliding<'a> {
    pub(super) fn new(curve: &'a Curve, greatest: bool) -> Self {
        Self { curve, greatest, next: 0, candidates: VecDeque::new() }
    }

    pub(super) fn within(&mut self, start: i64, end: i64) -> Option<f64> {
        let (first, after) = (self.curve.until(start), self.curve.until(end));
        while self.next < after {
            let value = self.curve.first_number(self.next);
            let beaten = |other: usize| {
                let other = self.curve.first_number(other);
                if self.greatest { other <= value } else { other >= value }
            };
            while self.candidates.back().is_some_and(|other| beaten(*other)) {
                self.candidates.pop_back();
            }
            self.candidates.push_back(self.next);
            self.next += 1;
        }
        while self.candidates.front().is_some_and(|index| *index < first) {
            self.candidates.pop_front();
        }
        self.candidates.front().map(|index| self.curve.first_number(*index))
    }
}
