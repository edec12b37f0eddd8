use super::{Algorithm, Settings};
use crate::classify::Outcome;
use std::time::Duration;
use tokio::time::Instant;

/// How many samples the long-term average covers.
const LONG: f64 = 600.0;
/// How many samples the average takes to become trustworthy.
const WARM_UP: u32 = 10;
/// A single estimate never more than halves the limit.
const STEEPEST: f64 = 0.5;
/// What throttling by the service costs under the gradient algorithm.
const THROTTLED: f64 = 0.9;

/// The limit itself: learns from every answer, holds no lock and reads no clock.
#[derive(Debug)]
pub struct Limit {
    algorithm: Algorithm,
    min: f64,
    max: f64,
    value: f64,
    average: Average,
    /// After a decrease the calls already under way come in badly too: they were sent under the old limit, and
    /// punishing the limit again for each would drive it to the minimum.
    no_decrease_before: Instant,
}

/// What one call taught.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// How long it took.
    pub took: Duration,
    /// How many calls were under way when it started, itself included.
    pub in_flight: usize,
    /// How it ended.
    pub outcome: Outcome,
}

impl Limit {
    /// A limit at its initial value.
    pub fn new(settings: &Settings, now: Instant) -> Self {
        let min = settings.min.max(1) as f64;
        let max = (settings.max as f64).max(min);
        Self {
            algorithm: settings.algorithm,
            min,
            max,
            value: (settings.initial as f64).clamp(min, max),
            average: Average::default(),
            no_decrease_before: now,
        }
    }

    /// How many calls may be under way: at least one, whatever was learnt.
    pub const fn whole(&self) -> usize {
        self.value as usize
    }

    /// Moves the limit by what a call taught.
    pub fn learn(&mut self, sample: Sample, now: Instant) {
        if sample.outcome == Outcome::Neutral {
            return;
        }
        let value = match self.algorithm {
            Algorithm::Gradient { tolerance, smoothing, queue } => {
                self.gradient(sample, now, tolerance, smoothing, f64::from(queue))
            }
            Algorithm::Aimd { latency_limit, decrease } => self.aimd(sample, now, latency_limit, decrease),
        };
        self.value = value.clamp(self.min, self.max);
    }

    fn gradient(&mut self, sample: Sample, now: Instant, tolerance: f64, smoothing: f64, queue: f64) -> f64 {
        match sample.outcome {
            Outcome::Throttled => return self.decreased(sample, now, THROTTLED),
            // a failure's time says nothing: refused connections are quick, hung ones slow
            Outcome::Failure | Outcome::Neutral => return self.value,
            Outcome::Success => {}
        }
        let short = sample.took.as_secs_f64().max(1e-9);
        let long = self.average.add(short);
        if long / short > 2.0 {
            // after an overload the average is still high: let it come down faster than it went up
            self.average.scale(0.95);
        }
        if (sample.in_flight as f64) < self.value / 2.0 {
            return self.value; // unused room teaches nothing
        }
        let gradient = (tolerance * long / short).clamp(STEEPEST, 1.0);
        let estimate = self.value * gradient + queue;
        self.value * (1.0 - smoothing) + estimate * smoothing
    }

    fn aimd(&mut self, sample: Sample, now: Instant, latency_limit: Duration, decrease: f64) -> f64 {
        if sample.outcome == Outcome::Throttled || sample.took > latency_limit {
            return self.decreased(sample, now, decrease);
        }
        let used = sample.in_flight as f64 * 2.0 >= self.value;
        // one more per round: each of the `value` calls of a round adds its share
        if sample.outcome == Outcome::Success && used { self.value + 1.0 / self.value } else { self.value }
    }

    fn decreased(&mut self, sample: Sample, now: Instant, factor: f64) -> f64 {
        if now < self.no_decrease_before {
            return self.value;
        }
        self.no_decrease_before = now + sample.took;
        self.value * factor
    }
}

/// An exponential average that starts as a plain one, so that the first sample does not weigh for ever.
#[derive(Debug, Default)]
struct Average {
    value: f64,
    samples: u32,
}

impl Average {
    fn add(&mut self, sample: f64) -> f64 {
        if self.samples < WARM_UP {
            self.samples += 1;
            self.value += (sample - self.value) / f64::from(self.samples);
        } else {
            self.value += (sample - self.value) * 2.0 / (LONG + 1.0);
        }
        self.value
    }

    fn scale(&mut self, factor: f64) {
        self.value *= factor;
    }
}
