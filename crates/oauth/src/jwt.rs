//! Signed tokens (JWS compact, RFC 7515/7519/9068) of configured issuers.
//!
//! Signatures are checked by aws-lc-rs directly: a general JWT library decides too much itself (lenient base64,
//! repeated members, keys parsed anew per token), and only a dozen lines of it would be left.

mod algorithm;
mod cache;
mod claims;
mod counters;
mod header;
mod key;
mod keyset;
mod limiter;
mod reject;
mod revocation;
mod settings;
mod verified;
mod verifier;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use counters::Counters;
pub use key::KeyError;
pub use reject::Reject;
pub use revocation::{RevocationsFull, TokenRef};
pub use settings::{Issuer, Keys, Options, Purpose, SettingsError};
pub use verified::{Check, Verified};
pub use verifier::Verifier;

pub(crate) use cache::{Cache, Good};
pub(crate) use claims::read as read_claims;
pub(crate) use counters::count;
pub(crate) use revocation::{Marks, Revocations, digest};
