//! What goes wrong when.

#[cfg(test)]
mod tests;

use fastrand::Rng;
use std::time::Duration;

/// Incidents are drawn for this long; after it the service is well.
const HORIZON: Duration = Duration::from_secs(600);
/// How many replicas the incidents are dealt to.
const REPLICAS: u32 = 3;

/// One replica's timeline, from its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    seed: u64,
    replica: u32,
    slow_start: Duration,
    base: Duration,
    incidents: Vec<Incident>,
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// When it begins.
    pub from: Duration,
    /// When it is over.
    pub until: Duration,
    /// What it is.
    pub kind: Kind,
    /// The share of requests it strikes, from 0 to 1.
    pub share: f64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Answers take this much longer.
    Slow(Duration),
    /// Answers are 500.
    Errors,
    /// Requests are accepted and never answered.
    Hang,
    /// The process ends at the beginning of the incident.
    Crash,
}

impl Kind {
    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Slow(_) => "slow",
            Self::Errors => "errors",
            Self::Hang => "hanging",
            Self::Crash => "crashed",
        }
    }
}

impl Plan {
    /// The plan of one replica. Incidents are drawn for the service as a whole and each strikes one replica, seldom
    /// two: as in life, they rarely all fail at once.
    pub fn from_seed(seed: u64, replica: u32) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut incidents = Vec::new();
        let mut from = millis(&mut rng, 1_000..1_600);
        let mut bag = Vec::new();
        while from < HORIZON {
            if bag.is_empty() {
                bag = refill(&mut rng);
            }
            let kind = bag.pop().unwrap_or(Kind::Errors);
            let until = from + millis(&mut rng, 1_400..2_600);
            let share = 0.6 + 0.4 * rng.f64();
            let struck = rng.u32(0..REPLICAS);
            // a crash is bad enough to come alone
            let also = (rng.u32(0..5) == 0 && kind != Kind::Crash).then(|| (struck + 1) % REPLICAS);
            if replica % REPLICAS == struck || also == Some(replica % REPLICAS) {
                incidents.push(Incident { from, until, kind, share });
            }
            from = until + millis(&mut rng, 200..700);
        }
        let mut own = Rng::with_seed(seed ^ u64::from(replica).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (slow_start, base) = (millis(&mut own, 300..800), millis(&mut own, 3..9));
        Self { seed, replica, slow_start, base, incidents }
    }

    /// A plan of the caller's: as [`from_seed`](Self::from_seed), with these incidents instead.
    pub fn with_incidents(self, incidents: Vec<Incident>) -> Self {
        Self { incidents, ..self }
    }

    /// How long it takes after its start until it listens.
    pub fn slow_start(&self) -> Duration {
        self.slow_start
    }

    /// All that goes wrong, in order.
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// What is wrong at a moment.
    pub fn at(&self, moment: Duration) -> Option<&Incident> {
        // a crash has no length for the replica that comes back
        let within = |incident: &&Incident| (incident.from..incident.until).contains(&moment);
        self.incidents.iter().filter(|incident| incident.kind != Kind::Crash).find(within)
    }

    /// When it crashes next.
    pub fn next_crash(&self, after: Duration) -> Option<Duration> {
        let crashes = self.incidents.iter().filter(|incident| incident.kind == Kind::Crash);
        crashes.map(|incident| incident.from).find(|from| *from > after)
    }

    /// How long request `n` takes on a good day.
    pub fn latency(&self, n: u64) -> Duration {
        // most are quick, a few take some times as long
        let dice = self.dice(n, 1);
        self.base.mul_f64(0.7 + dice + 3.0 * dice.powi(12))
    }

    /// Whether an incident strikes request `n`.
    pub fn strikes(&self, incident: &Incident, n: u64) -> bool {
        self.dice(n, 2) < incident.share
    }

    /// A number from 0 to 1 that depends on nothing but the seed, the replica, the request and the question.
    fn dice(&self, n: u64, question: u64) -> f64 {
        let mix = [self.seed, u64::from(self.replica), n, question]
            .iter()
            .fold(0u64, |mix, part| (mix ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        Rng::with_seed(mix).f64()
    }
}

/// Every kind of incident, in a new order: none is missing for long.
fn refill(rng: &mut Rng) -> Vec<Kind> {
    let slow = |rng: &mut Rng| Kind::Slow(millis(rng, 600..1_500));
    let mut bag = vec![slow(rng), slow(rng), Kind::Errors, Kind::Errors, Kind::Hang, Kind::Crash];
    rng.shuffle(&mut bag);
    bag
}

fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}
