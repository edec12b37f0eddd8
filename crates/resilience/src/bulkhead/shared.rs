use super::{Arrival, Machine, Settings, WaiterId};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use crate::lock::lock;
use crate::rejection::{Full, Rejection};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::Waker;

/// One bulkhead, shared by every call it guards.
#[derive(Debug)]
pub struct Bulkhead {
    settings: Settings,
    waiting: Mutex<Waiting>,
    entered: Counter,
    queued: Counter,
    queue_full: Counter,
    waited_too_long: Counter,
    cancelled: Counter,
}

#[derive(Debug)]
struct Waiting {
    machine: Machine,
    wakers: HashMap<WaiterId, Waker>,
}

/// A place in a bulkhead, given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<Bulkhead>);

/// A place in the queue, given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    bulkhead: Arc<Bulkhead>,
    id: Option<WaiterId>,
}

pub(super) enum Entrance {
    Entered(Place),
    Queued(Turn),
}

impl Bulkhead {
    /// A bulkhead with every place free.
    pub fn new(settings: Settings) -> Self {
        let machine = Machine::new(settings.max_concurrent, settings.max_queued);
        Self {
            settings,
            waiting: Mutex::new(Waiting { machine, wakers: HashMap::new() }),
            entered: Counter::default(),
            queued: Counter::default(),
            queue_full: Counter::default(),
            waited_too_long: Counter::default(),
            cancelled: Counter::default(),
        }
    }

    /// What it is set to.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many calls are under way.
    pub fn in_flight(&self) -> usize {
        lock(&self.waiting).machine.taken()
    }

    /// A place, where one is free right now; does not wait.
    pub fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let mut waiting = lock(&self.waiting);
        match waiting.machine.arrive() {
            Arrival::Entered => {
                self.entered.add();
                Some(Place(Arc::clone(self)))
            }
            Arrival::Queued(id) => {
                waiting.machine.abandon(id);
                None
            }
            Arrival::Refused => None,
        }
    }

    pub(super) fn enter(self: &Arc<Self>) -> Result<Entrance, Rejection> {
        // the guard ends with the statement: nothing below may run under the lock
        let arrival = lock(&self.waiting).machine.arrive();
        match arrival {
            Arrival::Entered => {
                self.entered.add();
                Ok(Entrance::Entered(Place(Arc::clone(self))))
            }
            Arrival::Queued(id) => {
                self.queued.add();
                Ok(Entrance::Queued(Turn { bulkhead: Arc::clone(self), id: Some(id) }))
            }
            Arrival::Refused => {
                self.queue_full.add();
                Err(self.full(Full::Queue))
            }
        }
    }

    fn full(&self, full: Full) -> Rejection {
        Rejection::BulkheadFull { limit: self.settings.max_concurrent, full }
    }

    fn pass_on(&self, step: impl FnOnce(&mut Machine) -> Option<WaiterId>) {
        let woken = {
            let mut waiting = lock(&self.waiting);
            let next = step(&mut waiting.machine);
            next.and_then(|id| waiting.wakers.remove(&id))
        };
        // outside the lock: a waker may run the waiter at once
        if let Some(waker) = woken {
            waker.wake();
        }
    }
}

impl Turn {
    /// The place, once the turn has come; before that, `waker` is woken when it does.
    pub(super) fn poll_claim(&mut self, waker: &Waker) -> Option<Place> {
        let id = self.id?;
        {
            let mut waiting = lock(&self.bulkhead.waiting);
            if !waiting.machine.claim(id) {
                waiting.wakers.insert(id, waker.clone());
                return None;
            }
        }
        self.id = None;
        self.bulkhead.entered.add();
        Some(Place(Arc::clone(&self.bulkhead)))
    }

    /// Gives up after the longest wait.
    pub(super) fn give_up(&mut self) -> Rejection {
        self.bulkhead.waited_too_long.add();
        self.go_away();
        self.bulkhead.full(Full::Wait)
    }

    fn go_away(&mut self) {
        if let Some(id) = self.id.take() {
            lock(&self.bulkhead.waiting).wakers.remove(&id);
            self.bulkhead.pass_on(|machine| machine.abandon(id));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.id.is_some() {
            self.bulkhead.cancelled.add();
            self.go_away();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.pass_on(Machine::leave);
    }
}

impl PolicyStatus for Bulkhead {
    fn kind(&self) -> &'static str {
        "bulkhead"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        let waiting = lock(&self.waiting);
        json!({ "in_flight": waiting.machine.taken(), "queued": waiting.machine.queued() })
    }
    fn effects(&self) -> Vec<Effect> {
        vec![
            self.entered.effect("entered"),
            self.queued.effect("queued"),
            self.queue_full.effect("queue_full"),
            self.waited_too_long.effect("waited_too_long"),
            self.cancelled.effect("cancelled_while_queued"),
        ]
    }
}
