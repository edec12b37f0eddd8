use super::{Decision, Gcra, Settings, nanos_since};
use crate::effects::{Counter, Effect, PolicyStatus, as_json};
use crate::lock::lock;
use serde_json::{Value, json};
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Mutex;
use tokio::time::Instant;

/// Locks are split once a table holds enough keys for it to matter.
const SHARDS: usize = 16;
const KEYS_PER_SHARD: usize = 64;

/// One rate *per key* (an address, a tenant, …), in a table that never holds more than its bound.
///
/// A key whose burst is whole again is not different from one never seen, so those leave first; when every key is
/// in use the one closest to whole leaves, which gives away the least. The hash is seeded per process, so that
/// callers cannot choose keys that collide.
///
/// ```
/// use seaworthy_resilience::rate_limit::{KeyedLimiter, Settings};
/// use std::time::Duration;
/// use tokio::time::Instant;
///
/// let limiter = KeyedLimiter::new(Settings { requests: 2, per: Duration::from_secs(1), burst: 2 }, 10_000);
/// let now = Instant::now();
/// assert!(limiter.decide("ann", now).allowed && limiter.decide("ann", now).allowed);
/// assert!(!limiter.decide("ann", now).allowed);
/// assert!(limiter.decide("bob", now).allowed);
/// ```
#[derive(Debug)]
pub struct KeyedLimiter<K> {
    settings: Settings,
    gcra: Gcra,
    bound: usize,
    started: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<Shard<K>>>,
    allowed: Counter,
    limited: Counter,
    replaced: Counter,
    forgotten: Counter,
}

/// A part of the table. `order` holds the same keys by when they are whole again.
#[derive(Debug)]
struct Shard<K> {
    capacity: usize,
    keys: HashMap<K, (u64, u64)>,
    order: BTreeMap<(u64, u64), K>,
    sequence: u64,
}

enum Left {
    Nobody,
    Whole,
    InUse,
}

impl<K: Hash + Eq + Clone> KeyedLimiter<K> {
    /// A limiter for at most `bound` keys at a time (at least one).
    pub fn new(settings: Settings, bound: usize) -> Self {
        let bound = bound.max(1);
        let count = (bound / KEYS_PER_SHARD).clamp(1, SHARDS);
        // the remainder goes to the first shards: the capacities add up to the bound exactly
        let shard = |i| Mutex::new(Shard::new(bound / count + usize::from(i < bound % count)));
        Self {
            gcra: Gcra::new(&settings),
            settings,
            bound,
            started: Instant::now(),
            hasher: RandomState::new(),
            shards: (0..count).map(shard).collect(),
            allowed: Counter::default(),
            limited: Counter::default(),
            replaced: Counter::default(),
            forgotten: Counter::default(),
        }
    }

    /// Whether a call for `key` may start now; if so, it counts.
    pub fn decide<Q>(&self, key: &Q, now: Instant) -> Decision
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let now = nanos_since(self.started, now);
        let index = self.hasher.hash_one(key) as usize % self.shards.len();
        let (decision, left) = lock(&self.shards[index]).decide(&self.gcra, key, now);
        let counter = if decision.allowed { &self.allowed } else { &self.limited };
        counter.add();
        match left {
            Left::Nobody => {}
            Left::Whole => self.forgotten.add(),
            Left::InUse => self.replaced.add(),
        }
        decision
    }

    /// How many keys the table holds.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).keys.len()).sum()
    }

    /// Whether no key was seen yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq + Clone> Shard<K> {
    fn new(capacity: usize) -> Self {
        Self { capacity, keys: HashMap::new(), order: BTreeMap::new(), sequence: 0 }
    }

    fn decide<Q>(&mut self, gcra: &Gcra, key: &Q, now: u64) -> (Decision, Left)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(place) = self.keys.get_mut(key) {
            let (decision, arrival) = gcra.decide(place.0, now);
            if arrival != place.0
                && let Some(owned) = self.order.remove(place)
            {
                place.0 = arrival;
                self.order.insert(*place, owned);
            }
            return (decision, Left::Nobody);
        }
        let left = self.make_room(now);
        let (decision, arrival) = gcra.decide(0, now);
        self.sequence += 1;
        let place = (arrival, self.sequence);
        self.keys.insert(key.to_owned(), place);
        self.order.insert(place, key.to_owned());
        (decision, left)
    }

    fn make_room(&mut self, now: u64) -> Left {
        if self.keys.len() < self.capacity {
            return Left::Nobody;
        }
        let Some(((arrival, _), key)) = self.order.pop_first() else { return Left::Nobody };
        self.keys.remove(&key);
        if arrival <= now { Left::Whole } else { Left::InUse }
    }
}

impl<K: Hash + Eq + Clone + Send + Sync> PolicyStatus for KeyedLimiter<K> {
    fn kind(&self) -> &'static str {
        "keyed_rate_limit"
    }
    fn settings(&self) -> Value {
        let mut settings = as_json(&self.settings);
        settings["max_keys"] = self.bound.into();
        settings
    }
    fn state(&self) -> Value {
        json!({ "keys": self.len() })
    }
    fn effects(&self) -> Vec<Effect> {
        vec![
            self.allowed.effect("allowed"),
            self.limited.effect("limited"),
            self.forgotten.effect("whole_keys_forgotten"),
            self.replaced.effect("keys_in_use_replaced"),
        ]
    }
}
