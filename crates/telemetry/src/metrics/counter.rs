use super::cells::Cells;
use super::slot::Slot;
use std::sync::Arc;

/// A number that only grows. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct Counter(Arc<Cells>);

impl Counter {
    /// A counter outside any registry: it counts, and nobody scrapes it.
    pub fn new() -> Self {
        Self(Arc::new(Cells::new(1)))
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `by`.
    #[inline]
    pub fn add(&self, by: u64) {
        self.0.add(Slot::current(), 0, by);
    }

    /// The count so far, over all threads.
    pub fn value(&self) -> u64 {
        self.0.sum(0)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Counter({})", self.value())
    }
}
