//! A row of numbers per slot, each row on cache lines of its own.

use super::slot::{self, Slot};
use std::sync::atomic::{AtomicU64, Ordering};

const PER_LINE: usize = 16;

/// Two cache lines: processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Line([AtomicU64; PER_LINE]);

/// `width` numbers in every slot.
pub(super) struct Cells {
    lines: Box<[Line]>,
    lines_per_slot: usize,
}

impl Cells {
    pub(super) fn new(width: usize) -> Self {
        let lines_per_slot = width.div_ceil(PER_LINE);
        let lines = (0..slot::count() * lines_per_slot).map(|_| Line::default()).collect();
        Self { lines, lines_per_slot }
    }

    /// Adds to number `column` in the calling thread's slot.
    #[inline]
    pub(super) fn add(&self, slot: Slot, column: usize, by: u64) {
        slot.add(self.cell(slot.index(), column), by);
    }

    /// Number `column` summed over all slots.
    pub(super) fn sum(&self, column: usize) -> u64 {
        (0..slot::count())
            .map(|slot| self.cell(slot, column).load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }

    #[inline]
    fn cell(&self, slot: usize, column: usize) -> &AtomicU64 {
        &self.lines[slot * self.lines_per_slot + column / PER_LINE].0[column % PER_LINE]
    }
}
