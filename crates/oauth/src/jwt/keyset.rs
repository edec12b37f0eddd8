//! The keys of one issuer, where they came from and how old they are.

use super::key::{self, Key, KeyError};
use super::limiter::Limiter;
use super::{Algorithm, Counters, Issuer, Keys, Options, count};
use crate::fetch::{self, FetchError, Http};
use crate::flight::{Flight, Lead};
use http::Uri;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// A wrong signature by a key younger than this is just a wrong signature.
const REPLACED_AFTER: Duration = Duration::from_secs(30);

pub(super) struct KeySet {
    remote: Option<Remote>,
    state: RwLock<Arc<State>>,
    /// Grows when a key is gone or replaced: what was verified before has to be verified again.
    generation: AtomicU64,
    /// Until when nothing has to be done about their age, in seconds since 1970: all that a token in the cache costs.
    fresh_until: AtomicU64,
}

struct Remote {
    name: String,
    issuer: String,
    jwks: Option<Uri>,
    plain_http: bool,
    algorithms: Vec<Algorithm>,
    http: Http,
    flight: Arc<Flight<()>>,
    limiter: Limiter,
    global: Arc<Limiter>,
    counters: Arc<Counters>,
    fresh: Duration,
    stale: Duration,
}

#[derive(Default)]
pub(super) struct State {
    keys: Vec<Arc<Key>>,
    fetched: Option<SystemTime>,
    fresh: Duration,
    failures: u32,
    next_try: Option<SystemTime>,
}

/// What to do about the age of the keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Use them.
    Fresh,
    /// Use them, and get new ones meanwhile.
    Due,
    /// Get new ones first; use these if that fails.
    Old,
    /// There are none.
    Gone,
}

/// Keys that fit a token's header.
pub(super) enum Found {
    Keys(Vec<Arc<Key>>),
    /// The key id is known, but not for this algorithm.
    OtherAlgorithm,
    Nothing,
}

