use std::collections::{BTreeSet, VecDeque};

/// Who holds a place, who waits for one, in what order — without a lock, a clock or a waker of its own.
#[derive(Debug)]
pub struct Machine {
    max_concurrent: usize,
    max_queued: usize,
    /// Places taken, those granted to a waiter that has not noticed yet among them.
    taken: usize,
    queue: VecDeque<WaiterId>,
    granted: BTreeSet<WaiterId>,
    next: u64,
}

/// Names a waiting call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(u64);

/// What became of a call that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It has a place.
    Entered,
    /// It waits.
    Queued(WaiterId),
    /// There is no place, not even to wait.
    Refused,
}

impl Machine {
    /// All places free. A maximum of 0 is read as 1: a bulkhead that lets nothing through is a mistake.
    pub fn new(max_concurrent: usize, max_queued: usize) -> Self {
        Self {
            max_concurrent: max_concurrent.max(1),
            max_queued,
            taken: 0,
            queue: VecDeque::new(),
            granted: BTreeSet::new(),
            next: 0,
        }
    }

    /// A call arrives. It never overtakes one that waits: while one does, every place is taken, because a place that
    /// is left goes straight to the first waiter.
    pub fn arrive(&mut self) -> Arrival {
        if self.taken < self.max_concurrent {
            self.taken += 1;
            return Arrival::Entered;
        }
        if self.queue.len() >= self.max_queued {
            return Arrival::Refused;
        }
        let id = WaiterId(self.next);
        self.next += 1;
        self.queue.push_back(id);
        Arrival::Queued(id)
    }

    /// A call leaves its place. The place goes straight to the first waiter, who must be woken.
    pub fn leave(&mut self) -> Option<WaiterId> {
        match self.queue.pop_front() {
            Some(id) => {
                self.granted.insert(id);
                Some(id)
            }
            None => {
                self.taken = self.taken.saturating_sub(1);
                None
            }
        }
    }

    /// Whether a waiter's turn has come; if so, the place is its own from now on.
    pub fn claim(&mut self, id: WaiterId) -> bool {
        self.granted.remove(&id)
    }

    /// A waiter goes away. Where its turn had come unnoticed, the place goes to the next, who must be woken.
    pub fn abandon(&mut self, id: WaiterId) -> Option<WaiterId> {
        if self.granted.remove(&id) {
            return self.leave();
        }
        self.queue.retain(|waiting| *waiting != id);
        None
    }

    /// How many places are taken.
    pub const fn taken(&self) -> usize {
        self.taken
    }

    /// How many calls wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }
}
