use super::cells::Cells;
use super::slot::Slot;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that goes up and down. Cloning is cheap and shares it.
///
/// `inc` and `dec` are as cheap as a counter's, and may come from different threads. `set` is for the rare value that
/// is known as a whole; an `inc` that races with it is not lost.
#[derive(Clone)]
pub struct Gauge(Arc<Inner>);

struct Inner {
    /// What was set, as the bits of an `f64`, less the steps that had been made by then.
    base: AtomicU64,
    /// Steps up and down, wrapping.
    steps: Cells,
}

impl Gauge {
    /// A gauge outside any registry.
    pub fn new() -> Self {
        Self(Arc::new(Inner { base: AtomicU64::new(0f64.to_bits()), steps: Cells::new(1) }))
    }

    /// Makes it `value`.
    pub fn set(&self, value: f64) {
        self.0.base.store((value - self.steps()).to_bits(), Ordering::Relaxed);
    }

    /// One up.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// One down.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// `by` up, or down where it is negative.
    #[inline]
    pub fn add(&self, by: i64) {
        self.0.steps.add(Slot::current(), 0, by.cast_unsigned());
    }

    /// The value now.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.base.load(Ordering::Relaxed)) + self.steps()
    }

    fn steps(&self) -> f64 {
        self.0.steps.sum(0).cast_signed() as f64
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gauge({})", self.value())
    }
}
