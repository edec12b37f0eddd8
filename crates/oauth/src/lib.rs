//! Tokens of others: who issued this, and may it be believed.
//!
//! - [`jwt::Verifier`]: signed tokens of configured issuers, checked by rules an issuer cannot loosen, cached by digest.
//! - [`introspect::Introspector`]: tokens only their issuer can read (RFC 7662).
//! - [`oidc::Login`]: a person logs in at an OpenID provider; the session lives in a sealed cookie.
//! - [`client::ClientCredentials`]: a token of our own for calls to an upstream.
//!
//! It must never read a file or the environment, never listen, and never wait for the network on a caller's runtime:
//! whatever is fetched is fetched on the runtime whose handle [`fetch::Http`] was given; a caller awaits a channel.
//! Time is always an argument, so that every deadline can be tried without waiting for it.
//!
//! ```
//! use seaworthy_core::Secret;
//! use seaworthy_oauth::fetch::Http;
//! use seaworthy_oauth::jwt::{Algorithm, Check, Issuer, Keys, Options, Reject, Verifier};
//! use std::time::SystemTime;
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! let keys = Keys::Hmac(Secret::new(b"a secret of at least 32 random bytes".to_vec()));
//! let mut issuer = Issuer::new("staff", "https://id.example.com", "https://api.example.com", keys);
//! issuer.algorithms = vec![Algorithm::Hs256];
//! let http = Http::new(runtime.handle().clone());
//! let verifier = Verifier::new(vec![issuer], Options::default(), http).unwrap();
//! match verifier.check("not a token", SystemTime::now()) {
//!     Check::Ready(result) => assert_eq!(result.unwrap_err(), Reject::Malformed),
//!     Check::Wait(_) => unreachable!("keys that are at hand are not waited for"),
//! }
//! ```

pub mod client;
pub mod csrf;
pub mod fetch;
mod flight;
mod form;
pub mod introspect;
pub mod jwt;
pub mod oidc;
mod strict;
