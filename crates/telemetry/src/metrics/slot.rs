//! Which cache line a thread writes to.
//!
//! Each thread that records takes a slot of its own while there are any. As the only writer it can load, add and
//! store; a locked instruction would cost five times as much. Threads that come too late share slot 0 and pay for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The slot of a thread. Slot 0 is everybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(usize);

const SHARED: Slot = Slot(0);

impl Slot {
    /// The calling thread's.
    #[inline]
    pub(crate) fn current() -> Self {
        // a thread that is being torn down has given its slot back already
        OWNED.try_with(|owned| owned.0).unwrap_or(SHARED)
    }

    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// Adds to a cell that belongs to this slot.
    #[inline]
    pub(super) fn add(self, cell: &AtomicU64, by: u64) {
        if self == SHARED {
            cell.fetch_add(by, Ordering::Relaxed);
        } else {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
        }
    }
}

/// How many slots there are, the shared one included.
pub(crate) fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    // a worker per core, and a few for the threads around them
    *COUNT.get_or_init(|| 4 + std::thread::available_parallelism().map_or(4, |cores| cores.get().min(60)))
}

struct Owned(Slot);

thread_local! {
    static OWNED: Owned = Owned::take();
}

// handing a slot on under this lock is what lets the next owner see the last owner's additions
static FREE: Mutex<Option<Vec<Slot>>> = Mutex::new(None);

impl Owned {
    fn take() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let free = free.get_or_insert_with(|| (1..count()).map(Slot).collect());
        Self(free.pop().unwrap_or(SHARED))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.0 != SHARED {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            free.get_or_insert_with(Vec::new).push(self.0);
        }
    }
}
