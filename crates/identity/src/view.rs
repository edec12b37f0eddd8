//! Keys and tokens as the data plane looks at them: a snapshot in memory, so that no request waits for the store.
//!
//! It is read anew at every change: at once in the process that makes it, within moments in others. Where the store is
//! away the last one goes on; a key ends at its deadline all the same.

mod load;
mod token;

pub use token::TokenCaller;
use token::Verified;

use crate::keys::{KeyCaller, spelling};
use crate::principal::HeldGrant;
use crate::rbac::Policy;
use crate::{Error, Reject, Settings, topic};
use aws_lc_rs::hmac;
use seaworthy_store::seal::Keyring;
use seaworthy_store::{Query, Store, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};

/// How often it is looked for changes where no notice comes.
const POLL: Duration = Duration::from_secs(5);

/// How many access tokens are remembered.
const MOST_VERIFIED: u64 = 10_000;

/// Keys, tokens and the people behind them. Clones share it.
#[derive(Debug, Clone)]
pub struct View(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    policy: Arc<Policy>,
    peppers: HashMap<u32, hmac::Key>,
    issuer: String,
    audience: String,
    leeway: Duration,
    now: RwLock<Arc<Snapshot>>,
    /// Access tokens whose signature was verified, by digest.
    verified: moka::sync::Cache<[u8; 32], Arc<Verified>>,
    /// Held while one is read, so that an older one never takes the place of a newer.
    reading: tokio::sync::Mutex<()>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    refreshed: AtomicU64,
    failed: AtomicU64,
}

/// How it was, as of a generation.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    generation: i64,
    keys: HashMap<String, Key>,
    people: HashMap<String, Arc<Person>>,
    /// Public keys of our own tokens, by id.
    signing: HashMap<String, [u8; 32]>,
    /// `jti:…` and `family:…`, until then.
    revoked: HashMap<String, Timestamp>,
    /// What others vouched for; where a moment stands there, what was issued until then.
    pub(crate) foreign: HashMap<String, Option<Timestamp>>,
}

#[derive(Debug)]
struct Key {
    digest: [u8; 32],
    pepper: u32,
    caller: Arc<KeyCaller>,
    used: Arc<Used>,
}

/// When a key was last used, and what of that is written down; microseconds since 1970.
#[derive(Debug, Default)]
struct Used {
    at: AtomicI64,
    written: AtomicI64,
}

#[derive(Debug)]
struct Person {
    name: String,
    roles: Vec<String>,
    tenant: Option<String>,
    grants: Vec<HeldGrant>,
    is_enabled: bool,
    tokens_from: Timestamp,
}

impl View {
    pub(crate) async fn open(
        store: Store,
        keyring: Arc<Keyring>,
        policy: Arc<Policy>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let mut peppers = HashMap::new();
        for version in keyring.versions() {
            let pepper = keyring.derive("api-key", version)?;
            peppers.insert(version, hmac::Key::new(hmac::HMAC_SHA256, pepper.expose()));
        }
        let view = Self(Arc::new(Inner {
            store,
            policy,
            peppers,
            issuer: settings.issuer.clone(),
            audience: settings.tokens.audience.clone(),
            leeway: settings.tokens.leeway,
            now: RwLock::default(),
            verified: moka::sync::Cache::new(MOST_VERIFIED),
            reading: tokio::sync::Mutex::new(()),
            counts: Counts::default(),
        }));
        view.refresh().await?;
        tokio::spawn(follow(Arc::downgrade(&view.0)));
        Ok(view)
    }

    /// Who calls with this key. Touches nothing but memory.
    ///
    /// # Errors
    /// Why it is refused: a key whose deadline is now is over.
    pub fn check_key(&self, key: &str, now: SystemTime) -> Result<Arc<KeyCaller>, Reject> {
        self.counted(self.look_up(key, now.into()))
    }

