use super::{Algorithm, Reject};
use crate::strict;
use serde_json::{Map, Value};

/// A key id is only ever compared; longer ones are nobody's.
const MOST_KID_BYTES: usize = 256;

/// A token taken apart. Nothing in it is believed yet.
pub(super) struct Parts<'a> {
    pub(super) algorithm: &'a str,
    pub(super) kid: Option<&'a str>,
    /// Lower case, without `application/`.
    pub(super) typ: Option<String>,
}

/// The three segments, decoded.
pub(super) struct Segments<'a> {
    pub(super) header: Map<String, Value>,
    pub(super) payload: Map<String, Value>,
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

pub(super) fn split(token: &str) -> Result<Segments<'_>, Reject> {
    let mut segments = token.split('.');
    let (header, payload, signature) = match (segments.next(), segments.next(), segments.next()) {
        (Some(header), Some(payload), Some(signature)) => (header, payload, signature),
        _ => return Err(Reject::Malformed),
    };
    match segments.count() {
        0 => {}
        2 => return Err(Reject::Encrypted),
        _ => return Err(Reject::Malformed),
    }
    let object = |text: &str| strict::base64url(text).and_then(|bytes| strict::object(&bytes));
    Ok(Segments {
        header: object(header).ok_or(Reject::Malformed)?,
        payload: object(payload).ok_or(Reject::Malformed)?,
        signed: &token[..header.len() + 1 + payload.len()],
        signature: strict::base64url(signature).ok_or(Reject::Malformed)?,
    })
}

/// `jku`, `x5u`, `jwk`, `x5c` and `x5t` are not even looked at: keys come from the configuration alone.
pub(super) fn read(header: &Map<String, Value>) -> Result<Parts<'_>, Reject> {
    // no extension is understood, so none can be demanded; `b64` changes what is signed (RFC 7797)
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Reject::Critical);
    }
    if header.contains_key("enc") {
        return Err(Reject::Encrypted);
    }
    if header.contains_key("zip") || header.contains_key("cty") {
        return Err(Reject::Header);
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Reject::Header),
    };
    let kid = text("kid")?;
    if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MOST_KID_BYTES || kid.contains(char::is_control)) {
        return Err(Reject::Header);
    }
    let algorithm = match header.get("alg") {
        Some(Value::String(name)) => name.as_str(),
        _ => return Err(Reject::Algorithm),
    };
    Ok(Parts { algorithm, kid, typ: text("typ")?.map(media_type) })
}

/// `application/at+jwt` and `AT+JWT` are the same (RFC 7515 §4.1.9).
pub(super) fn media_type(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("application/") {
        Some(short) => short.to_owned(),
        None => lower,
    }
}

impl Parts<'_> {
    pub(super) fn known_algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, Reject> {
        let algorithm: Algorithm = self.algorithm.parse().map_err(|_| Reject::Algorithm)?;
        if allowed.contains(&algorithm) { Ok(algorithm) } else { Err(Reject::Algorithm) }
    }
}
