use super::{Machine, Phase, Refusal, Settings, Ticket, Transition};
use crate::Rejection;
use crate::classify::Outcome;
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use crate::lock::lock;
use serde_json::{Value, json};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

type Hook = Box<dyn Fn(&Transition) + Send + Sync>;

/// One breaker, shared by every call it guards.
pub struct Breaker {
    settings: Settings,
    machine: Mutex<Machine>,
    /// The generation while closed, [`NOT_CLOSED`] otherwise: a closed breaker admits without taking the lock.
    closed: AtomicU64,
    /// Whether the run of failures is empty: another success then changes nothing.
    clean: AtomicBool,
    hooks: RwLock<Vec<Hook>>,
    counters: Counters,
}

const NOT_CLOSED: u64 = u64::MAX;

#[derive(Debug, Default)]
struct Counters {
    refused: Counter,
    opened: Counter,
    closed: Counter,
    isolated: Counter,
    probes: Counter,
    slow: Counter,
    throttled: Counter,
    cancelled: Counter,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: Settings) -> Self {
        Self {
            machine: Mutex::new(Machine::new(settings.clone(), Instant::now(), fastrand::u64(..))),
            settings,
            closed: AtomicU64::new(0),
            clean: AtomicBool::new(true),
            hooks: RwLock::default(),
            counters: Counters::default(),
        }
    }

    /// What it is set to.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Calls `hook` after every change of phase, on the thread that caused it and outside every lock. It must be
    /// quick; under concurrent changes, `generation` gives the order.
    pub fn subscribe(&self, hook: Box<dyn Fn(&Transition) + Send + Sync>) {
        self.hooks.write().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        lock(&self.machine).phase()
    }

    /// Whether a call would be let through at `now`. Takes no probe: for a balancer that looks before it chooses.
    pub fn is_available(&self, now: Instant) -> bool {
        self.closed.load(Ordering::Acquire) != NOT_CLOSED || lock(&self.machine).is_available(now)
    }

    /// How long until a call may be let through; `None` where one may now, or no time is known.
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        lock(&self.machine).retry_after(now)
    }

    /// Refuses every call until [`release`](Self::release).
    pub fn isolate(&self, now: Instant) {
        let change = self.change(|machine| machine.isolate(now));
        self.tell(change);
    }

    /// Closes it by hand.
    pub fn release(&self, now: Instant) {
        let change = self.change(|machine| machine.release(now));
        self.tell(change);
    }

    /// Lets a call through or refuses it.
    ///
    /// # Errors
    /// [`Rejection::BreakerOpen`] while it refuses calls.
    pub fn admit(self: &Arc<Self>) -> Result<Permit, Rejection> {
        let generation = self.closed.load(Ordering::Acquire);
        if generation != NOT_CLOSED {
            return Ok(Permit::new(self, Ticket { generation, probe: false }));
        }
        let now = Instant::now();
        let mut admitted = Err(Refusal { retry_after: None, trip: super::Trip::Isolated });
        let change = self.change(|machine| {
            let (result, change) = machine.admit(now);
            admitted = result;
            change
        });
        self.tell(change);
        match admitted {
            Ok(ticket) => {
                if ticket.is_probe() {
                    self.counters.probes.add();
                }
                Ok(Permit::new(self, ticket))
            }
            Err(Refusal { retry_after, trip }) => {
                self.counters.refused.add();
                Err(Rejection::BreakerOpen { retry_after, trip })
            }
        }
    }

    fn record(&self, ticket: Ticket, outcome: Outcome, started: Option<Instant>) {
        if outcome == Outcome::Throttled {
            self.counters.throttled.add();
        }
        if self.changes_nothing(ticket, outcome) {
            return;
        }
        let now = Instant::now();
        let slow = match (started, self.settings.slow_calls) {
            (Some(started), Some(limit)) => now - started > limit.longer_than,
            _ => false,
        };
        if slow {
            self.counters.slow.add();
        }
        let change = self.change(|machine| machine.record(now, ticket, outcome, slow));
        self.tell(change);
    }

    /// Most calls: they say nothing, or are one more success where only runs of failures count. Neither the lock nor
    /// the clock is needed for those.
    fn changes_nothing(&self, ticket: Ticket, outcome: Outcome) -> bool {
        let counts_every_call = self.settings.failure_rate.is_some() || self.settings.slow_calls.is_some();
        match outcome {
            _ if ticket.is_probe() => false,
            Outcome::Neutral => true,
            Outcome::Success => !counts_every_call && self.clean.load(Ordering::Acquire),
            Outcome::Failure | Outcome::Throttled => false,
        }
    }

    /// Runs the machine, and keeps the lock-free view of it up to date before the lock is let go.
    fn change(&self, step: impl FnOnce(&mut Machine) -> Option<Transition>) -> Option<Transition> {
        let mut machine = lock(&self.machine);
        let change = step(&mut machine);
        self.clean.store(machine.run() == 0, Ordering::Release);
        if let Some(change) = &change {
            let view = if change.to == Phase::Closed { change.generation } else { NOT_CLOSED };
            self.closed.store(view, Ordering::Release);
        }
        change
    }

    fn tell(&self, change: Option<Transition>) {
        let Some(change) = change else { return };
        match change.to {
            Phase::Open => self.counters.opened.add(),
            Phase::Closed => self.counters.closed.add(),
            Phase::Isolated => self.counters.isolated.add(),
            Phase::HalfOpen => {}
        }
        for hook in self.hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
            hook(&change);
        }
    }
}

/// The right to make one call. Dropped without a [`record`](Self::record) — the call was cancelled — it gives a probe
/// back without a verdict.
#[derive(Debug)]
pub struct Permit {
    breaker: Arc<Breaker>,
    ticket: Option<Ticket>,
    /// Only where slow calls are counted: reading the clock costs more than the rest of a closed breaker.
    started: Option<Instant>,
}

impl Permit {
    fn new(breaker: &Arc<Breaker>, ticket: Ticket) -> Self {
        let started = breaker.settings.slow_calls.map(|_| Instant::now());
        Self { breaker: Arc::clone(breaker), ticket: Some(ticket), started }
    }

    /// Gives the permit back with what came of the call.
    pub fn record(mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.record(ticket, outcome, self.started);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.counters.cancelled.add();
            self.breaker.record(ticket, Outcome::Neutral, None);
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("settings", &self.settings).field("phase", &self.phase()).finish()
    }
}

impl PolicyStatus for Breaker {
    fn kind(&self) -> &'static str {
        "breaker"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        let now = Instant::now();
        let machine = lock(&self.machine);
        json!({
            "phase": machine.phase(),
            "failures_in_a_row": machine.run(),
            "trip": machine.trip(),
            "retry_after_ms": machine.retry_after(now).map(|left| left.as_millis() as u64),
            "changes": machine.generation(),
        })
    }
    fn effects(&self) -> Vec<Effect> {
        let Counters { refused, opened, closed, isolated, probes, slow, throttled, cancelled } =
            &self.counters;
        vec![
            opened.effect("opened"),
            refused.effect("refused"),
            probes.effect("probes"),
            closed.effect("closed"),
            isolated.effect("isolated"),
            slow.effect("slow_calls"),
            throttled.effect("throttled_calls"),
            cancelled.effect("cancelled_calls"),
        ]
    }
}
