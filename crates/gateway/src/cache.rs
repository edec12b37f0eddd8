//! The response cache: RFC 9111 rules (by the http-cache-semantics crate), a bound in bytes, one fetch at a time per
//! key, and purging by path or tag.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_cache_semantics::CachePolicy;
use moka::notification::RemovalCause;
use tokio::sync::watch;

use crate::access::Caller;

mod counts;

pub(crate) use counts::Counts;

/// Most variants (by `Vary`) kept of one resource; the oldest goes first.
const MAX_VARIANTS: usize = 16;
/// How long a resource that turned out not to be storable is fetched without waiting for each other.
const PASS_TTL: Duration = Duration::from_secs(10);

/// What a cached answer is found by. The method is always GET.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// What tells the route from others with the same path: see `RoutePlan::identity`.
    pub(crate) route: Arc<str>,
    /// Who it was made for, where the route asks who calls.
    pub(crate) caller: Option<Arc<Caller>>,
    /// Whether the client came by TLS: services redirect those that did not.
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) target: String,
}

/// One stored answer.
pub(crate) struct Entry {
    pub(crate) policy: CachePolicy,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When it stops being fresh.
    pub(crate) expires: SystemTime,
    pub(crate) tags: Vec<String>,
    /// How long after expiry it may be served while it is fetched anew.
    pub(crate) while_revalidate: Duration,
    /// How long after expiry it may be served when the service fails.
    pub(crate) if_error: Duration,
    /// Where it is counted.
    pub(crate) counts: Arc<Counts>,
}

impl Entry {
    /// How long it has been stale; zero while it is fresh.
    pub(crate) fn staleness(&self, now: SystemTime) -> Duration {
        now.duration_since(self.expires).unwrap_or_default()
    }
}

type Variants = Arc<Vec<Arc<Entry>>>;

/// The cache of all routes.
pub(crate) struct Store {
    entries: moka::sync::Cache<Key, Variants>,
    /// Resources known not to be storable.
    pass: moka::sync::Cache<Key, ()>,
    flights: Mutex<HashMap<Key, watch::Sender<()>>>,
}

/// The right to fetch a resource; others wait until it is dropped.
pub(crate) struct Flight {
    store: Arc<Store>,
    key: Key,
}

impl Drop for Flight {
    fn drop(&mut self) {
        // dropping the sender wakes all who wait
        self.store.flights().remove(&self.key);
    }
}

/// Who fetches.
pub(crate) enum Boarding {
    /// The caller.
    Fetch(Flight),
    /// Somebody else, who is done when this resolves.
    Wait(watch::Receiver<()>),
}

impl Store {
    /// A cache of at most `bytes`, bodies and headers counted.
    pub(crate) fn new(bytes: u64) -> Self {
        let entries = moka::sync::Cache::builder().max_capacity(bytes).weigher(weight);
        Self {
            entries: entries.eviction_listener(let_go).build(),
            pass: moka::sync::Cache::builder().max_capacity(10_000).time_to_live(PASS_TTL).build(),
            flights: Mutex::default(),
        }
    }

    /// Does now what the cache otherwise does in passing: lets go of what has no room. For those who look at it.
    pub(crate) fn tidy(&self) {
        self.entries.run_pending_tasks();
    }

    /// Bytes held, as of the last housekeeping.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    /// Resources held.
    pub(crate) fn resources(&self) -> u64 {
        self.entries.entry_count()
    }

    /// All variants of a resource.
    pub(crate) fn get(&self, key: &Key) -> Option<Variants> {
        self.entries.get(key)
    }

    /// Stores an answer in place of the variant it replaces.
    pub(crate) fn put(&self, key: Key, entry: Entry, replaces: impl Fn(&Entry) -> bool) {
        entry.counts.stored.add();
        self.pass.invalidate(&key);
        let entry = Arc::new(entry);
        self.entries.entry_by_ref(&key).and_upsert_with(|old| {
            let mut variants: Vec<_> = old.map(|old| old.into_value().to_vec()).unwrap_or_default();
            variants.retain(|known| !replaces(known));
            if variants.len() >= MAX_VARIANTS {
                variants.remove(0);
            }
            variants.push(Arc::clone(&entry));
            let variants = Arc::new(variants);
            // before it is in the cache: it may leave at once
            entry.counts.hold(weight(&key, &variants));
            variants
        });
    }

