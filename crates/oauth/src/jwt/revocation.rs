use super::Verified;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

/// More than this many revocations at a time are refused.
const MOST: usize = 200_000;

/// Which token is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRef<'a> {
    /// SHA-256 of the whole token.
    Digest([u8; 32]),
    /// `iss` and `jti`.
    Id {
        /// The claim `iss`.
        issuer_url: &'a str,
        /// The claim `jti`.
        id: &'a str,
    },
}

/// There is no room for another revocation: the caller must not believe that it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are too many revocations")]
pub struct RevocationsFull;

impl RevocationsFull {
    /// The stable code.
    pub const fn code(self) -> seaworthy_core::ErrorCode {
        seaworthy_core::ErrorCode::Limited
    }
}

/// SHA-256 over parts whose borders count.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Under which names a token can be revoked. Made once per token, kept with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    token: [u8; 32],
    id: Option<[u8; 32]>,
    subject: [u8; 32],
}

impl Marks {
    pub(crate) fn new(token: [u8; 32], id: Option<[u8; 32]>, (issuer, name): (&str, &str)) -> Self {
        Self { token, id, subject: subject(issuer, name) }
    }

    pub(crate) fn of(token: [u8; 32], verified: &Verified) -> Self {
        let issuer = verified.issuer_url.as_bytes();
        Self {
            token,
            id: verified.token_id.as_ref().map(|id| digest(&[b"id", issuer, id.as_bytes()])),
            subject: subject(&verified.issuer_url, &verified.subject),
        }
    }
}

fn subject(issuer: &str, subject: &str) -> [u8; 32] {
    digest(&[b"sub", issuer.as_bytes(), subject.as_bytes()])
}

struct Revocation {
    /// Only tokens issued before this; all if it is not said.
    before: Option<SystemTime>,
    until: SystemTime,
}

#[derive(Default)]
pub(crate) struct Revocations {
    /// Read on every request: nearly always zero.
    count: AtomicUsize,
    all: RwLock<HashMap<[u8; 32], Revocation>>,
}

impl Revocations {
    pub(crate) fn token(
        &self,
        token: TokenRef<'_>,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), RevocationsFull> {
        let key = match token {
            TokenRef::Digest(digest) => digest,
            TokenRef::Id { issuer_url, id } => digest(&[b"id", issuer_url.as_bytes(), id.as_bytes()]),
        };
        self.add(key, Revocation { before: None, until }, now)
    }

    pub(crate) fn subject(
        &self,
        (issuer_url, name): (&str, &str),
        before: SystemTime,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), RevocationsFull> {
        self.add(subject(issuer_url, name), Revocation { before: Some(before), until }, now)
    }

    fn add(&self, key: [u8; 32], mut revocation: Revocation, now: SystemTime) -> Result<(), RevocationsFull> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, revocation| revocation.until > now);
        }
        let result = if all.len() >= MOST && !all.contains_key(&key) {
            Err(RevocationsFull)
        } else {
            // a second one never takes back what the first one said
            if let Some(old) = all.get(&key) {
                revocation.until = revocation.until.max(old.until);
                revocation.before = old.before.zip(revocation.before).map(|(old, new)| old.max(new));
            }
            all.insert(key, revocation);
            Ok(())
        };
        self.count.store(all.len(), Ordering::Release);
        result
    }

    pub(crate) fn apply_to(&self, marks: &Marks, issued: Option<SystemTime>) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        // without a date of issue nobody knows that it is newer than the revocation
        let older = |before: SystemTime| issued.is_none_or(|issued| issued < before);
        [Some(marks.token), marks.id, Some(marks.subject)]
            .into_iter()
            .flatten()
            .filter_map(|mark| all.get(&mark))
            .any(|revocation| revocation.before.is_none_or(older))
    }
}
