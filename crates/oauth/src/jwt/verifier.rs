use super::cache::{Digest, Good};
use super::header::{self, Parts, Segments};
use super::keyset::{Age, Found, KeySet, State};
use super::limiter::Limiter;
use super::revocation::{Marks, Revocations};
use super::settings::Fault;
use super::{
    Algorithm, Cache, Check, Counters, Issuer, Options, Reject, RevocationsFull, SettingsError, TokenRef,
    Verified, count, read_claims,
};
use crate::fetch::Http;
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// Verifies tokens of several issuers. One for all cores.
pub struct Verifier {
    issuers: Vec<(Issuer, Arc<KeySet>)>,
    by_url: HashMap<String, usize>,
    cache: Cache,
    revocations: Revocations,
    counters: Arc<Counters>,
    token_bytes: usize,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.issuers.iter().map(|(issuer, _)| &issuer.name).collect();
        f.debug_struct("Verifier").field("issuers", &names).finish_non_exhaustive()
    }
}

/// How a step of the verification ends.
enum Step {
    Done(Result<Arc<Verified>, Reject>),
    /// Keys are being fetched; then try again.
    Fetching(oneshot::Receiver<()>),
}

impl Verifier {
    /// Nothing is fetched yet; [`prepare`](Self::prepare) does that ahead of the first token.
    ///
    /// # Errors
    /// Settings that would make tokens believed too easily, or never; all keys that are configured must be usable.
    pub fn new(issuers: Vec<Issuer>, options: Options, http: Http) -> Result<Arc<Self>, SettingsError> {
        let every = Duration::from_mins(1) / options.refetch_global.max(1);
        let global = Arc::new(Limiter::new(every, options.refetch_global.max(1)));
        let counters = Arc::new(Counters::default());
        let (mut all, mut by_url) = (Vec::<(Issuer, Arc<KeySet>)>::new(), HashMap::new());
        for issuer in issuers {
            issuer.check()?;
            let fault = |kind| SettingsError { issuer: issuer.name.clone(), kind };
            let twice = all.iter().any(|(other, _)| other.name == issuer.name);
            if twice || by_url.insert(issuer.issuer.clone(), all.len()).is_some() {
                return Err(fault(Fault::Twice));
            }
            let keys = KeySet::new(&issuer, &options, (&http, &global, &counters));
            let keys = keys.map_err(|error| fault(Fault::Key(error)))?;
            all.push((issuer, keys));
        }
        Ok(Arc::new(Self {
            issuers: all,
            by_url,
            cache: Cache::new(options.cache_bytes, options.refused, options.refused_for),
            revocations: Revocations::default(),
            counters,
            token_bytes: options.token_bytes,
        }))
    }

    /// Whether this token is to be believed. Never blocks; waits only if the issuer's keys have to be fetched first.
    pub fn check(self: &Arc<Self>, token: &str, now: SystemTime) -> Check {
        if token.len() > self.token_bytes {
            return Check::Ready(self.refused(Reject::TooLarge));
        }
        let digest = token_digest(token);
        if let Some(known) = self.known(&digest, now) {
            count(&self.counters.cache_hits);
            return Check::Ready(known.or_else(|reject| self.refused(reject)));
        }
        count(&self.counters.cache_misses);
        match self.step(token, digest, now, true) {
            Step::Done(result) => Check::Ready(result),
            Step::Fetching(receiver) => {
                let (this, token) = (Arc::clone(self), token.to_owned());
                Check::Wait(Box::pin(async move {
                    // an errand that died left the keys as they were: the second step says what that means
                    let _ = receiver.await;
                    match this.step(&token, digest, now, false) {
                        Step::Done(result) => result,
                        Step::Fetching(_) => this.refused(Reject::KeysUnavailable),
                    }
                }))
            }
        }
    }

    /// Begins to fetch the keys of every issuer, so that the first token does not wait for them.
    pub fn prepare(&self, now: SystemTime) {
        for (_, keys) in &self.issuers {
            if keys.age(&keys.state(), now) != Age::Fresh {
                keys.refresh_meanwhile(now);
            }
        }
    }

    /// From now on this token is refused. `until`: when the token ends anyway, leeway included.
    ///
    /// # Errors
    /// No room: the token is still believed.
    pub fn revoke_token(
        &self,
        token: TokenRef<'_>,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), RevocationsFull> {
        self.revocations.token(token, until, now)
    }

