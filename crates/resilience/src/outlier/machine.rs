use super::Settings;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;
use tokio::time::Instant;

/// Where a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The endpoint answered with an error.
    Upstream,
    /// No answer: no connection, a broken one, no answer in time.
    Local,
}

/// What followed from a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ejection {
    /// Nothing.
    None,
    /// The endpoint is out for this long.
    Ejected {
        /// How long.
        lasts: Duration,
    },
    /// It would be out, but too many are.
    Spared,
}

/// Who is ejected and until when: without a lock, a clock or a balancer of its own.
#[derive(Debug)]
pub struct Machine<K> {
    settings: Settings,
    endpoints: HashMap<K, Endpoint>,
}

#[derive(Debug, Clone, Copy)]
struct Endpoint {
    upstream_run: u32,
    local_run: u32,
    /// Ejections in a row, as of `since`.
    ejections: u32,
    /// Out until then, or in service since then.
    since: Instant,
}

impl Endpoint {
    fn new(now: Instant) -> Self {
        Self { upstream_run: 0, local_run: 0, ejections: 0, since: now }
    }

    fn is_ejected(&self, now: Instant) -> bool {
        now < self.since
    }

    /// How many ejections still count at `now`: one is forgotten for each `forget_after` in service.
    fn remembered(&self, now: Instant, forget_after: Duration) -> u32 {
        let healthy = now.saturating_duration_since(self.since);
        let forgotten = healthy.as_nanos() / forget_after.as_nanos().max(1);
        self.ejections.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }
}

impl<K: Hash + Eq + Clone> Machine<K> {
    /// Without endpoints.
    pub fn new(settings: Settings) -> Self {
        Self { settings, endpoints: HashMap::new() }
    }

    /// Which endpoints there are. What is known of those that stay is kept.
    pub fn set_members(&mut self, members: impl IntoIterator<Item = K>, now: Instant) {
        let mut old = std::mem::take(&mut self.endpoints);
        self.endpoints = members
            .into_iter()
            .map(|key| {
                let known = old.remove(&key).unwrap_or_else(|| Endpoint::new(now));
                (key, known)
            })
            .collect();
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Whether an endpoint is to get no traffic. An unknown one is not ejected.
    pub fn is_ejected(&self, endpoint: &K, now: Instant) -> bool {
        self.endpoints.get(endpoint).is_some_and(|known| known.is_ejected(now))
    }

    /// Who is out, and for how much longer.
    pub fn ejected(&self, now: Instant) -> impl Iterator<Item = (&K, Duration)> {
        self.endpoints
            .iter()
            .filter(move |(_, e)| e.is_ejected(now))
            .map(move |(key, e)| (key, e.since - now))
    }

    /// How many may be out at once.
    pub fn cap(&self) -> usize {
        let all = self.endpoints.len();
        let share = (all as f64 * self.settings.max_percent / 100.0) as usize;
        share.max(1).min(all.saturating_sub(1))
    }

    /// How a call to an endpoint ended. Results of an ejected endpoint are of calls that began before: they do not
    /// count again.
    pub fn record(&mut self, endpoint: &K, origin: Origin, ok: bool, now: Instant) -> Ejection {
        let room = self.ejected(now).count() < self.cap();
        let settings = self.settings;
        let Some(known) = self.endpoints.get_mut(endpoint) else { return Ejection::None };
        if known.is_ejected(now) {
            return Ejection::None;
        }
        let (run, limit) = match origin {
            Origin::Upstream => (&mut known.upstream_run, settings.consecutive_upstream),
            Origin::Local => (&mut known.local_run, settings.consecutive_local),
        };
        if ok {
            // an answer proves the connection as well
            known.upstream_run = 0;
            known.local_run = 0;
            return Ejection::None;
        }
        *run = run.saturating_add(1);
        if limit.is_none_or(|limit| *run < limit) {
            return Ejection::None;
        }
        // also where it is spared: it is judged again after as many failures, not with every one
        known.upstream_run = 0;
        known.local_run = 0;
        if !room {
            return Ejection::Spared;
        }
        let times = known.remembered(now, settings.forget_after).saturating_add(1);
        let lasts = settings.base.saturating_mul(times).min(settings.max);
        *known = Endpoint { ejections: times, since: now + lasts, ..*known };
        Ejection::Ejected { lasts }
    }
}
