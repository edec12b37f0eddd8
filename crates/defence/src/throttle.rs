//! Who tries passwords: one that fails with many names, and names that fail from everywhere.

use crate::addresses::client_network;
use ipnet::IpNet;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From how many failures on a client is kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Failures are counted within this time. Default 15 min.
    pub window: Duration,
    /// Failures with so many different names are credential stuffing. Default 5.
    pub identities: usize,
    /// So many failures with few names are brute force. Default 20.
    pub failures: u32,
    /// How long a client is kept out the first time; each further time twice as long. Default 1 min.
    pub deny: Duration,
    /// And no longer than this. Default 1 h.
    pub deny_most: Duration,
    /// So many clients are known at a time. Default 50,000.
    pub clients: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: Duration::from_mins(15),
            identities: 5,
            failures: 20,
            deny: Duration::from_mins(1),
            deny_most: Duration::from_hours(1),
            clients: 50_000,
        }
    }
}

/// Why a client is kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Many names, few tries each.
    Stuffing,
    /// Few names, many tries.
    BruteForce,
}

impl Attack {
    /// The stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stuffing => "credential_stuffing",
            Self::BruteForce => "brute_force",
        }
    }
}

/// Whether a client may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may. The score is 0 for one without failures, and 100 where it would be kept out.
    Pass {
        /// 0 to 99.
        score: u32,
    },
    /// It may not, for so long.
    Deny {
        /// What it did.
        attack: Attack,
        /// For `Retry-After`.
        left: Duration,
    },
}

#[derive(Debug)]
struct Client {
    since: Instant,
    last: Instant,
    failures: u32,
    /// Hashes of names, never more than the limit.
    names: Vec<u64>,
    strikes: u32,
    denied: Option<(Attack, Instant)>,
}

/// Failures by client network. A success of a client takes back one name, not all: an attacker owns an account too.
#[derive(Debug)]
pub struct Throttle {
    settings: Settings,
    clients: Mutex<HashMap<IpNet, Client>>,
    /// Names are kept as keyed hashes: the table tells nobody who tried to log in.
    hasher: RandomState,
}

