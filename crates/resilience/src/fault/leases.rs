use super::{Condition, Effect, Fault, Refused, Settings};
use crate::rejection::InjectedFault;
use std::time::Duration;
use tokio::time::Instant;

/// The faults that are set, and until when: without a lock, a clock or a call of its own.
#[derive(Debug)]
pub struct Leases {
    settings: Settings,
    set: Vec<(LeaseId, Instant, Fault)>,
    next: u64,
    killed: bool,
}

/// Names one fault that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct LeaseId(u64);

/// What one call is to suffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// How much later it starts.
    pub delay: Duration,
    /// What it gets in place of an answer.
    pub instead: Option<InjectedFault>,
    /// How fast its response's body may come.
    pub bytes_per_second: Option<u64>,
}

impl Leases {
    /// Without faults.
    pub const fn new(settings: Settings) -> Self {
        Self { settings, set: Vec::new(), next: 1, killed: false }
    }

    /// Sets a fault for the time of `lease`.
    ///
    /// # Errors
    /// Where the fault or the lease cannot be meant, too many are set, or the kill switch is on.
    pub fn inject(&mut self, fault: Fault, lease: Duration, now: Instant) -> Result<LeaseId, Refused> {
        self.expire(now);
        let Settings { longest_lease: longest, max_faults: max } = self.settings;
        let problems = fault.validate();
        if self.killed {
            return Err(Refused::Killed);
        }
        if lease.is_zero() || lease > longest {
            return Err(Refused::Lease { longest });
        }
        if self.set.len() >= max {
            return Err(Refused::TooMany { max });
        }
        if !problems.is_empty() {
            return Err(Refused::Contradictory(problems));
        }
        let id = LeaseId(self.next);
        self.next += 1;
        self.set.push((id, now + lease, fault));
        Ok(id)
    }

    /// Ends one fault before its time. `false` where it is over already.
    pub fn remove(&mut self, id: LeaseId) -> bool {
        let before = self.set.len();
        self.set.retain(|(set, _, _)| *set != id);
        self.set.len() < before
    }

    /// Ends every fault and refuses new ones.
    pub fn kill(&mut self) {
        self.killed = true;
        self.set.clear();
    }

    /// Allows faults again.
    pub const fn allow(&mut self) {
        self.killed = false;
    }

    /// Whether the kill switch is on.
    pub const fn is_killed(&self) -> bool {
        self.killed
    }

    /// Forgets faults whose lease is over; tells how many.
    pub fn expire(&mut self, now: Instant) -> usize {
        let before = self.set.len();
        self.set.retain(|(_, until, _)| now < *until);
        before - self.set.len()
    }

    /// The faults that are set.
    pub fn iter(&self) -> impl Iterator<Item = (LeaseId, Instant, &Fault)> {
        self.set.iter().map(|(id, until, fault)| (*id, *until, fault))
    }

    /// Whether no fault is set.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// What a call at `now` is to suffer. Delays add up; of several refusals the first set counts; of several
    /// bandwidths the narrowest. `random` gives numbers in `0..1`.
    pub fn plan(
        &self,
        now: Instant,
        meets: impl Fn(&Condition) -> bool,
        mut random: impl FnMut() -> f64,
    ) -> Plan {
        let mut plan = Plan::default();
        for (_, until, fault) in &self.set {
            let hit =
                now < *until && fault.conditions.iter().all(&meets) && random() * 100.0 < fault.percentage;
            if hit {
                plan.add(fault.effect, &mut random);
            }
        }
        plan
    }
}

impl Plan {
    fn add(&mut self, effect: Effect, random: &mut impl FnMut() -> f64) {
        match effect {
            Effect::Latency { delay, jitter } => {
                self.delay += (delay + jitter.mul_f64(2.0 * random())).saturating_sub(jitter);
            }
            Effect::Abort { status } => self.replace(InjectedFault::Abort { status }),
            Effect::Reset => self.replace(InjectedFault::Reset),
            Effect::Bandwidth { bytes_per_second } => {
                let narrowest =
                    self.bytes_per_second.map_or(bytes_per_second, |other| other.min(bytes_per_second));
                self.bytes_per_second = Some(narrowest);
            }
        }
    }

    fn replace(&mut self, fault: InjectedFault) {
        self.instead.get_or_insert(fault);
    }
}
