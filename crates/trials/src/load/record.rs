//! Outcomes as they come in, in any order.

use super::report::{Failures, Latency, Report, Second, Spell};
use super::schedule::Schedule;
use super::{Error, Failure, Outcome, Progress, Settings};
use hdrhistogram::Histogram;
use std::time::Duration;
use tokio::task::JoinError;

/// Failures closer together than this belong to one outage: a service that fails every tenth request is not well.
const CALM: Duration = Duration::from_millis(500);
/// Longer waits are recorded as this.
const LONGEST_US: u64 = 3_600_000_000;

pub(super) struct Recorder<'a> {
    schedule: &'a Schedule,
    /// By number of the request, `None` while it is under way.
    outcomes: Vec<Option<Outcome>>,
    all: Histogram<u64>,
    ok: Histogram<u64>,
    seconds: Vec<(Second, Histogram<u64>)>,
    failures: Failures,
    succeeded: u64,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(schedule: &'a Schedule) -> Result<Self, Error> {
        let second = |n| Ok((Second { second: n as u64, ..Second::default() }, histogram(2)?));
        Ok(Self {
            schedule,
            outcomes: vec![None; schedule.total() as usize],
            all: histogram(3)?,
            ok: histogram(3)?,
            seconds: (0..schedule.seconds()).map(second).collect::<Result<_, Error>>()?,
            failures: Failures::default(),
            succeeded: 0,
        })
    }

    pub(super) fn add(&mut self, done: Result<(u64, Outcome, Duration), JoinError>) {
        // a task of ours neither panics nor is cancelled; if one did, its request stays without an outcome and
        // `finish` counts it as failed
        let Ok((n, outcome, took)) = done else { return };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.all.saturating_record(us);
        if outcome == Outcome::Ok {
            self.ok.saturating_record(us);
        }
        let second = self.schedule.offset(n).as_secs() as usize;
        self.seconds[second].1.saturating_record(us);
        self.count(n, outcome);
    }

    pub(super) fn overflow(&mut self, n: u64) {
        self.count(n, Outcome::Failed(Failure::Overflow));
    }

    fn count(&mut self, n: u64, outcome: Outcome) {
        self.outcomes[n as usize] = Some(outcome);
        let (second, _) = &mut self.seconds[self.schedule.offset(n).as_secs() as usize];
        match outcome {
            Outcome::Ok => {
                self.succeeded += 1;
                second.ok += 1;
            }
            Outcome::Failed(failure) => {
                *self.failures.of(failure) += 1;
                *second.failures.of(failure) += 1;
            }
        }
    }

    pub(super) fn progress(&self, due: u64, in_flight: usize) -> Progress {
        Progress {
            planned: self.schedule.total(),
            due,
            ok: self.succeeded,
            failed: self.failures.total(),
            in_flight: in_flight as u64,
        }
    }

    pub(super) fn finish(mut self, settings: &Settings) -> Report {
        let forgotten: Vec<u64> =
            (0..self.schedule.total()).filter(|n| self.outcomes[*n as usize].is_none()).collect();
        for n in forgotten {
            self.count(n, Outcome::Failed(Failure::Broken));
        }
        let (longest_run, longest_outage) = self.spells();
        let requests = self.schedule.total();
        Report {
            rate: settings.rate,
            requests,
            ok: self.succeeded,
            success_rate: self.succeeded as f64 / requests as f64,
            failures: self.failures,
            latency: latency(&self.all),
            latency_ok: latency(&self.ok),
            longest_run,
            longest_outage,
            series: self.seconds.iter().map(|(second, waits)| finished(second, waits)).collect(),
        }
    }

    /// The longest run of failed requests without a good one between, and the longest stretch of time in which
    /// failures followed each other closely.
    fn spells(&self) -> (Spell, Spell) {
        let (mut longest_run, mut longest_outage) = (Spell::default(), Spell::default());
        let mut run: Option<(u64, u64)> = None;
        let mut outage: Option<(u64, u64, u64)> = None;
        for n in 0..self.schedule.total() {
            if self.outcomes[n as usize] == Some(Outcome::Ok) {
                run = None;
                continue;
            }
            let first = run.map_or(n, |(first, _)| first);
            run = Some((first, n));
            longest_run = longest_run.longer(self.spell(first, n, n - first + 1));
            let calm = |last| self.schedule.offset(n) - self.schedule.offset(last) >= CALM;
            let (first, _, count) = outage.filter(|(_, last, _)| !calm(*last)).unwrap_or((n, n, 0));
            outage = Some((first, n, count + 1));
            longest_outage = longest_outage.longer(self.spell(first, n, count + 1));
        }
        (longest_run, longest_outage)
    }

    /// From when the first was due until the next after the last was.
    fn spell(&self, first: u64, last: u64, failures: u64) -> Spell {
        let start = self.schedule.offset(first);
        let lasted = self.schedule.offset(last + 1) - start;
        Spell { start_ms: millis(start), lasted_ms: millis(lasted), failures }
    }
}

fn histogram(digits: u8) -> Result<Histogram<u64>, Error> {
    Ok(Histogram::new_with_bounds(1, LONGEST_US, digits)?)
}

fn finished(second: &Second, waits: &Histogram<u64>) -> Second {
    let quantile = |share| waits.value_at_quantile(share) as f64 / 1e3;
    Second {
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        max_ms: waits.max() as f64 / 1e3,
        ..second.clone()
    }
}

fn latency(waits: &Histogram<u64>) -> Latency {
    let quantile = |share| waits.value_at_quantile(share) as f64 / 1e3;
    Latency {
        mean_ms: waits.mean().round() / 1e3,
        p50_ms: quantile(0.5),
        p90_ms: quantile(0.9),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        p999_ms: quantile(0.999),
        max_ms: waits.max() as f64 / 1e3,
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
