//! Values sealed at rest: what a copy of the database alone must not show.
//!
//! A sealed value is a text, `v{n}:` and Base64 of nonce, ciphertext and tag: AES-256-GCM-SIV, under a key that is
//! derived from version `n` of the key file. It is bound to its [`Place`]: moved to another row it does not open.
//!
//! The key file is a line `v{n}:` and Base64 of 32 random bytes for each version, oldest first; the newest seals.

mod file;

#[cfg(test)]
mod tests;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use seaworthy_core::{ErrorCode, Secret};
use std::collections::BTreeMap;
use std::path::Path;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest value that is sealed, in bytes.
pub const LONGEST: usize = 1 << 20;

/// The most versions in a key file.
const MOST_VERSIONS: usize = 1_000;

const TAG_LEN: usize = 16;

/// Why a value was not sealed or opened, or a key file not used. Names no key and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key file cannot be read or made.
    #[error("the key file {path}: {reason}")]
    File {
        /// Where it is.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Others than its owner may read it.
    #[error(
        "the key file {path} can be read by others than its owner (mode {mode:o}): chmod 600 it, and take its keys as known"
    )]
    Exposed {
        /// Where it is.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// What should be a sealed value is none.
    #[error("this is no sealed value")]
    Malformed,
    /// It was sealed under a version that the key file has not got.
    #[error("it was sealed under version {0}, which the key file has not got")]
    UnknownVersion(u32),
    /// It was changed, or belongs elsewhere, or was sealed with another key.
    #[error("a sealed value does not open: it was changed, moved, or sealed with another key")]
    Broken,
    /// It is too long.
    #[error("{0} bytes are too long to be sealed")]
    TooLong(usize),
}

impl Error {
    /// What a caller can do about it.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::TooLong(_) => ErrorCode::Invalid,
            Self::File { .. } | Self::Exposed { .. } => ErrorCode::Unavailable,
            Self::Malformed | Self::UnknownVersion(_) | Self::Broken => ErrorCode::Internal,
        }
    }
}

/// Where a sealed value belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// `table.column`.
    pub column: &'static str,
    /// The row's key.
    pub row: &'a str,
}

impl Place<'_> {
    /// No two places have the same bytes: the length stands before the part that could hold anything.
    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.column.len() + self.row.len());
        bytes.extend((self.column.len() as u64).to_be_bytes());
        bytes.extend(self.column.as_bytes());
        bytes.extend(self.row.as_bytes());
        bytes
    }
}

/// The keys of a key file. Wiped when dropped; shows nothing of itself.
pub struct Keyring {
    versions: BTreeMap<u32, Secret<[u8; 32]>>,
}

