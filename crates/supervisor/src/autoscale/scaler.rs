use super::behavior::Past;
use super::metric::{self, Judgement, Reading};
use crate::settings::Autoscale;
use seaworthy_core::duration;
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// What is known of the load at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Of each replica, whether it is ready; those that are ending left out.
    pub replicas: Vec<Load>,
    /// The time within which 95 of 100 requests are answered.
    pub p95: Option<Duration>,
}

/// What is known of one replica.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Whether it is ready.
    pub ready: bool,
    /// Processor time, in percent of its limit or of one core.
    pub cpu_percent: Option<f64>,
    /// Memory, in percent of its limit.
    pub memory_percent: Option<f64>,
    /// Requests in flight.
    pub in_flight: Option<f64>,
}

/// How many replicas there should be, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// How many there were to be.
    pub from: u32,
    /// How many there are to be now.
    pub to: u32,
    /// What the load asks for, before any bound.
    pub recommended: u32,
    /// What stood in the way.
    pub limited_by: Option<Limit>,
    /// All that in words.
    pub reason: String,
}

/// What stands between a recommendation and what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Limit {
    /// The load is not known well enough to go down.
    MetricsUnknown,
    /// More was recommended within the last minutes.
    ScaleDownStabilized,
    /// At most twice as many at a time.
    ScaleUpLimit,
    /// At most half of them fewer at a time.
    ScaleDownLimit,
    /// `max`.
    TooManyReplicas,
    /// `min`.
    TooFewReplicas,
}

impl Limit {
    const fn words(self) -> &'static str {
        match self {
            Self::MetricsUnknown => "not every target could be judged, so it does not go down",
            Self::ScaleDownStabilized => "more was asked for within the stabilization window",
            Self::ScaleUpLimit => "at most 100 % more within 15 s",
            Self::ScaleDownLimit => "at most 50 % fewer within 1 min",
            Self::TooManyReplicas => "more than max",
            Self::TooFewReplicas => "fewer than min",
        }
    }
}

/// Decides for one service, and remembers what it needs for that.
#[derive(Debug, Clone, Default)]
pub struct Scaler {
    past: Past,
}

/// One target's name and what came of it.
struct Judged {
    text: String,
    judgement: Judgement,
}

impl Scaler {
    /// How many replicas there should be, where `current` are wanted now.
    pub fn decide(&mut self, now: Instant, settings: &Autoscale, current: u32, sample: &Sample) -> Decision {
        let judged = judge(settings, current, sample);
        let mut unknown = false;
        let mut highest: Option<u32> = None;
        let mut why = Vec::new();
        for Judged { text, judgement } in judged {
            why.push(text);
            match judgement {
                Judgement::Proposal(proposal) => highest = highest.max(Some(proposal.replicas)),
                Judgement::Unknown => unknown = true,
            }
        }
        let mut limit = None;
        let mut recommended = highest.unwrap_or(current);
        if unknown && recommended < current {
            recommended = current;
            limit = Some(Limit::MetricsUnknown);
        }
        let to = self.bounded(now, settings, current, recommended, &mut limit);
        if to != current {
            self.past.changed(now, current, to);
        }
        let mut reason = why.join(", ");
        if let Some(limit) = limit {
            reason = format!("{reason}; {recommended} recommended: {}", limit.words());
        }
        Decision { from: current, to, recommended, limited_by: limit, reason }
    }

    /// Begins with so many: as if they had been recommended now, so that nothing is taken away before the load was seen for
    /// long enough.
    pub fn begin(&mut self, now: Instant, settings: &Autoscale, current: u32) {
        self.past.stabilized(now, settings.stabilization, current);
    }

    /// Somebody else changed the number.
    pub fn changed(&mut self, now: Instant, from: u32, to: u32) {
        self.past.changed(now, from, to);
    }

    fn bounded(
        &mut self,
        now: Instant,
        settings: &Autoscale,
        current: u32,
        recommended: u32,
        limit: &mut Option<Limit>,
    ) -> u32 {
        let mut to = recommended;
        let highest = self.past.stabilized(now, settings.stabilization, recommended);
        if to < current && highest > to {
            to = highest.min(current);
            *limit = Some(Limit::ScaleDownStabilized);
        }
        let (ceiling, floor) = (self.past.ceiling(now, current), self.past.floor(now, current));
        if to > current && to > ceiling {
            to = ceiling.max(current);
            *limit = Some(Limit::ScaleUpLimit);
        } else if to < current && to < floor {
            to = floor.min(current);
            *limit = Some(Limit::ScaleDownLimit);
        }
        if to > settings.max {
            *limit = Some(Limit::TooManyReplicas);
        } else if to < settings.min {
            *limit = Some(Limit::TooFewReplicas);
        }
        to.min(settings.max).max(settings.min)
    }
}

fn judge(settings: &Autoscale, current: u32, sample: &Sample) -> Vec<Judged> {
    let average = |name: &str, unit: &str, target: f64, value: fn(&Load) -> Option<f64>| {
        let readings = readings(sample, value);
        let judgement = metric::average(current, target, &readings);
        let text = match mean(&readings) {
            Some(mean) => format!("{name} {mean:.1}{unit} of {target:.0}{unit}"),
            None => format!("{name} unknown"),
        };
        Judged { text, judgement }
    };
    let mut judged = Vec::new();
    if let Some(target) = settings.cpu_percent {
        judged.push(average("cpu", " %", target.into(), |load| load.cpu_percent));
    }
    if let Some(target) = settings.memory_percent {
        judged.push(average("memory", " %", target.into(), |load| load.memory_percent));
    }
    if let Some(target) = settings.in_flight {
        judged.push(average("in flight", "", target, |load| load.in_flight));
    }
    if let Some(target) = settings.p95 {
        judged.push(p95(target, current, sample));
    }
    judged
}

fn p95(target: Duration, current: u32, sample: &Sample) -> Judged {
    let readings = readings(sample, |load| load.in_flight);
    // without requests there is nothing to measure: that is no load, unless all of them hang
    let idle = !readings.is_empty() && readings.iter().all(|reading| reading.value == Some(0.0));
    let value = sample.p95.map(|p95| p95.as_secs_f64()).or(idle.then_some(0.0));
    let judgement = metric::whole(current, target.as_secs_f64(), value, &readings);
    let target = duration::format(target);
    let text = match sample.p95 {
        Some(p95) => format!("p95 {:.0}ms of {target}", p95.as_secs_f64() * 1_000.0),
        None if idle => format!("no requests, p95 of {target}"),
        None => "p95 unknown".to_owned(),
    };
    Judged { text, judgement }
}

fn readings(sample: &Sample, value: fn(&Load) -> Option<f64>) -> Vec<Reading> {
    let finite = |load: &Load| value(load).filter(|value| value.is_finite() && *value >= 0.0);
    sample.replicas.iter().map(|load| Reading { ready: load.ready, value: finite(load) }).collect()
}

/// The mean of those that count without an assumption.
fn mean(readings: &[Reading]) -> Option<f64> {
    let known: Vec<f64> = readings.iter().filter(|r| r.ready).filter_map(|r| r.value).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
