use std::collections::VecDeque;

use crate::Error;

/// Adaptive windowing (Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing", 2007): a window
/// that grows while the mean stays and drops its older part when it does not. Memory grows with the logarithm of the
/// window.
#[derive(Debug, Clone)]
pub struct Adwin {
    delta: f64,
    /// Per level, buckets of 2^level values, the newest first.
    levels: Vec<VecDeque<Bucket>>,
    whole: Bucket,
    since: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

/// Buckets of a size, before two become one.
const MOST: usize = 5;
/// Values between two looks for a change.
const EVERY: u32 = 32;
/// The smallest part that is compared.
const LEAST: f64 = 5.0;
/// Levels: a window of 5 · 2^40 values is longer than any stream.
const LEVELS: usize = 40;

impl Bucket {
    fn with(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return Self::default();
        }
        let step = other.mean - self.mean;
        let squares = self.squares + other.squares + step * step * self.count * other.count / count;
        Self { count, mean: self.mean + step * other.count / count, squares }
    }

    fn without(self, other: Self) -> Self {
        let count = self.count - other.count;
        if count <= 0.0 {
            return Self::default();
        }
        let mean = self.mean + (self.mean - other.mean) * other.count / count;
        let step = other.mean - mean;
        let squares = self.squares - other.squares - step * step * count * other.count / self.count;
        Self { count, mean, squares: squares.max(0.0) }
    }
}

impl Adwin {
    /// `delta` in (0, 1) bounds the chance of a false alarm; usual is 0.002.
    ///
    /// # Errors
    /// `delta` out of its range.
    pub fn new(delta: f64) -> Result<Self, Error> {
        if !(delta > 0.0 && delta < 1.0) {
            return Err(Error::parameter("delta", delta, "a number between 0 and 1 is expected"));
        }
        Ok(Self { delta, levels: Vec::new(), whole: Bucket::default(), since: 0 })
    }

    /// Takes a value in; `true` when the mean has changed and the older part of the window was dropped.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn update(&mut self, value: f64) -> Result<bool, Error> {
        if !value.is_finite() {
            return Err(Error::Cell { row: 0, column: 0, name: "value".to_owned(), what: "not finite" });
        }
        let value = value.clamp(-1e100, 1e100);
        self.push(Bucket { count: 1.0, mean: value, squares: 0.0 });
        self.since += 1;
        if self.since < EVERY {
            return Ok(false);
        }
        self.since = 0;
        let mut changed = false;
        while self.whole.count >= 2.0 * LEAST && self.has_changed() {
            self.drop_oldest();
            changed = true;
        }
        Ok(changed)
    }

    /// The mean of the window; 0 of nothing.
    pub fn mean(&self) -> f64 {
        self.whole.mean
    }

    /// How many values the window has.
    pub fn len(&self) -> u64 {
        self.whole.count as u64
    }

    /// Whether no value has come yet.
    pub fn is_empty(&self) -> bool {
        self.whole.count == 0.0
    }

    fn push(&mut self, bucket: Bucket) {
        self.whole = self.whole.with(bucket);
        let mut carried = Some(bucket);
        for level in 0..LEVELS {
            let Some(bucket) = carried.take() else {
                return;
            };
            if self.levels.len() == level {
                self.levels.push(VecDeque::new());
            }
            self.levels[level].push_front(bucket);
            if self.levels[level].len() > MOST
                && let (Some(a), Some(b)) = (self.levels[level].pop_back(), self.levels[level].pop_back())
            {
                carried = Some(a.with(b));
            }
        }
    }

    fn drop_oldest(&mut self) {
        while let Some(last) = self.levels.last_mut() {
            if let Some(oldest) = last.pop_back() {
                self.whole = self.whole.without(oldest);
                return;
            }
            self.levels.pop();
        }
    }

    /// Whether some split of the window has means further apart than chance allows.
    fn has_changed(&self) -> bool {
        let variance = self.whole.squares / self.whole.count;
        let certainty = (2.0 * self.whole.count.ln() / self.delta).ln();
        let mut older = Bucket::default();
        for bucket in self.levels.iter().rev().flat_map(|level| level.iter().rev()) {
            older = older.with(*bucket);
            let newer = self.whole.without(older);
            if newer.count < LEAST {
                return false;
            }
            if older.count >= LEAST {
                let harmonic = 1.0 / (1.0 / older.count + 1.0 / newer.count);
                let limit = (2.0 / harmonic * variance * certainty).sqrt()
                    + 2.0 / (3.0 * harmonic) * certainty * scale(variance);
                if (older.mean - newer.mean).abs() > limit {
                    return true;
                }
            }
        }
        false
    }
}

/// The paper's bound is for values in [0, 1]; its second term is in their unit. Others are measured by their deviation.
fn scale(variance: f64) -> f64 {
    variance.sqrt().max(f64::MIN_POSITIVE)
}
