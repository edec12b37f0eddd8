//! Sandboxes: an endpoint of a service that no ordinary request reaches, for trying things out beside live traffic.
//!
//! Whoever may give orders to this Seaworthy gets a *pass*, signed (HMAC-SHA-256, RFC 2104) with a key that only this
//! process knows and good for a limited time. A request that shows it in [`HEADER`] goes to the sandbox of the service
//! that the pass names; nothing else of the route changes, but that no answer comes from a cache or a fallback. A pass
//! that is no good is refused, and never sent to live endpoints instead.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{hmac, rand};
use http::{HeaderName, HeaderValue};

/// The header that a pass is shown in. It does not reach the service.
pub const HEADER: HeaderName = HeaderName::from_static("seaworthy-sandbox");
/// The longest time that a pass is good for.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// Makes passes and checks them.
#[derive(Debug)]
pub(crate) struct Passes(hmac::Key);

impl Passes {
    /// With a key of its own.
    pub(crate) fn new() -> Result<Self, aws_lc_rs::error::Unspecified> {
        Ok(Self(hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())?))
    }

    /// A pass to a service's sandbox, good for at most [`LONGEST`].
    pub(crate) fn issue(&self, service: &str, valid: Duration, now: SystemTime) -> String {
        let until = seconds(now).saturating_add(valid.min(LONGEST).as_secs());
        let signed = format!("{service}.{until}");
        let tag = hmac::sign(&self.0, signed.as_bytes());
        tag.as_ref().iter().fold(signed + ".", |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The service whose sandbox a pass leads to.
    pub(crate) fn check<'a>(&self, pass: &'a HeaderValue, now: SystemTime) -> Option<&'a str> {
        let (signed, tag) = pass.to_str().ok()?.rsplit_once('.')?;
        hmac::verify(&self.0, signed.as_bytes(), &unhex(tag)?).ok()?;
        let (service, until) = signed.rsplit_once('.')?;
        (seconds(now) < until.parse().ok()?).then_some(service)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_good_for_its_service_and_time_and_nothing_else() {
        let (passes, others) = (Passes::new().unwrap(), Passes::new().unwrap());
        let now = SystemTime::now();
        let text = passes.issue("shop.v2", Duration::from_secs(60), now);
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        let pass = header(&text);
        assert_eq!(passes.check(&pass, now), Some("shop.v2"));
        assert_eq!(passes.check(&pass, now + Duration::from_secs(61)), None, "over");
        assert_eq!(others.check(&pass, now), None, "signed by somebody else");
        let long = header(&passes.issue("shop", Duration::MAX, now));
        assert_eq!(passes.check(&long, now + LONGEST), None, "no pass is good for longer");
        let forged =
            [text.replace("shop", "till"), text.replacen(".v2", "", 1), text[..text.len() - 2].to_owned()];
        for forged in
            forged.iter().map(String::as_str).chain(["", ".", "..", "shop.9999999999.", "shop.9999999999.zz"])
        {
            assert_eq!(passes.check(&header(forged), now), None, "{forged}");
        }
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let other = HeaderValue::from_bytes(&other).unwrap();
            assert_eq!(passes.check(&other, now), None, "changed at {at}");
        }
    }
}