impl Keyring {
    /// Reads a key file, or makes it (mode 0600) where there is none. Programs that start together make one.
    ///
    /// # Errors
    /// [`Error::Exposed`] where others than its owner may read it; [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        file::open(path)
    }

    /// Adds a version, which seals from now on; older ones still open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn rotate(path: &Path) -> Result<Self, Error> {
        file::rotate(path)
    }

    /// One random key, kept nowhere: for tests, and for what need not outlive the process.
    ///
    /// # Errors
    /// [`Error::File`] where the machine has no random numbers.
    pub fn ephemeral() -> Result<Self, Error> {
        Ok(Self { versions: BTreeMap::from([(1, file::random()?)]) })
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut versions = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (version, key) = line.split_once(':').ok_or("a line is not v{n}:{key}")?;
            let version = version.strip_prefix('v').and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            let version: u32 = version.ok_or("a line is not v{n}:{key}")?;
            let bytes = Zeroizing::new(BASE64.decode(key).map_err(|_| "a key is not Base64")?);
            let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| "a key has not 32 bytes")?;
            if versions.last_key_value().is_some_and(|(last, _)| *last >= version) {
                return Err("versions do not grow from line to line");
            }
            versions.insert(version, Secret::new(key));
        }
        match versions.len() {
            0 => Err("it has no key"),
            n if n > MOST_VERSIONS => Err("it has more than 1000 keys"),
            _ => Ok(Self { versions }),
        }
    }

    /// The version that seals.
    pub fn newest(&self) -> u32 {
        self.versions.last_key_value().map_or(0, |(version, _)| *version)
    }

    /// Every version, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = u32> {
        self.versions.keys().copied()
    }

    /// A key for one purpose; keys for different purposes tell nothing of each other, nor of the key file.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`].
    pub fn derive(&self, purpose: &str, version: u32) -> Result<Secret<[u8; 32]>, Error> {
        let root = self.versions.get(&version).ok_or(Error::UnknownVersion(version))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, root.expose());
        let mut context = hmac::Context::with_key(&key);
        context.update(b"seaworthy/derive/1\0");
        context.update(purpose.as_bytes());
        let mut derived = [0; 32];
        derived.copy_from_slice(context.sign().as_ref());
        let secret = Secret::new(derived);
        derived.zeroize();
        Ok(secret)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Result<String, Error> {
        if value.len() > LONGEST {
            return Err(Error::TooLong(value.len()));
        }
        let version = self.newest();
        let key = self.key(version)?;
        let mut body = Zeroizing::new(value.to_vec());
        body.reserve_exact(TAG_LEN);
        let nonce =
            key.seal_in_place_append_tag(Aad::from(place.bytes()), &mut *body).map_err(|_| Error::Broken)?;
        let mut whole = Vec::with_capacity(NONCE_LEN + body.len());
        whole.extend_from_slice(nonce.as_ref());
        whole.extend_from_slice(&body);
        Ok(format!("v{version}:{}", BASE64.encode(whole)))
    }

    /// Opens a value at its place.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::UnknownVersion`], [`Error::Broken`].
    pub fn open_sealed(&self, place: Place<'_>, sealed: &str) -> Result<Secret<Vec<u8>>, Error> {
        let (version, body) = split(sealed)?;
        let key = self.key(version)?;
        let mut body = Zeroizing::new(BASE64.decode(body).map_err(|_| Error::Malformed)?);
        if body.len() < NONCE_LEN + TAG_LEN {
            return Err(Error::Malformed);
        }
        let (nonce, text) = body.split_at_mut(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Malformed)?;
        let opened = key.open_in_place(nonce, Aad::from(place.bytes()), text).map_err(|_| Error::Broken)?;
        Ok(Secret::new(opened.to_vec()))
    }

    /// The same value under the newest version; `None` where it is already.
    ///
    /// # Errors
    /// As [`open_sealed`](Self::open_sealed).
    pub fn rewrap(&self, place: Place<'_>, sealed: &str) -> Result<Option<String>, Error> {
        let (version, _) = split(sealed)?;
        if version == self.newest() {
            return Ok(None);
        }
        let value = self.open_sealed(place, sealed)?;
        self.seal(place, value.expose()).map(Some)
    }

    fn key(&self, version: u32) -> Result<RandomizedNonceKey, Error> {
        let key = self.derive("seal", version)?;
        RandomizedNonceKey::new(&AES_256_GCM_SIV, key.expose()).map_err(|_| Error::Broken)
    }
}

fn split(sealed: &str) -> Result<(u32, &str), Error> {
    if sealed.len() > 2 * LONGEST {
        return Err(Error::Malformed);
    }
    let (version, body) =
        sealed.strip_prefix('v').and_then(|rest| rest.split_once(':')).ok_or(Error::Malformed)?;
    let is_number =
        !version.is_empty() && !version.starts_with('0') && version.bytes().all(|b| b.is_ascii_digit());
    let version = version.parse().ok().filter(|_| is_number).ok_or(Error::Malformed)?;
    Ok((version, body))
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("newest", &self.newest()).finish_non_exhaustive()
    }
}