impl KeySet {
    pub(super) fn new(
        issuer: &Issuer,
        options: &Options,
        (http, global, counters): (&Http, &Arc<Limiter>, &Arc<Counters>),
    ) -> Result<Arc<Self>, KeyError> {
        let fixed = match &issuer.keys {
            Keys::Hmac(secret) => vec![Arc::new(Key::shared(secret.expose(), &issuer.algorithms)?)],
            Keys::Pem(pem) => vec![Arc::new(Key::from_pem(pem, &issuer.algorithms)?)],
            Keys::StaticJwks(text) => {
                let set = crate::strict::object(text.as_bytes()).ok_or(KeyError::Unreadable)?;
                key::read_set(&set, &issuer.algorithms)?
            }
            Keys::Discovery | Keys::Jwks(_) => Vec::new(),
        };
        let jwks = match &issuer.keys {
            Keys::Jwks(url) => {
                Some(fetch::address(url, issuer.plain_http).map_err(|_| KeyError::Unreadable)?)
            }
            _ => None,
        };
        let remote = matches!(issuer.keys, Keys::Discovery | Keys::Jwks(_)).then(|| Remote {
            name: issuer.name.clone(),
            issuer: issuer.issuer.clone(),
            jwks,
            plain_http: issuer.plain_http,
            algorithms: issuer.algorithms.clone(),
            http: http.clone(),
            flight: Arc::default(),
            limiter: Limiter::new(options.refetch_every, options.refetch_burst),
            global: Arc::clone(global),
            counters: Arc::clone(counters),
            fresh: options.keys_fresh,
            stale: options.keys_stale,
        });
        let state = RwLock::new(Arc::new(State { keys: fixed, ..State::default() }));
        let fresh_until = AtomicU64::new(if remote.is_some() { 0 } else { u64::MAX });
        Ok(Arc::new(Self { remote, state, generation: AtomicU64::new(0), fresh_until }))
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The same as [`Age::Fresh`], by a single load.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        seconds(now) < self.fresh_until.load(Ordering::Acquire)
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn age(&self, state: &State, now: SystemTime) -> Age {
        let Some(remote) = &self.remote else { return Age::Fresh };
        let Some(fetched) = state.fetched else { return Age::Gone };
        let age = now.duration_since(fetched).unwrap_or_default();
        if age < state.fresh {
            Age::Fresh
        } else if age < state.fresh * 2 {
            Age::Due
        } else if age < remote.stale {
            Age::Old
        } else {
            Age::Gone
        }
    }

    /// Gets new keys because these are due, unless that failed just now. Joins a fetch under way.
    pub(super) fn refresh(self: &Arc<Self>, now: SystemTime) -> Option<oneshot::Receiver<()>> {
        let remote = self.remote.as_ref()?;
        if self.state().waits(now) && !remote.flight.under_way() {
            return None;
        }
        self.join(remote, now)
    }

    /// The same, with nobody waiting for it.
    pub(super) fn refresh_meanwhile(self: &Arc<Self>, now: SystemTime) {
        let Some(remote) = &self.remote else { return };
        if !self.state().waits(now)
            && let Some(lead) = remote.flight.begin()
        {
            self.spawn(remote, lead, now);
        }
    }

    /// Gets new keys because a token names one that is unknown or fits no more: limited, since anybody can send such.
    pub(super) fn refetch(self: &Arc<Self>, now: SystemTime) -> Option<oneshot::Receiver<()>> {
        let remote = self.remote.as_ref()?;
        if !(remote.flight.under_way() || remote.limiter.take(now) && remote.global.take(now)) {
            count(&remote.counters.fetches_limited);
            return None;
        }
        self.join(remote, now)
    }

    /// Whether the keys are old enough for one of them to have been replaced under its own name.
    pub(super) fn may_be_replaced(&self, state: &State, now: SystemTime) -> bool {
        let old = |fetched: SystemTime| now.duration_since(fetched).unwrap_or_default() >= REPLACED_AFTER;
        self.remote.is_some() && state.fetched.is_some_and(old)
    }

    fn join(self: &Arc<Self>, remote: &Remote, now: SystemTime) -> Option<oneshot::Receiver<()>> {
        let joined = remote.flight.join()?;
        if let Some(lead) = joined.lead {
            self.spawn(remote, lead, now);
        }
        Some(joined.receiver)
    }

    fn spawn(self: &Arc<Self>, remote: &Remote, lead: Lead<()>, now: SystemTime) {
        let this = Arc::clone(self);
        remote.http.handle().spawn(async move {
            if let Some(remote) = &this.remote {
                let result = remote.fetch().await;
                this.store(remote, result, now);
            }
            lead.finish(&());
        });
    }

    fn store(&self, remote: &Remote, result: Result<(Vec<Arc<Key>>, Duration), FetchError>, now: SystemTime) {
        let mut place = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok((keys, fresh)) => {
                count(&remote.counters.fetches_ok);
                let gone =
                    |old: &Arc<Key>| !keys.iter().any(|new| new.print == old.print && new.kid == old.kid);
                if place.keys.iter().any(gone) {
                    self.generation.fetch_add(1, Ordering::AcqRel);
                }
                *place = Arc::new(State { keys, fetched: Some(now), fresh, failures: 0, next_try: None });
                self.fresh_until.store(seconds(now).saturating_add(fresh.as_secs()), Ordering::Release);
            }
            Err(error) => {
                count(&remote.counters.fetches_failed);
                tracing::warn!(issuer = remote.name, %error, "the issuer's keys cannot be fetched");
                let failures = place.failures.saturating_add(1);
                let pause = Duration::from_secs(1 << failures.min(5)).min(Duration::from_secs(30));
                *place = Arc::new(State {
                    keys: place.keys.clone(),
                    fetched: place.fetched,
                    fresh: place.fresh,
                    failures,
                    next_try: Some(now + pause),
                });
            }
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Remote {
    async fn fetch(&self) -> Result<(Vec<Arc<Key>>, Duration), FetchError> {
        let uri = match &self.jwks {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let (set, max_age) = self.http.json(&uri).await?;
        let keys = key::read_set(&set, &self.algorithms);
        let keys = keys.map_err(|_| FetchError::Answer("there is no usable key in it"))?;
        let said = max_age.map(|age| age.clamp(Duration::from_mins(1), Duration::from_hours(24)));
        Ok((keys, said.unwrap_or(self.fresh)))
    }

    async fn discover(&self) -> Result<Uri, FetchError> {
        let document = crate::oidc::discover(&self.http, &self.issuer, self.plain_http).await?;
        let url = document.get("jwks_uri").and_then(serde_json::Value::as_str);
        fetch::address(url.ok_or(FetchError::Answer("it names no key set"))?, self.plain_http)
    }
}

impl State {
    /// Whether a fetch failed so recently that none is tried for now.
    pub(super) fn waits(&self, now: SystemTime) -> bool {
        self.next_try.is_some_and(|next| now < next)
    }

    /// By key id if there is one: it is compared and nothing else. Without one every key that fits is tried.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let named = |key: &&Arc<Key>| kid.is_none_or(|kid| key.kid.as_deref().is_none_or(|own| own == kid));
        let candidates: Vec<_> = self.keys.iter().filter(named).collect();
        let fit: Vec<_> =
            candidates.iter().filter(|key| key.serves(algorithm)).map(|key| Arc::clone(key)).collect();
        match (fit.is_empty(), candidates.is_empty()) {
            (false, _) => Found::Keys(fit.into_iter().take(8).collect()),
            (true, false) => Found::OtherAlgorithm,
            (true, true) => Found::Nothing,
        }
    }
}
