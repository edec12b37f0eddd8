//! A shared view of one breaker across instances, as advice.
//!
//! Every instance decides for itself: one bad node that reports nonsense must never take a service away from all the
//! others. What peers report only tells an operator, or an instance with too little traffic of its own to judge,
//! what most of them see.

use super::Phase;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// When peers' reports are worth advice.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Settings {
    /// With fewer fresh reports than this there is none.
    pub min_peers: usize,
    /// The share of peers that must agree; above one half.
    pub ratio: f64,
    /// How long a report counts.
    #[serde(serialize_with = "crate::text::duration")]
    pub fresh_for: Duration,
    /// How many peers are remembered at most.
    pub max_peers: usize,
}

impl Default for Settings {
    /// Two thirds of at least three peers, heard within 10 s; 256 peers at most.
    fn default() -> Self {
        Self { min_peers: 3, ratio: 2.0 / 3.0, fresh_for: Duration::from_secs(10), max_peers: 256 }
    }
}

/// What the peers' reports suggest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Too few fresh reports, or the peers disagree.
    None,
    /// Most peers see what this instance sees.
    Agree,
    /// Most peers' breakers are open and this one's is not: the service may be failing where this instance does not
    /// look. Worth a warning, or an earlier trip — not a trip.
    MostOpen {
        /// How many are open or isolated.
        open: usize,
        /// Of how many fresh reports.
        of: usize,
    },
    /// Most peers' breakers are closed and this one's is not: the fault may lie between here and the service.
    MostClosed {
        /// How many are closed.
        closed: usize,
        /// Of how many fresh reports.
        of: usize,
    },
}

/// The peers' last reports about one breaker.
#[derive(Debug)]
pub struct Quorum {
    settings: Settings,
    reports: BTreeMap<String, (Phase, Instant)>,
}

impl Quorum {
    /// Without reports.
    pub const fn new(settings: Settings) -> Self {
        Self { settings, reports: BTreeMap::new() }
    }

    /// Takes a peer's report. Once the table is full, a new peer takes the place of the one heard longest ago.
    pub fn report(&mut self, peer: &str, phase: Phase, now: Instant) {
        if !self.reports.contains_key(peer) && self.reports.len() >= self.settings.max_peers.max(1) {
            let oldest = self.reports.iter().min_by_key(|(_, (_, at))| *at).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.reports.remove(&name));
        }
        self.reports.insert(peer.to_owned(), (phase, now));
    }

    /// What the fresh reports suggest to an instance that is in `local`. A half-open peer counts for neither side.
    pub fn advice(&self, local: Phase, now: Instant) -> Advice {
        let fresh = |at: Instant| now.saturating_duration_since(at) <= self.settings.fresh_for;
        let phases: Vec<Phase> =
            self.reports.values().filter(|(_, at)| fresh(*at)).map(|(phase, _)| *phase).collect();
        let of = phases.len();
        if of < self.settings.min_peers.max(1) {
            return Advice::None;
        }
        let closed = phases.iter().filter(|phase| **phase == Phase::Closed).count();
        let open = phases.iter().filter(|phase| matches!(phase, Phase::Open | Phase::Isolated)).count();
        // a share of one half or less would let both sides win
        let needed = self.settings.ratio.clamp(0.5, 1.0) * of as f64;
        let most = |count: usize| count as f64 >= needed && count * 2 > of;
        match (most(open), most(closed), local == Phase::Closed) {
            (true, _, true) => Advice::MostOpen { open, of },
            (_, true, false) => Advice::MostClosed { closed, of },
            (true, _, false) | (_, true, true) => Advice::Agree,
            (false, false, _) => Advice::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quorum(phases: &[Phase], now: Instant) -> Quorum {
        let mut quorum = Quorum::new(Settings::default());
        for (i, phase) in phases.iter().enumerate() {
            quorum.report(&format!("peer-{i}"), *phase, now);
        }
        quorum
    }

    #[test]
    fn two_thirds_decide_and_fewer_do_not() {
        use Phase::{Closed, HalfOpen, Open};
        let now = Instant::now();
        let advice = |phases: &[Phase], local| quorum(phases, now).advice(local, now);
        assert_eq!(advice(&[Open, Open], Closed), Advice::None);
        assert_eq!(advice(&[Open, Open, Closed], Closed), Advice::MostOpen { open: 2, of: 3 });
        assert_eq!(advice(&[Open, Open, Closed], Open), Advice::Agree);
        assert_eq!(advice(&[Closed, Closed, Open], HalfOpen), Advice::MostClosed { closed: 2, of: 3 });
        assert_eq!(advice(&[Open, Open, Closed, Closed], Closed), Advice::None);
    }

    #[test]
    fn old_reports_count_for_nothing_and_the_table_is_bounded() {
        let now = Instant::now();
        let mut quorum = quorum(&[Phase::Open; 3], now);
        let later = now + Duration::from_secs(11);
        assert_eq!(quorum.advice(Phase::Closed, later), Advice::None);
        for i in 0..1_000 {
            quorum.report(&format!("liar-{i}"), Phase::Open, later);
        }
        assert_eq!(quorum.reports.len(), 256);
    }
}
