use std::time::Duration;
use tokio::time::Instant;

/// An average response time that follows a rise at once and a fall slowly. Holds no lock and reads no clock.
#[derive(Debug)]
pub struct Estimate {
    seconds: f64,
    stamp: Instant,
    decay: f64,
}

impl Estimate {
    /// An estimate that starts at `initial`.
    pub fn new(initial: Duration, decay: Duration, now: Instant) -> Self {
        Self { seconds: initial.as_secs_f64(), stamp: now, decay: decay.as_secs_f64().max(1e-9) }
    }

    /// The estimate at `now`. It falls while nothing is heard, so that an endpoint that was slow once is tried again.
    pub fn at(&self, now: Instant) -> f64 {
        self.seconds * self.weight(now)
    }

    /// Takes in a response time.
    pub fn observe(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let weight = self.weight(now);
        let average = self.seconds * weight + took * (1.0 - weight);
        self.seconds = if took > self.seconds { took } else { average };
        self.stamp = self.stamp.max(now);
    }

    /// Takes in a time that is only known to be no shorter.
    pub fn observe_at_least(&mut self, took: Duration, now: Instant) {
        if took.as_secs_f64() > self.at(now) {
            self.observe(took, now);
        }
    }

    fn weight(&self, now: Instant) -> f64 {
        (-now.saturating_duration_since(self.stamp).as_secs_f64() / self.decay).exp()
    }
}
