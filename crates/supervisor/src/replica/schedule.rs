//! When a probe is asked, and what its answers amount to.

use crate::settings::{Probe, ProbeKind};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// In between, a probe is asked again after this share of the time the replica has taken so far: it is noticed late by no
/// more than a twentieth of what it took.
const EAGER_SHARE: u32 = 20;
const EAGER_FLOOR: Duration = Duration::from_millis(5);
/// Programs cost more than connections.
const EAGER_COMMAND_FLOOR: Duration = Duration::from_millis(250);

/// Which of a replica's probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Whether it has started.
    Startup,
    /// Whether it still works.
    Liveness,
    /// Whether it can take traffic.
    Readiness,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// Its name in configuration and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }
}

/// One probe during one run.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    probe: Probe,
    /// Whether it is asked in between until it succeeds for the first time.
    eager: bool,
    began: Instant,
    /// When it is asked next such that the answer counts.
    due: Instant,
    /// When it is asked next in between.
    between: Option<Instant>,
    /// The question under way, and whether a failure counts.
    asked: Option<bool>,
    successes: u32,
    failures: u32,
    verdict: Option<bool>,
}

/// What an answer amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether it counts: a failure in between does not.
    pub(super) counts: bool,
    /// What the probe says, where that is news.
    pub(super) news: Option<bool>,
}

impl Schedule {
    /// Begins to ask, now or when the delay since the start of the process is over.
    pub(super) fn new(probe: &Probe, which: Which, now: Instant, started: Instant) -> Self {
        let due = now.max(started + probe.initial_delay);
        Self {
            eager: which != Which::Liveness && probe.success_threshold <= 1,
            probe: probe.clone(),
            began: now,
            due,
            between: None,
            asked: None,
            successes: 0,
            failures: 0,
            verdict: None,
        }
    }

    /// When it wants to ask next. None while a question is under way.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = self.between.map_or(self.due, |between| between.min(self.due));
        self.asked.is_none().then_some(next)
    }

    /// Whether it asks now. Where it does, an answer must follow.
    pub(super) fn ask(&mut self, now: Instant) -> bool {
        if self.next().is_none_or(|next| now < next) {
            return false;
        }
        let counts = now >= self.due;
        if counts {
            self.due += self.probe.period;
            if self.due <= now {
                // the clock jumped, or nobody looked for a while: no burst
                self.due = now + self.probe.period;
            }
        }
        self.asked = Some(counts);
        self.between = None;
        true
    }

    pub(super) fn answered(&mut self, now: Instant, success: bool) -> Answer {
        let counts = self.asked.take().unwrap_or(false) || success;
        if counts {
            (self.successes, self.failures) = match success {
                true => (self.successes.saturating_add(1), 0),
                false => (0, self.failures.saturating_add(1)),
            };
        }
        let verdict = match success {
            true if self.successes >= self.probe.success_threshold => Some(true),
            false if counts && self.failures >= self.probe.failure_threshold => Some(false),
            _ => None,
        };
        let news = verdict.filter(|verdict| self.verdict != Some(*verdict));
        self.verdict = verdict.or(self.verdict);
        if self.verdict == Some(true) {
            self.eager = false;
        }
        if self.eager {
            self.between = self.in_between(now);
        }
        Answer { counts, news }
    }

    fn in_between(&self, now: Instant) -> Option<Instant> {
        let floor = match self.probe.kind {
            ProbeKind::Command(_) => EAGER_COMMAND_FLOOR,
            _ => EAGER_FLOOR,
        };
        let pause = floor.max(now.duration_since(self.began) / EAGER_SHARE);
        (pause < self.probe.period).then(|| now + pause)
    }
}
