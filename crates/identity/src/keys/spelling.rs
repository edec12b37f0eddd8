//! How a key is written: `sw_`, 12 letters that name it, `_`, 52 letters of secret (260 bits) and 7 letters of CRC-32, so
//! that a scanner of leaked texts knows one without asking.

use crate::{Error, Reject, text};
use seaworthy_core::Secret;

const NAME: usize = 12;
const SECRET: usize = 52;
const CHECK: usize = 7;
const WHOLE: usize = 3 + NAME + 1 + SECRET + CHECK;

/// A new key: its id and its text.
pub(crate) fn make() -> Result<(String, Secret<String>), Error> {
    let id = text::letters::<NAME>()?;
    let body = format!("sw_{id}_{}", text::letters::<SECRET>()?);
    let check = checksum(&body);
    Ok((id, Secret::new(format!("{body}{check}"))))
}

/// The id in a key's text, where it is one.
pub(crate) fn id(key: &str) -> Result<&str, Reject> {
    let fits = key.len() == WHOLE && key.starts_with("sw_") && key.as_bytes()[3 + NAME] == b'_';
    if !fits || !key.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_') {
        return Err(Reject::Malformed);
    }
    let (body, check) = key.split_at(WHOLE - CHECK);
    if checksum(body) != check {
        return Err(Reject::Malformed);
    }
    Ok(&key[3..3 + NAME])
}

fn checksum(body: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let sum = u64::from(crc32(body.as_bytes()));
    (0..CHECK).map(|at| char::from(LETTERS[(sum >> (5 * at) & 31) as usize])).collect()
}

/// CRC-32 as in ISO 3309.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1)))
    })
}

#[cfg(test)]
pub(super) fn crc32_of(bytes: &[u8]) -> u32 {
    crc32(bytes)
}
