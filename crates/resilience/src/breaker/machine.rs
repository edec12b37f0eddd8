//! The breaker's states and what moves it between them, without a clock, a lock or a call of its own.

use super::window::{Counts, Window};
use super::{Phase, Settings, Transition, Trip};
use crate::classify::Outcome;
use std::time::Duration;
use tokio::time::Instant;

/// What a caller is told while every probe is under way: a probe rarely takes longer.
const PROBING: Duration = Duration::from_secs(1);

/// The state machine of one breaker. Every method takes the time; none blocks.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    state: State,
    generation: u64,
    run: u32,
    failures: Option<Window>,
    slow: Option<Window>,
    /// How many times it opened without closing in between: the exponent of the back-off.
    opened: u32,
    trip: Option<Trip>,
    random: fastrand::Rng,
}

#[derive(Debug)]
enum State {
    /// Counts results. → `Open` when a threshold is passed.
    Closed,
    /// Refuses until the time is over. → `HalfOpen` with the first call after it.
    Open { until: Instant },
    /// Probes. → `Closed` after enough successes, → `Open` (for longer) with the first failure.
    HalfOpen { probing: u32, successes: u32 },
    /// Refuses until released. → `Closed` by [`Machine::release`] alone.
    Isolated,
}

/// The right to make one call, and the breaker's generation it was given in. A result counts only in that generation:
/// a call that began before the breaker tripped says nothing about the service now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(super) generation: u64,
    pub(super) probe: bool,
}

impl Ticket {
    /// Whether this call decides if the breaker closes.
    pub const fn is_probe(&self) -> bool {
        self.probe
    }
}

/// Why a call may not be made, and when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Time until the next probe; `None` while isolated.
    pub retry_after: Option<Duration>,
    /// What opened the breaker.
    pub trip: Trip,
}

impl Machine {
    /// A closed breaker at `now`. `seed` determines the jitter.
    pub fn new(settings: Settings, now: Instant, seed: u64) -> Self {
        Self {
            failures: settings.failure_rate.map(|rate| Window::new(now, rate.window)),
            slow: settings.slow_calls.map(|slow| Window::new(now, slow.window)),
            settings,
            state: State::Closed,
            generation: 0,
            run: 0,
            opened: 0,
            trip: None,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The phase it is in. An open breaker turns half-open with the first call after its time, not before.
    pub const fn phase(&self) -> Phase {
        match self.state {
            State::Closed => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
            State::Isolated => Phase::Isolated,
        }
    }

    /// What opened it last, while it has not closed since.
    pub const fn trip(&self) -> Option<Trip> {
        self.trip
    }

    /// How many failures it saw in a row.
    pub const fn run(&self) -> u32 {
        self.run
    }

    /// Counts the changes of phase.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a call would be let through at `now`; takes no probe.
    pub fn is_available(&self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } => now >= until,
            State::HalfOpen { probing, .. } => probing < self.settings.probes.max(1),
            State::Isolated => false,
        }
    }

