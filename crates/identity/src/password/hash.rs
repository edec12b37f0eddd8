use crate::{Error, text};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use seaworthy_core::Secret;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::Zeroize as _;

/// What hashing a password costs: Argon2id. The parameters stand in every hash; one made with others is made anew at
/// the next log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashing {
    /// Memory in KiB. 19,456, as OWASP has it.
    pub memory_kib: u32,
    /// Passes over it. 2.
    pub passes: u32,
    /// Lanes. 1.
    pub lanes: u32,
    /// How many are hashed at a time, each on a thread of its own. 2.
    pub at_a_time: usize,
    /// How many may wait; more are answered [`Error::Busy`]. 64.
    pub waiting: usize,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1, at_a_time: 2, waiting: 64 }
    }
}

/// Hashes and compares, away from the threads that answer.
#[derive(Debug)]
pub(crate) struct Hasher {
    cost: Cost,
    turns: Semaphore,
    waiting: AtomicUsize,
    most_waiting: usize,
    /// A hash of nobody's: compared with where there is no such user, so that the answer takes as long.
    nobody: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

const SALT: usize = 16;
const OUT: usize = 32;

impl Hasher {
    pub(crate) async fn new(settings: &Hashing) -> Result<Self, Error> {
        let cost = Cost {
            memory_kib: settings.memory_kib.clamp(8 * settings.lanes.clamp(1, 16), 1 << 20),
            passes: settings.passes.clamp(1, 64),
            lanes: settings.lanes.clamp(1, 16),
        };
        let password = Secret::new(text::letters::<26>()?);
        let nobody = blocking(move || hash(cost, password.expose())).await??;
        Ok(Self {
            cost,
            turns: Semaphore::new(settings.at_a_time.max(1)),
            waiting: AtomicUsize::new(0),
            most_waiting: settings.waiting,
            nobody: nobody.into(),
        })
    }

    /// As a PHC string.
    pub(crate) async fn hash(&self, password: Secret<String>) -> Result<String, Error> {
        let _turn = self.turn().await?;
        let cost = self.cost;
        blocking(move || hash(cost, password.expose())).await?
    }

    /// Whether the password is the one of this hash; with no hash it takes as long and is not.
    pub(crate) async fn matches(
        &self,
        password: Secret<String>,
        stored: Option<String>,
    ) -> Result<bool, Error> {
        let _turn = self.turn().await?;
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.to_string());
        Ok(blocking(move || matches(password.expose(), &stored)).await? && is_known)
    }

    /// Whether the password is that of any of these.
    pub(crate) async fn matches_any(
        &self,
        password: Secret<String>,
        stored: Vec<String>,
    ) -> Result<bool, Error> {
        let _turn = self.turn().await?;
        blocking(move || stored.iter().any(|stored| matches(password.expose(), stored))).await
    }

    /// Whether a hash was made with other parameters than now.
    pub(crate) fn is_outdated(&self, stored: &str) -> bool {
        parse(stored).is_none_or(|(cost, ..)| cost != self.cost)
    }

    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let place = Place(&self.waiting);
        if place.0.fetch_add(1, Relaxed) >= self.most_waiting {
            return Err(Error::Busy);
        }
        self.turns.acquire().await.map_err(|_| Error::Busy)
    }
}

/// A place in the line, given back however the waiting ends.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("a hash was not finished"))
}

fn hash(cost: Cost, password: &str) -> Result<String, Error> {
    let salt = text::random::<SALT>()?;
    let mut out = raw(cost, password, &*salt).ok_or(Error::Internal("a password cannot be hashed"))?;
    let text = format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        cost.memory_kib,
        cost.passes,
        cost.lanes,
        STANDARD_NO_PAD.encode(*salt),
        STANDARD_NO_PAD.encode(out)
    );
    out.zeroize();
    Ok(text)
}

fn matches(password: &str, stored: &str) -> bool {
    let Some((cost, salt, wanted)) = parse(stored) else { return false };
    let Some(mut out) = raw(cost, password, &salt) else { return false };
    let same = verify_slices_are_equal(&out, &wanted).is_ok();
    out.zeroize();
    same
}

fn raw(cost: Cost, password: &str, salt: &[u8]) -> Option<[u8; OUT]> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(OUT)).ok()?;
    let mut out = [0; OUT];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), salt, &mut out).ok()?;
    Some(out)
}

/// A PHC string of ours. What claims to cost more than anything we make is none: whoever can write a row must not be
/// able to take all memory.
fn parse(stored: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.strip_prefix("$argon2id$v=19$")?.split('$');
    let (cost, salt, out) = (parts.next()?, parts.next()?, parts.next()?);
    let mut numbers = cost
        .split(',')
        .zip(["m=", "t=", "p="])
        .map(|(part, name)| part.strip_prefix(name).and_then(|number| number.parse::<u32>().ok()));
    let cost = Cost { memory_kib: numbers.next()??, passes: numbers.next()??, lanes: numbers.next()?? };
    let fits = cost.memory_kib <= 1 << 20 && cost.passes <= 64 && cost.lanes <= 16;
    let salt = STANDARD_NO_PAD.decode(salt).ok().filter(|salt| salt.len() == SALT)?;
    let out = STANDARD_NO_PAD.decode(out).ok().filter(|out| out.len() == OUT)?;
    (fits && parts.next().is_none()).then_some((cost, salt, out))
}
