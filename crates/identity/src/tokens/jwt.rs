//! One kind of token, written and read in one way: `at+jwt`, EdDSA, a key that we know. Everything else is refused
//! before anything is looked at (9.1.1, 9.1.2, 9.2.2).

use crate::text::URL_SAFE;
use crate::{Error, Reject};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use serde::{Deserialize, Serialize};

/// The longest token, in bytes.
pub(crate) const LONGEST: usize = 8 << 10;
const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "at+jwt";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    /// Seconds since 1970.
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    /// When it was issued, in microseconds: what was revoked a moment before is told from what was issued after.
    pub(crate) ius: i64,
    pub(crate) jti: String,
    /// The log-in it comes of.
    pub(crate) fam: String,
    /// RFC 9068 wants one.
    pub(crate) client_id: String,
    pub(crate) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
}

pub(crate) fn write(claims: &Claims, key: &str, pair: &Ed25519KeyPair) -> Result<String, Error> {
    let header = Header { alg: ALGORITHM.to_owned(), typ: TYPE.to_owned(), kid: key.to_owned() };
    let json = |value: Result<Vec<u8>, serde_json::Error>| {
        value.map(|json| URL_SAFE.encode(json)).map_err(|_| Error::Internal("a token cannot be written"))
    };
    let mut token = json(serde_json::to_vec(&header))?;
    token.push('.');
    token.push_str(&json(serde_json::to_vec(claims))?);
    let signature = URL_SAFE.encode(pair.sign(token.as_bytes()));
    token.push('.');
    token.push_str(&signature);
    if token.len() > LONGEST {
        return Err(Error::invalid("scopes", "are too long for a token"));
    }
    Ok(token)
}

/// What a token says, where one of our keys has signed it, and which; `key` knows them.
pub(crate) fn read(
    token: &str,
    key: impl FnOnce(&str) -> Option<[u8; 32]>,
) -> Result<(String, [u8; 32], Claims), Reject> {
    if token.starts_with(super::refresh::PREFIX) {
        return Err(Reject::Kind);
    }
    if token.len() > LONGEST {
        return Err(Reject::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Reject::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Reject::Malformed)?;
    let decode = |part: &str| URL_SAFE.decode(part).map_err(|_| Reject::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Reject::Malformed)?;
    if header.typ != TYPE {
        return Err(Reject::Kind);
    }
    if header.alg != ALGORITHM {
        return Err(Reject::Malformed);
    }
    let public = key(&header.kid).ok_or(Reject::Unknown)?;
    let signature = decode(signature)?;
    UnparsedPublicKey::new(&ED25519, public)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| Reject::Wrong)?;
    let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| Reject::Malformed)?;
    Ok((header.kid, public, claims))
}
