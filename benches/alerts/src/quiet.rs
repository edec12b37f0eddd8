//! A day of healthy traffic, whose clock is turned by hand: rush hours and nights, a sale, scanners that are refused, single
//! failures, pauses of two seconds. Whatever is told is a false alarm.

use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use seaworthy_alerts::engine::{Engine, What};
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{History, Settings};
use seaworthy_telemetry::metrics::{Gauge, Histogram, Registry};

use crate::error::Error;
use crate::watch;

const STEP: Duration = Duration::from_secs(10);
const STATUSES: [&str; 4] = ["200", "404", "503", "429"];

/// A service, as busy as it is.
struct Service {
    name: String,
    /// Requests a second at noon.
    rate: f64,
    /// Its rush hour.
    peak: f64,
    by_status: Vec<Histogram>,
    oldest: Gauge,
}

impl Service {
    fn new(registry: &Registry, name: String, rate: f64, peak: f64) -> Self {
        let histogram = |status: &&str| {
            let mut labels = vec![
                ("http.request.method", "GET".to_owned()),
                ("http.route", "/items/{id}".to_owned()),
                ("http.response.status_code", (*status).to_owned()),
                ("seaworthy.service", name.clone()),
            ];
            if status.starts_with('5') {
                labels.push(("error.type", (*status).to_owned()));
            }
            registry.histogram("http.server.request.duration", "requests", &labels)
        };
        let by_status = STATUSES.iter().map(histogram).collect();
        let labels = [("jobs.queue", name.clone())];
        let oldest = registry.gauge("jobs.oldest.seconds", "the first job that waits", &labels);
        Self { name, rate, peak, by_status, oldest }
    }

    /// Ten seconds of its day. How many requests came.
    fn step(&self, seconds: u64, random: &mut Rng) -> u64 {
        let hour = (seconds as f64 / 3_600.0) % 24.0;
        let daily = 0.65 + 0.35 * ((hour - self.peak) / 24.0 * std::f64::consts::TAU).cos();
        let sale = if (hour - self.peak).abs() < 0.1 { 4.0 } else { 1.0 };
        let count = poisson(self.rate * daily * sale * STEP.as_secs_f64(), random);
        let scanned = random.f64() < 0.001;
        let paused = random.f64() < 0.002;
        for at in 0..count {
            let status = match random.f64() {
                x if x < 0.000_1 => 2,
                x if x < 0.02 || (scanned && x < 0.4) => 1,
                x if x < 0.022 => 3,
                _ => 0,
            };
            // two of the ten seconds
            let pause = if paused && at * 5 < count { 1.5 * random.f64() } else { 0.0 };
            self.by_status[status].observe(0.03 * (0.6 * normal(random)).exp() + pause);
        }
        // an instance is replaced: what it had begun fails
        if self.rate > 1.0 && random.f64() < 3.0 / 8_640.0 {
            (0..3).for_each(|_| self.by_status[2].observe(0.2));
        }
        self.oldest.set(20.0 * random.f64() * random.f64());
        count
    }
}

/// A standard normal deviate: Box and Muller, *A Note on the Generation of Random Normal Deviates*, 1958.
fn normal(random: &mut Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (random.f64() * std::f64::consts::TAU).cos()
}

/// How many of rare events come about: Knuth's method for few, a normal deviate for many.
fn poisson(mean: f64, random: &mut Rng) -> u64 {
    if mean > 50.0 {
        return (mean + mean.sqrt() * normal(random)).max(0.0).round() as u64;
    }
    let (limit, mut product, mut count) = ((-mean).exp(), random.f64(), 0);
    while product > limit {
        product *= random.f64();
        count += 1;
    }
    count
}

pub(crate) fn run(hours: u64, seed: u64) -> Result<bool, Error> {
    let mut random = Rng::with_seed(seed);
    let registry = Registry::new();
    let busy = [("big", 20.0, 4), ("middle", 3.0, 8), ("few", 0.05, 8)];
    let services: Vec<Service> = busy
        .iter()
        .flat_map(|(kind, rate, count)| {
            (0..*count).map(move |at| (format!("{kind}{at}"), *rate, 9.0 + f64::from(at)))
        })
        .map(|(name, rate, peak)| Service::new(&registry, name, rate, peak))
        .collect();
    let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    let history = History::new(&registry, Settings::default());
    let rules = watch::rules(&names)?;
    let count = rules.len();
    let mut engine = Engine::new(rules, 1_000);
    let start = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let (mut alarms, mut requests, mut looking) = (Vec::new(), 0, Duration::ZERO);
    for seconds in (0..hours * 3_600).step_by(10) {
        requests += services.iter().map(|service| service.step(seconds, &mut random)).sum::<u64>();
        let at: SystemTime = start + Duration::from_secs(seconds);
        history.sample(at);
        let began = Instant::now();
        let found = engine.evaluate(&history, Timestamp::from(at));
        looking += began.elapsed();
        for finding in found {
            if let What::Firing(begun) = finding.what {
                alarms.push(format!(
                    "{:02}:{:02} {} {:?}",
                    seconds / 3_600,
                    seconds / 60 % 60,
                    begun.rule,
                    begun.series
                ));
            }
        }
    }
    let mut out = std::io::stdout();
    let rounds = u32::try_from(hours * 360).unwrap_or(u32::MAX);
    let text = format!(
        "seed {seed}: {hours} h, {} services, {requests} requests, {count} rules looked at {rounds} times ({:.1} ms each): \
         {} false alarms",
        services.len(),
        (looking / rounds).as_secs_f64() * 1e3,
        alarms.len()
    );
    // a reader that went away is none of ours
    let _ = writeln!(out, "{text}");
    alarms.iter().for_each(|alarm| drop(writeln!(out, "false: {alarm}")));
    Ok(alarms.is_empty())
}
