use super::Algorithm;
use super::key::KeyError;
use crate::fetch::{self, FetchError};
use seaworthy_core::{ErrorCode, Secret};
use std::time::Duration;

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum Keys {
    /// `<issuer>/.well-known/openid-configuration` names the key set; its `issuer` must be the one configured.
    Discovery,
    /// A key set at this URL.
    Jwks(String),
    /// A key set that does not change (JSON).
    StaticJwks(String),
    /// One public key (`BEGIN PUBLIC KEY`).
    Pem(String),
    /// A shared secret of at least 256 bits; never together with other keys of the same issuer.
    Hmac(Secret<Vec<u8>>),
}

/// What tokens of an issuer are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To use an API. ID tokens and refresh tokens are refused.
    #[default]
    Access,
    /// To say who logged in (an ID token).
    Identity,
    /// To say who logged out (OpenID Connect Back-Channel Logout).
    Logout,
}

/// An issuer whose tokens are believed, and under which conditions.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its name here.
    pub name: String,
    /// The exact value of `iss`.
    pub issuer: String,
    /// One of these must be in `aud`. Never empty.
    pub audiences: Vec<String>,
    /// No other algorithm is accepted. Default RS256, PS256, ES256, EdDSA.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys come from.
    pub keys: Keys,
    /// By how much clocks may differ. Default 30 s, at most 5 min.
    pub leeway: Duration,
    /// Accepted `typ` headers, without `application/`. Default `at+jwt` and `jwt`.
    pub types: Vec<String>,
    /// Whether a token without `typ` is accepted. Default true.
    pub untyped: bool,
    /// What the token is for. Default access.
    pub purpose: Purpose,
    /// Claims that must be there beside `iss`, `sub`, `aud` and `exp`.
    pub required_claims: Vec<String>,
    /// Where scopes stand: a name or a dotted path. Default `scope`, else `scp`.
    pub scope_claim: Option<String>,
    /// Where roles stand, such as `realm_access.roles`. Default none.
    pub roles_claim: Option<String>,
    /// Where the tenant stands. Default none.
    pub tenant_claim: Option<String>,
    /// Oldest accepted `iat`. Default any age.
    pub max_age: Option<Duration>,
    /// Whether keys may be fetched over plain HTTP from another machine. Default false.
    pub plain_http: bool,
}

impl Issuer {
    /// With the defaults above.
    pub fn new(name: &str, issuer: &str, audience: &str, keys: Keys) -> Self {
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            audiences: vec![audience.to_owned()],
            algorithms: vec![Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa],
            keys,
            leeway: Duration::from_secs(30),
            types: vec!["at+jwt".to_owned(), "jwt".to_owned()],
            untyped: true,
            purpose: Purpose::Access,
            required_claims: Vec::new(),
            scope_claim: None,
            roles_claim: None,
            tenant_claim: None,
            max_age: None,
            plain_http: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let fault = |kind| SettingsError { issuer: self.name.clone(), kind };
        if self.issuer.is_empty() || self.name.is_empty() {
            return Err(fault(Fault::NoIssuer));
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err(fault(Fault::NoAudience));
        }
        if self.algorithms.is_empty() {
            return Err(fault(Fault::NoAlgorithm));
        }
        if self.leeway > Duration::from_mins(5) {
            return Err(fault(Fault::Leeway));
        }
        let shared = matches!(self.keys, Keys::Hmac(_));
        if self.algorithms.iter().any(|algorithm| algorithm.is_symmetric() != shared) {
            return Err(fault(Fault::MixedKeys));
        }
        match &self.keys {
            Keys::Discovery => fetch::address(&self.issuer, self.plain_http).map(drop),
            Keys::Jwks(url) => fetch::address(url, self.plain_http).map(drop),
            _ => Ok(()),
        }
        .map_err(|error| fault(Fault::Address(error)))
    }
}

/// Bounds and limits of a [`Verifier`](super::Verifier).
#[derive(Debug, Clone)]
pub struct Options {
    /// Longer tokens are refused. Bytes, default 16 KiB.
    pub token_bytes: usize,
    /// Memory for verified tokens. Bytes, an estimate; default 64 MiB.
    pub cache_bytes: u64,
    /// How many refused tokens are remembered. Default 10,000.
    pub refused: u64,
    /// How long a refused token is remembered. Default 10 s.
    pub refused_for: Duration,
    /// How long keys are fresh if the provider does not say. Default 5 min; what it says counts from 1 min to 24 h.
    pub keys_fresh: Duration,
    /// How long keys are used when the provider is away. Default 24 h.
    pub keys_stale: Duration,
    /// One fetch because of an unknown key per issuer in this time. Default 30 s.
    pub refetch_every: Duration,
    /// So many at once after a quiet time. Default 2.
    pub refetch_burst: u32,
    /// Such fetches of all issuers together in a minute. Default 30.
    pub refetch_global: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token_bytes: 16 * 1024,
            cache_bytes: 64 * 1024 * 1024,
            refused: 10_000,
            refused_for: Duration::from_secs(10),
            keys_fresh: Duration::from_mins(5),
            keys_stale: Duration::from_hours(24),
            refetch_every: Duration::from_secs(30),
            refetch_burst: 2,
            refetch_global: 30,
        }
    }
}

/// Settings that would make tokens believed too easily, or never.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("issuer \"{issuer}\": {kind}")]
pub struct SettingsError {
    /// Its name in the configuration.
    pub issuer: String,
    pub(super) kind: Fault,
}

impl SettingsError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::Invalid
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it needs a name and the exact value of \"iss\"")]
    NoIssuer,
    #[error("it needs at least one audience, else tokens meant for others would be believed")]
    NoAudience,
    #[error("it needs at least one algorithm")]
    NoAlgorithm,
    #[error("the leeway is at most 5 minutes")]
    Leeway,
    #[error("HS algorithms need a shared secret and no other kind of key; all others need public keys")]
    MixedKeys,
    #[error("another issuer has the same name or the same \"iss\"")]
    Twice,
    #[error("{0}")]
    Address(FetchError),
    #[error("{0}")]
    Key(KeyError),
}