    /// From now on tokens of this subject that were issued before `not_before`, or do not say when, are refused.
    /// `until`: when all of them have ended.
    ///
    /// # Errors
    /// No room: the tokens are still believed.
    pub fn revoke_subject(
        &self,
        issuer_and_subject: (&str, &str),
        not_before: SystemTime,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), RevocationsFull> {
        self.revocations.subject(issuer_and_subject, not_before, until, now)
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tokens held in the cache: believed and refused. An estimate.
    pub fn cached(&self) -> (u64, u64) {
        self.cache.len()
    }

    fn refused<T>(&self, reject: Reject) -> Result<T, Reject> {
        self.counters.reject(reject);
        Err(reject)
    }

    fn known(&self, digest: &Digest, now: SystemTime) -> Option<Result<Arc<Verified>, Reject>> {
        let Some(good) = self.cache.good(digest) else {
            return self.cache.bad(digest, now).map(Err);
        };
        if now >= good.until {
            self.cache.forget(digest);
            return Some(Err(Reject::Expired));
        }
        let keys = &self.issuers.get(good.issuer)?.1;
        if !keys.is_fresh(now) {
            let state = keys.state();
            match keys.age(&state, now) {
                Age::Fresh => {}
                Age::Due => keys.refresh_meanwhile(now),
                // the provider is away: what was verified with the keys at hand needs no second look
                Age::Old if state.waits(now) => {}
                // long unused: verified anew, with keys of today
                Age::Old | Age::Gone => return None,
            }
        }
        if good.generation != keys.generation() || now < good.from {
            return None;
        }
        let revoked = self.revocations.apply_to(&good.marks, good.verified.issued);
        Some(if revoked { Err(Reject::Revoked) } else { Ok(good.verified) })
    }

    /// One pass from header to signature. Only the first one may fetch.
    fn step(&self, token: &str, digest: Digest, now: SystemTime, first: bool) -> Step {
        match self.attempt(token, digest, now, first) {
            Ok(step) => step,
            Err(reject) => {
                if reject.is_final() {
                    self.cache.refuse(digest, reject, now);
                }
                Step::Done(self.refused(reject))
            }
        }
    }

    fn attempt(&self, token: &str, digest: Digest, now: SystemTime, first: bool) -> Result<Step, Reject> {
        let mut segments = header::split(token)?;
        let claims = std::mem::take(&mut segments.payload);
        let parts = header::read(&segments.header)?;
        let url = match claims.get("iss") {
            None => return Err(Reject::ClaimMissing),
            Some(url) => url.as_str().ok_or(Reject::ClaimInvalid)?,
        };
        let index = *self.by_url.get(url).ok_or(Reject::Issuer)?;
        let (issuer, keys) = &self.issuers[index];
        let algorithm = parts.known_algorithm(&issuer.algorithms)?;
        let typed = parts
            .typ
            .as_ref()
            .map_or(issuer.untyped, |typ| issuer.types.iter().any(|own| own.eq_ignore_ascii_case(typ)));
        if !typed {
            return Err(Reject::Type);
        }
        // all that costs nothing comes before keys are fetched for it
        let verified = read_claims(issuer, claims, now)?;
        let generation = keys.generation();
        if let Some(receiver) = self.signature(keys, (&segments, &parts, algorithm), now, first)? {
            return Ok(Step::Fetching(receiver));
        }
        let marks = Marks::of(digest, &verified);
        if self.revocations.apply_to(&marks, verified.issued) {
            return Err(Reject::Revoked);
        }
        let verified = Arc::new(verified);
        let span = good_for(&verified, issuer, now);
        self.cache.believe(
            digest,
            Good::new((Arc::clone(&verified), marks), span, (index, generation), token.len()),
        );
        Ok(Step::Done(Ok(verified)))
    }

    /// Nothing if the signature is right; a channel if keys have to be fetched to tell.
    fn signature(
        &self,
        keys: &Arc<KeySet>,
        (segments, parts, algorithm): (&Segments<'_>, &Parts<'_>, Algorithm),
        now: SystemTime,
        first: bool,
    ) -> Result<Option<oneshot::Receiver<()>>, Reject> {
        let state = keys.state();
        match keys.age(&state, now) {
            Age::Fresh => {}
            Age::Due => keys.refresh_meanwhile(now),
            age => {
                if let Some(receiver) = first.then(|| keys.refresh(now)).flatten() {
                    return Ok(Some(receiver));
                }
                if age == Age::Gone {
                    return Err(Reject::KeysUnavailable);
                }
            }
        }
        let reject = match self.compare(&state, (segments, parts, algorithm)) {
            Ok(()) => return Ok(None),
            Err(reject) => reject,
        };
        let worth = match reject {
            Reject::KeyUnknown => true,
            _ => keys.may_be_replaced(&state, now),
        };
        if let Some(receiver) = (first && worth).then(|| keys.refetch(now)).flatten() {
            return Ok(Some(receiver));
        }
        // somebody else's fetch may have ended since we looked
        let newer = keys.state();
        let changed = worth && !Arc::ptr_eq(&newer, &state);
        if changed && self.compare(&newer, (segments, parts, algorithm)).is_ok() {
            Ok(None)
        } else {
            Err(reject)
        }
    }

    fn compare(
        &self,
        state: &State,
        (segments, parts, algorithm): (&Segments<'_>, &Parts<'_>, Algorithm),
    ) -> Result<(), Reject> {
        let fit = match state.find(parts.kid, algorithm) {
            Found::Keys(keys) => keys,
            Found::OtherAlgorithm => return Err(Reject::Algorithm),
            Found::Nothing => return Err(Reject::KeyUnknown),
        };
        count(&self.counters.verifications);
        let right =
            fit.iter().any(|key| key.verify(algorithm, segments.signed.as_bytes(), &segments.signature));
        if right { Ok(()) } else { Err(Reject::Signature) }
    }
}

fn token_digest(token: &str) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    out
}

impl TokenRef<'_> {
    /// The token itself, by its digest.
    pub fn of(token: &str) -> Self {
        Self::Digest(token_digest(token))
    }
}

/// From when until when a verified token may be answered from the cache.
fn good_for(verified: &Verified, issuer: &Issuer, now: SystemTime) -> (SystemTime, SystemTime) {
    let ends = verified.expires + issuer.leeway;
    let aged = issuer.max_age.and_then(|most| Some(verified.issued? + most + issuer.leeway));
    // a clock that is set back makes dates be judged again
    (now - issuer.leeway, aged.map_or(ends, |aged| aged.min(ends)))
}
