use super::{Fault, LeaseId, Leases, Plan, Refused, Select, Settings};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use crate::lock::lock;
use crate::rejection::InjectedFault;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The faults of one service, shared by every call.
#[derive(Debug)]
pub struct Faults {
    settings: Settings,
    leases: Mutex<Leases>,
    /// Whether any fault is set: what a call looks at first.
    armed: AtomicBool,
    injected: Counter,
    expired: Counter,
    killed: Counter,
    delayed: Counter,
    aborted: Counter,
    reset: Counter,
    narrowed: Counter,
    refused: Counter,
}

impl Faults {
    /// Without faults.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            leases: Mutex::new(Leases::new(settings)),
            armed: AtomicBool::new(false),
            injected: Counter::default(),
            expired: Counter::default(),
            killed: Counter::default(),
            delayed: Counter::default(),
            aborted: Counter::default(),
            reset: Counter::default(),
            narrowed: Counter::default(),
            refused: Counter::default(),
        }
    }

    /// Sets a fault for the time of `lease`.
    ///
    /// # Errors
    /// Where the fault or the lease cannot be meant, too many are set, or the kill switch is on.
    pub fn inject(&self, fault: Fault, lease: Duration, now: Instant) -> Result<LeaseId, Refused> {
        let result = self.change(|leases| leases.inject(fault, lease, now));
        let counter = if result.is_ok() { &self.injected } else { &self.refused };
        counter.add();
        result
    }

    /// Ends one fault before its time. `false` where it is over already.
    pub fn remove(&self, id: LeaseId) -> bool {
        self.change(|leases| leases.remove(id))
    }

    /// The kill switch: ends every fault and refuses new ones until [`allow`](Self::allow).
    pub fn kill(&self) {
        self.killed.add();
        self.change(Leases::kill);
    }

    /// Allows faults again.
    pub fn allow(&self) {
        self.change(Leases::allow);
    }

    /// The faults that are set, with the time each has left.
    pub fn active(&self, now: Instant) -> Vec<(LeaseId, Duration, Fault)> {
        lock(&self.leases)
            .iter()
            .filter(|(_, until, _)| now < *until)
            .map(|(id, until, fault)| (id, until - now, fault.clone()))
            .collect()
    }

    /// What a call is to suffer; `None` at once while no fault is set.
    pub(super) fn plan<Req>(&self, request: &Req, select: &impl Select<Req>) -> Option<Plan> {
        if !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let now = Instant::now();
        let plan = self.change(|leases| {
            for _ in 0..leases.expire(now) {
                self.expired.add();
            }
            leases.plan(now, |condition| select.meets(request, condition), fastrand::f64)
        });
        if !plan.delay.is_zero() {
            self.delayed.add();
        }
        match plan.instead {
            Some(InjectedFault::Abort { .. }) => self.aborted.add(),
            Some(InjectedFault::Reset) => self.reset.add(),
            None if plan.bytes_per_second.is_some() => self.narrowed.add(),
            None => {}
        }
        (plan != Plan::default()).then_some(plan)
    }

    fn change<T>(&self, step: impl FnOnce(&mut Leases) -> T) -> T {
        let mut leases = lock(&self.leases);
        let result = step(&mut leases);
        self.armed.store(!leases.is_empty(), Ordering::Relaxed);
        result
    }
}

impl PolicyStatus for Faults {
    fn kind(&self) -> &'static str {
        "fault"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        let now = Instant::now();
        let active: Vec<Value> = self
            .active(now)
            .into_iter()
            .map(|(id, left, fault)| json!({ "id": id, "left_ms": left.as_millis() as u64, "fault": fault }))
            .collect();
        json!({ "active": active, "killed": lock(&self.leases).is_killed() })
    }
    fn effects(&self) -> Vec<Effect> {
        vec![
            self.injected.effect("injected"),
            self.refused.effect("refused"),
            self.expired.effect("expired"),
            self.killed.effect("killed"),
            self.delayed.effect("delayed_calls"),
            self.aborted.effect("aborted_calls"),
            self.reset.effect("reset_calls"),
            self.narrowed.effect("narrowed_calls"),
        ]
    }
}
