//! Random names, digests and their spelling.

use crate::Error;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use seaworthy_core::Secret;
use std::fmt::Write as _;
use zeroize::Zeroizing;

pub(crate) const URL_SAFE: base64::engine::GeneralPurpose = URL_SAFE_NO_PAD;

/// Letters and digits that are hard to mistake for each other, 32 of them: five bits each, without a bias.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| Error::Internal("there are no random numbers"))?;
    Ok(bytes)
}

/// So many random letters, five bits each.
pub(crate) fn letters<const N: usize>() -> Result<String, Error> {
    let bytes = random::<N>()?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

/// The name of a new thing: `user_…`; 100 bits, so that none is guessed or met twice.
pub(crate) fn id(kind: &str) -> Result<String, Error> {
    Ok(format!("{kind}_{}", letters::<20>()?))
}

/// A new token of 256 bits, and the digest under which it is kept.
pub(crate) fn token(prefix: &str) -> Result<(Secret<String>, String), Error> {
    let text = format!("{prefix}{}", URL_SAFE.encode(*random::<32>()?));
    let digest = sha256(&text);
    Ok((Secret::new(text), digest))
}

pub(crate) fn sha256(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower case only: what was written otherwise was not written by us.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (at, pair) in bytes.chunks_exact(2).enumerate() {
        out[at] = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// Fit for a store's text: no NUL, and no longer than `most` bytes.
pub(crate) fn fit(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{fffd}")
}
