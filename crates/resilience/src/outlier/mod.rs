//! Outlier ejection: an endpoint that fails again and again gets no traffic for a while, longer each time.
//!
//! Never more endpoints are ejected than a share allows (but one may always be), and never the last one: a balancer
//! without endpoints helps nobody. Failures on this side (no connection) and on the other (an error answer) are
//! counted apart. Source of the rules: Envoy's outlier detection.
//!
//! ```
//! use seaworthy_resilience::outlier::{Origin, Outlier, Settings};
//! use tokio::time::Instant;
//!
//! let now = Instant::now();
//! let outlier = Outlier::new(Settings::default());
//! outlier.set_members(["a", "b"], now);
//! for _ in 0..5 {
//!     outlier.record(&"a", Origin::Upstream, false, now);
//! }
//! assert!(outlier.is_ejected(&"a", now) && !outlier.is_ejected(&"b", now));
//! ```

mod machine;
#[cfg(test)]
mod tests;

pub use machine::{Ejection, Machine, Origin};

use crate::contradiction::{Contradiction, Findings};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use crate::lock::lock;
use serde_json::{Value, json};
use std::fmt::Display;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// When an endpoint is ejected, for how long, and how many may be.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Settings {
    /// Ejected after this many error answers in a row.
    pub consecutive_upstream: Option<u32>,
    /// Ejected after this many failures on this side (no connection, a broken one) in a row.
    pub consecutive_local: Option<u32>,
    /// How long the first time; times the number of ejections in a row.
    #[serde(serialize_with = "crate::text::duration")]
    pub base: Duration,
    /// The longest ejection.
    #[serde(serialize_with = "crate::text::duration")]
    pub max: Duration,
    /// For each such time in service, one ejection is forgotten.
    #[serde(serialize_with = "crate::text::duration")]
    pub forget_after: Duration,
    /// The percentage of endpoints that may be ejected at once; one may always be, the last one never.
    pub max_percent: f64,
}

impl Default for Settings {
    /// 5 in a row; 30 s times the ejections, up to 5 min, one forgotten every 30 s; 10 %.
    fn default() -> Self {
        Self {
            consecutive_upstream: Some(5),
            consecutive_local: Some(5),
            base: Duration::from_secs(30),
            max: Duration::from_secs(300),
            forget_after: Duration::from_secs(30),
            max_percent: 10.0,
        }
    }
}

impl Settings {
    /// Everything that cannot be meant.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        let set = self.consecutive_upstream.is_some() || self.consecutive_local.is_some();
        found.expect(set, "consecutive_upstream", "nothing ejects an endpoint; set it or consecutive_local");
        found.expect(self.consecutive_upstream != Some(0), "consecutive_upstream", "must be at least 1");
        found.expect(self.consecutive_local != Some(0), "consecutive_local", "must be at least 1");
        found.expect(!self.base.is_zero(), "base", "must be longer than zero");
        found.expect(self.base <= self.max, "max", "is shorter than base");
        found.expect(!self.forget_after.is_zero(), "forget_after", "must be longer than zero");
        let share = self.max_percent > 0.0 && self.max_percent <= 100.0;
        found.expect(share, "max_percent", "must be above 0 and at most 100");
        found.done()
    }
}

/// The ejections of one group of endpoints, shared by every call.
#[derive(Debug)]
pub struct Outlier<K> {
    settings: Settings,
    machine: Mutex<Machine<K>>,
    upstream: Counter,
    local: Counter,
    spared: Counter,
}

impl<K: Hash + Eq + Clone> Outlier<K> {
    /// Without endpoints.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            machine: Mutex::new(Machine::new(settings)),
            upstream: Counter::default(),
            local: Counter::default(),
            spared: Counter::default(),
        }
    }

    /// Which endpoints there are. What is known of those that stay is kept.
    pub fn set_members(&self, members: impl IntoIterator<Item = K>, now: Instant) {
        lock(&self.machine).set_members(members, now);
    }

    /// How a call to an endpoint ended, and what followed from it.
    pub fn record(&self, endpoint: &K, origin: Origin, ok: bool, now: Instant) -> Ejection {
        let ejection = lock(&self.machine).record(endpoint, origin, ok, now);
        match (ejection, origin) {
            (Ejection::Ejected { .. }, Origin::Upstream) => self.upstream.add(),
            (Ejection::Ejected { .. }, Origin::Local) => self.local.add(),
            (Ejection::Spared, _) => self.spared.add(),
            (Ejection::None, _) => {}
        }
        ejection
    }

    /// Whether an endpoint is to get no traffic.
    pub fn is_ejected(&self, endpoint: &K, now: Instant) -> bool {
        lock(&self.machine).is_ejected(endpoint, now)
    }
}

impl<K: Hash + Eq + Clone + Display + Send + Sync> PolicyStatus for Outlier<K> {
    fn kind(&self) -> &'static str {
        "outlier"
    }
    fn settings(&self) -> Value {
        as_json(&self.settings)
    }
    fn state(&self) -> Value {
        let now = Instant::now();
        let machine = lock(&self.machine);
        let mut ejected: Vec<Value> = machine
            .ejected(now)
            .map(|(endpoint, left)| json!({ "endpoint": endpoint.to_string(), "left_ms": left.as_millis() as u64 }))
            .collect();
        ejected.sort_by_key(|entry| entry["endpoint"].to_string());
        json!({ "endpoints": machine.len(), "ejected": ejected })
    }
    fn effects(&self) -> Vec<Effect> {
        vec![
            self.upstream.effect("ejected_after_upstream_errors"),
            self.local.effect("ejected_after_local_errors"),
            self.spared.effect("spared_by_the_cap"),
        ]
    }
}