    /// Notes that a resource cannot be stored, so that requests for it need not queue behind each other.
    pub(crate) fn pass(&self, key: &Key) {
        self.pass.insert(key.clone(), ());
    }

    pub(crate) fn is_passed(&self, key: &Key) -> bool {
        self.pass.contains_key(key)
    }

    /// Asks for the right to fetch.
    pub(crate) fn board(self: &Arc<Self>, key: &Key) -> Boarding {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(key) {
            return Boarding::Wait(flight.subscribe());
        }
        flights.insert(key.clone(), watch::Sender::new(()));
        Boarding::Fetch(Flight { store: Arc::clone(self), key: key.clone() })
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<Key, watch::Sender<()>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets one resource.
    pub(crate) fn forget(&self, key: &Key) {
        self.entries.invalidate(key);
    }

    /// Forgets every resource whose path starts with `prefix`. Returns how many.
    pub(crate) fn purge_path(&self, prefix: &str) -> usize {
        self.purge(|key, _| key.target.starts_with(prefix))
    }

    /// Forgets every resource that carries `tag` (in `Cache-Tag` or `Surrogate-Key`). Returns how many.
    pub(crate) fn purge_tag(&self, tag: &str) -> usize {
        self.purge(|_, variants| variants.iter().any(|entry| entry.tags.iter().any(|t| t == tag)))
    }

    fn purge(&self, doomed: impl Fn(&Key, &Variants) -> bool) -> usize {
        let found: Vec<_> = self.entries.iter().filter(|(key, variants)| doomed(key, variants)).collect();
        for (key, variants) in &found {
            self.entries.invalidate(key.as_ref());
            if let Some(counts) = counts_of(variants) {
                counts.purged.add();
            }
        }
        found.len()
    }
}

/// Bodies, headers and what there is around them.
fn weight(key: &Key, variants: &Variants) -> u32 {
    let bodies: u64 =
        variants.iter().map(|entry| entry.body.len() as u64 + headers_size(&entry.headers)).sum();
    u32::try_from(bodies + key.target.len() as u64 + 512).unwrap_or(u32::MAX)
}

/// A resource is counted where its latest variant is.
fn counts_of(variants: &Variants) -> Option<&Counts> {
    variants.last().map(|entry| &*entry.counts)
}

/// A resource left the cache, or was replaced in it.
#[allow(clippy::needless_pass_by_value, reason = "what the cache calls")]
fn let_go(key: Arc<Key>, variants: Variants, why: RemovalCause) {
    let Some(counts) = counts_of(&variants) else { return };
    counts.let_go(weight(&key, &variants));
    if why.was_evicted() {
        counts.evicted.add();
    }
}

fn headers_size(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 32) as u64).sum()
}

/// The tags of an answer.
pub(crate) fn tags(headers: &HeaderMap) -> Vec<String> {
    let split = |name: &str, by: fn(char) -> bool| {
        let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        values
            .join(",")
            .split(by)
            .filter(|tag| !tag.trim().is_empty())
            .map(|tag| tag.trim().to_owned())
            .collect()
    };
    let mut tags: Vec<String> = split("cache-tag", |c| c == ',');
    tags.extend(split("surrogate-key", |c| c == ' ' || c == ','));
    tags.truncate(64);
    tags
}

/// A number of seconds from a `Cache-Control` extension such as `stale-if-error` (RFC 5861).
pub(crate) fn directive(headers: &HeaderMap, name: &str) -> Option<Duration> {
    headers
        .get_all(http::header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|part| part.trim().split_once('='))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .and_then(|(_, seconds)| seconds.trim_matches('"').parse().ok())
        .map(Duration::from_secs)
}