impl Throttle {
    /// Nobody is known yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, clients: Mutex::default(), hasher: RandomState::new() }
    }

    /// Whether this client may try now.
    pub fn check(&self, ip: IpAddr, now: Instant) -> Verdict {
        let clients = self.lock();
        clients
            .get(&client_network(ip))
            .map_or(Verdict::Pass { score: 0 }, |client| self.verdict(client, now))
    }

    /// It failed to log in as `identity`, whether there is such a one or not.
    pub fn failed(&self, ip: IpAddr, identity: &str, now: Instant) -> Verdict {
        let name = self.hasher.hash_one(identity);
        let mut clients = self.lock();
        let network = client_network(ip);
        self.make_room(&mut clients, network, now);
        let client = clients.entry(network).or_insert_with(|| Client {
            since: now,
            last: now,
            failures: 0,
            names: Vec::new(),
            strikes: 0,
            denied: None,
        });
        if now.duration_since(client.since) >= self.settings.window {
            (client.since, client.failures) = (now, 0);
            client.names.clear();
        }
        client.last = now;
        client.failures = client.failures.saturating_add(1);
        if !client.names.contains(&name) && client.names.len() < self.settings.identities {
            client.names.push(name);
        }
        self.strike(client, now);
        self.verdict(client, now)
    }

    /// It logged in as `identity`.
    pub fn succeeded(&self, ip: IpAddr, identity: &str, _now: Instant) {
        let name = self.hasher.hash_one(identity);
        if let Some(client) = self.lock().get_mut(&client_network(ip)) {
            client.names.retain(|own| *own != name);
            client.failures = client.failures.saturating_sub(1);
        }
    }

    /// How many clients are known.
    pub fn clients(&self) -> usize {
        self.lock().len()
    }

    fn strike(&self, client: &mut Client, now: Instant) {
        let attack = if client.names.len() >= self.settings.identities {
            Attack::Stuffing
        } else if client.failures >= self.settings.failures {
            Attack::BruteForce
        } else {
            return;
        };
        let longer = 1u32.checked_shl(client.strikes.min(20)).unwrap_or(u32::MAX);
        let time = self.settings.deny.saturating_mul(longer).min(self.settings.deny_most);
        client.strikes = client.strikes.saturating_add(1);
        client.denied = now.checked_add(time).map(|until| (attack, until));
        (client.since, client.failures) = (now, 0);
        client.names.clear();
    }

    fn verdict(&self, client: &Client, now: Instant) -> Verdict {
        match client.denied {
            Some((attack, until)) if now < until => Verdict::Deny { attack, left: until.duration_since(now) },
            _ if now.duration_since(client.since) >= self.settings.window => Verdict::Pass { score: 0 },
            _ => {
                let names = client.names.len() * 100 / self.settings.identities.max(1);
                let failures = u64::from(client.failures) * 100 / u64::from(self.settings.failures.max(1));
                let score = names.max(usize::try_from(failures).unwrap_or(99)).min(99);
                Verdict::Pass { score: u32::try_from(score).unwrap_or(99) }
            }
        }
    }

    /// Those that are quiet go first; one that is kept out never goes before one that is not.
    fn make_room(&self, clients: &mut HashMap<IpNet, Client>, network: IpNet, now: Instant) {
        if clients.len() < self.settings.clients.max(1) || clients.contains_key(&network) {
            return;
        }
        // strikes are remembered for as long as one could be kept out
        let memory = self.settings.window.max(self.settings.deny_most);
        clients.retain(|_, client| now.duration_since(client.last) < memory);
        if clients.len() >= self.settings.clients.max(1) {
            let rank = |client: &Client| (client.denied.is_some_and(|(_, until)| now < until), client.last);
            let mut ranks: Vec<_> =
                clients.iter().map(|(network, client)| (rank(client), *network)).collect();
            // an eighth at once: a flood pays for its sorting
            let many = (ranks.len() / 8).max(1);
            ranks.select_nth_unstable_by_key(many - 1, |(rank, _)| *rank);
            for (_, network) in ranks.into_iter().take(many) {
                clients.remove(&network);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpNet, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    // ASVS 6.3.1
    #[test]
    fn many_names_or_many_tries_are_kept_out_longer_each_time() {
        let throttle = Throttle::new(Settings::default());
        let start = Instant::now();
        for name in ["a", "b", "c", "d"] {
            assert!(matches!(throttle.failed(ip(1), name, start), Verdict::Pass { .. }));
        }
        assert_eq!(throttle.check(ip(1), start), Verdict::Pass { score: 80 });
        let minute = Duration::from_mins(1);
        let denied = |attack, left| Verdict::Deny { attack, left };
        assert_eq!(throttle.failed(ip(1), "e", start), denied(Attack::Stuffing, minute));
        assert_eq!(throttle.check(ip(2), start), Verdict::Pass { score: 0 });
        let later = start + minute;
        assert_eq!(throttle.check(ip(1), later), Verdict::Pass { score: 0 });
        for _ in 0..19 {
            assert!(matches!(throttle.failed(ip(1), "a", later), Verdict::Pass { .. }));
        }
        assert_eq!(throttle.failed(ip(1), "a", later), denied(Attack::BruteForce, minute * 2));
    }

    #[test]
    fn slow_failures_and_own_mistakes_are_forgiven() {
        let throttle = Throttle::new(Settings::default());
        let start = Instant::now();
        for turn in 0..50u32 {
            let now = start + Duration::from_mins(16) * turn;
            assert!(matches!(throttle.failed(ip(1), &turn.to_string(), now), Verdict::Pass { .. }));
        }
        for _ in 0..50 {
            throttle.failed(ip(2), "me", start);
            throttle.succeeded(ip(2), "me", start);
        }
        assert_eq!(throttle.check(ip(2), start), Verdict::Pass { score: 0 });
    }

    #[test]
    fn a_flood_of_clients_frees_no_one() {
        let throttle = Throttle::new(Settings { clients: 100, ..Settings::default() });
        let start = Instant::now();
        for name in 0..5 {
            throttle.failed(ip(1), &name.to_string(), start);
        }
        for number in 0..5_000u32 {
            throttle.failed(IpAddr::from(number.to_be_bytes()), "x", start + Duration::from_secs(1));
        }
        assert!(throttle.clients() <= 100);
        assert!(matches!(throttle.check(ip(1), start), Verdict::Deny { .. }));
    }

    #[test]
    fn one_network_of_version_six_is_one_client() {
        let throttle = Throttle::new(Settings::default());
        let now = Instant::now();
        for host in 0..5 {
            throttle.failed(format!("2001:db8::{host}").parse().unwrap(), &host.to_string(), now);
        }
        assert!(matches!(throttle.check("2001:db8::ffff".parse().unwrap(), now), Verdict::Deny { .. }));
    }
}