    /// How long until a call may be let through; `None` where one may now, or no time is known.
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open { until } if now < until => Some(until - now),
            State::HalfOpen { .. } if !self.is_available(now) => Some(PROBING),
            _ => None,
        }
    }

    /// Lets a call through or refuses it. Every ticket must come back through [`record`](Self::record).
    pub fn admit(&mut self, now: Instant) -> (Result<Ticket, Refusal>, Option<Transition>) {
        if !self.is_available(now) {
            let trip = self.trip.unwrap_or(Trip::ProbeFailed);
            return (Err(Refusal { retry_after: self.retry_after(now), trip }), None);
        }
        let mut change = None;
        if let State::Open { .. } = self.state {
            change = Some(self.go(State::HalfOpen { probing: 0, successes: 0 }, now));
        }
        let probe = if let State::HalfOpen { probing, .. } = &mut self.state {
            *probing += 1;
            true
        } else {
            false
        };
        (Ok(Ticket { generation: self.generation, probe }), change)
    }

    /// Takes a ticket back with what came of the call. `slow` is whether it took longer than a slow call may.
    pub fn record(
        &mut self,
        now: Instant,
        ticket: Ticket,
        outcome: Outcome,
        slow: bool,
    ) -> Option<Transition> {
        if ticket.generation != self.generation {
            return None;
        }
        match &mut self.state {
            State::Closed => self.count(now, outcome, slow),
            State::HalfOpen { probing, successes } => {
                *probing = probing.saturating_sub(1);
                match outcome {
                    Outcome::Neutral => None,
                    Outcome::Success if !slow => {
                        *successes += 1;
                        let enough = *successes >= self.settings.successes_to_close;
                        enough.then(|| self.close(now))
                    }
                    _ => Some(self.open(now, Trip::ProbeFailed)),
                }
            }
            State::Open { .. } | State::Isolated => None,
        }
    }

    /// Whether a call that took `took` was slow.
    pub fn is_slow(&self, took: Duration) -> bool {
        self.settings.slow_calls.is_some_and(|slow| took > slow.longer_than)
    }

    /// Refuses every call until [`release`](Self::release).
    pub fn isolate(&mut self, now: Instant) -> Option<Transition> {
        if matches!(self.state, State::Isolated) {
            return None;
        }
        self.trip = Some(Trip::Isolated);
        Some(self.go(State::Isolated, now))
    }

    /// Closes the breaker, whatever opened it, and forgets what it counted.
    pub fn release(&mut self, now: Instant) -> Option<Transition> {
        (!matches!(self.state, State::Closed)).then(|| self.close(now))
    }

    fn count(&mut self, now: Instant, outcome: Outcome, slow: bool) -> Option<Transition> {
        match outcome {
            Outcome::Neutral => return None,
            Outcome::Success => self.run = 0,
            Outcome::Failure => self.run = self.run.saturating_add(1),
            Outcome::Throttled => {}
        }
        if let Some(window) = &mut self.failures {
            window.add(now, outcome != Outcome::Success);
        }
        if let Some(window) = &mut self.slow {
            window.add(now, slow);
        }
        let trip = self.verdict(now, outcome, slow)?;
        Some(self.open(now, trip))
    }

    /// Which threshold the newest result passed. A good and fast call never trips, even where older failures still
    /// fill the window: that would punish recovery.
    fn verdict(&mut self, now: Instant, outcome: Outcome, slow: bool) -> Option<Trip> {
        let bad = outcome != Outcome::Success;
        let in_a_row = self.settings.consecutive_failures;
        if outcome == Outcome::Failure && in_a_row.is_some_and(|limit| self.run >= limit) {
            return Some(Trip::ConsecutiveFailures { count: self.run });
        }
        if bad && let (Some(rate), Some(window)) = (&self.settings.failure_rate, &mut self.failures) {
            let Counts { calls, hits } = window.counts(now);
            if passes(calls, hits, rate.min_requests, rate.ratio) {
                return Some(Trip::FailureRate { failures: hits, requests: calls });
            }
        }
        if slow && let (Some(limit), Some(window)) = (&self.settings.slow_calls, &mut self.slow) {
            let Counts { calls, hits } = window.counts(now);
            if passes(calls, hits, limit.min_requests, limit.ratio) {
                return Some(Trip::SlowCalls { slow: hits, requests: calls });
            }
        }
        None
    }

    fn open(&mut self, now: Instant, trip: Trip) -> Transition {
        self.opened = self.opened.saturating_add(1);
        self.trip = Some(trip);
        let time = self.settings.open_time(self.opened);
        let jitter = time.mul_f64(self.settings.jitter.clamp(0.0, 1.0) * self.random.f64());
        self.forget();
        self.go(State::Open { until: now + time + jitter }, now)
    }

    fn close(&mut self, now: Instant) -> Transition {
        self.opened = 0;
        self.trip = None;
        self.forget();
        self.go(State::Closed, now)
    }

    fn forget(&mut self) {
        self.run = 0;
        for window in self.failures.iter_mut().chain(&mut self.slow) {
            window.clear();
        }
    }

    fn go(&mut self, state: State, at: Instant) -> Transition {
        let from = self.phase();
        self.state = state;
        self.generation += 1;
        let to = self.phase();
        let trip = if matches!(to, Phase::Open | Phase::Isolated) { self.trip } else { None };
        Transition { from, to, trip, generation: self.generation, at }
    }
}

fn passes(calls: u64, hits: u64, min_requests: u64, ratio: f64) -> bool {
    calls >= min_requests && hits as f64 >= ratio * calls as f64
}