    fn look_up(&self, text: &str, now: Timestamp) -> Result<Arc<KeyCaller>, Reject> {
        let id = spelling::id(text)?;
        let snapshot = self.snapshot();
        let key = snapshot.keys.get(id).ok_or(Reject::Unknown)?;
        let pepper = self.0.peppers.get(&key.pepper).ok_or(Reject::Unknown)?;
        // compared in a time that tells nothing
        hmac::verify(pepper, text.as_bytes(), &key.digest).map_err(|_| Reject::Wrong)?;
        if key.caller.expires.is_some_and(|expires| now >= expires) {
            return Err(Reject::Expired);
        }
        key.used.at.fetch_max(now.as_micros(), Relaxed);
        Ok(Arc::clone(&key.caller))
    }

    /// Who calls with this access token of ours. Touches nothing but memory.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check_token(&self, token: &str, now: SystemTime) -> Result<Arc<TokenCaller>, Reject> {
        self.counted(token::check(&self.0, &self.snapshot(), token, now.into()))
    }

    /// Whether a text is written as one of our API keys, whoever's it is.
    pub fn is_key(text: &str) -> bool {
        text.starts_with("sw_")
    }

    /// How many were accepted and refused, how often it was read anew, and how often that failed.
    pub fn counts(&self) -> (u64, u64, u64, u64) {
        let Counts { accepted, refused, refreshed, failed } = &self.0.counts;
        (accepted.load(Relaxed), refused.load(Relaxed), refreshed.load(Relaxed), failed.load(Relaxed))
    }

    /// Reads everything anew.
    ///
    /// # Errors
    /// [`Error::Store`]: the last one goes on.
    pub async fn refresh(&self) -> Result<(), Error> {
        let _alone = self.0.reading.lock().await;
        let before = self.snapshot();
        match load::snapshot(&self.0, &before).await {
            Ok(new) => {
                *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                self.0.counts.refreshed.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(error) => {
                self.0.counts.failed.fetch_add(1, Relaxed);
                Err(error)
            }
        }
    }

    pub(crate) fn public_keys(&self) -> Vec<(String, [u8; 32])> {
        let mut keys: Vec<_> = self.snapshot().signing.iter().map(|(id, key)| (id.clone(), *key)).collect();
        keys.sort();
        keys
    }

    /// The uses that were not taken yet.
    pub(crate) fn take_uses(&self) -> Vec<(String, Timestamp)> {
        let snapshot = self.snapshot();
        let new = snapshot.keys.iter().filter_map(|(id, key)| {
            let at = key.used.at.load(Relaxed);
            (key.used.written.fetch_max(at, Relaxed) < at).then(|| (id.clone(), Timestamp::from_micros(at)))
        });
        new.collect()
    }

    async fn refresh_if_changed(&self) -> Result<(), Error> {
        let query = Query::new("SELECT generation FROM identity_generation WHERE id = 1");
        let generation: i64 = self.0.store.fetch_one(query).await?.get("generation")?;
        if generation == self.snapshot().generation {
            return Ok(());
        }
        self.refresh().await
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn counted<T>(&self, answer: Result<T, Reject>) -> Result<T, Reject> {
        let counter = if answer.is_ok() { &self.0.counts.accepted } else { &self.0.counts.refused };
        counter.fetch_add(1, Relaxed);
        answer
    }
}

/// Reads anew at notices, and looks by itself now and then, as long as somebody uses the view.
async fn follow(inner: Weak<Inner>) {
    let Some(mut notices) = inner.upgrade().map(|inner| inner.store.subscribe()) else { return };
    loop {
        let heard = async { while notices.next().await.is_some_and(|notice| notice.topic != topic::VIEW) {} };
        let _ = tokio::time::timeout(POLL, heard).await;
        let Some(inner) = inner.upgrade() else { return };
        match View(inner).refresh_if_changed().await {
            Err(Error::Store(seaworthy_store::Error::Closed)) => return,
            Err(error) => tracing::debug!(%error, "the view of keys and tokens could not be read anew"),
            Ok(()) => {}
        }
    }
}
