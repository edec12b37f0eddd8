use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use seaworthy_store::Timestamp;
use std::fmt::Write as _;

/// Seconds for which a code is shown.
const STEP: i64 = 30;
/// A code that was just shown, or is about to be, is taken as well: clocks differ, and people type slowly.
const AROUND: i64 = 1;

/// The time step, after `last`, whose code this is.
pub(super) fn matching(secret: &[u8], code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != 6 || !code.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let current = now.as_micros().div_euclid(1_000_000 * STEP);
    let mut found = None;
    // all of them, so that the time tells nothing
    for step in current - AROUND..=current + AROUND {
        let right = verify_slices_are_equal(at(secret, step).as_bytes(), code.as_bytes()).is_ok();
        if right && step > last && found.is_none() {
            found = Some(step);
        }
    }
    found
}

/// RFC 6238 with SHA-1 and six digits: what every authenticator app makes.
pub(super) fn at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0xf);
    let part = tag.get(offset..offset + 4).and_then(|part| part.try_into().ok()).unwrap_or([0; 4]);
    format!("{:06}", (u32::from_be_bytes(part) & 0x7fff_ffff) % 1_000_000)
}

pub(super) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    text
}

pub(super) fn uri(issuer: &str, name: &str, secret: &str) -> String {
    let (issuer, name) = (percent(issuer), percent(name));
    format!(
        "otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}
