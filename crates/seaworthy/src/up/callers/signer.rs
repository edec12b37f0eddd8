//! What services are told of callers, signed: for services that others than the gateway can reach.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use seaworthy_gateway::access::{Caller, Later, Login, Presented};
use seaworthy_store::seal::Keyring;
use serde_json::{Value, json};

/// What keys are derived for.
const PURPOSE: &str = "callers told to services";
/// How long a token is good for, and how long one is shown again before another is made.
const GOOD: Duration = Duration::from_secs(90);
pub(super) const AGAIN: Duration = Duration::from_secs(30);
/// Where the keys are, on every listener.
const PATH: &str = "/.well-known/seaworthy/jwks.json";

/// Signs with the newest version of the key file.
pub(super) struct Signer {
    issuer: String,
    kid: String,
    pair: Ed25519KeyPair,
    keys: Bytes,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Signer {
    pub(super) fn new(keyring: &Keyring, issuer: &str) -> Result<Self, String> {
        let pair = |version| {
            let seed = keyring.derive(PURPOSE, version).map_err(|error| error.to_string())?;
            Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|error| error.to_string())
        };
        let key = |version: u32| {
            let x = URL_SAFE_NO_PAD.encode(pair(version)?.public_key().as_ref());
            Ok::<Value, String>(json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": format!("v{version}"), "x": x,
            }))
        };
        let keys = keyring.versions().map(key).collect::<Result<Vec<_>, _>>()?;
        let newest = keyring.newest();
        Ok(Self {
            issuer: issuer.to_owned(),
            kid: format!("v{newest}"),
            pair: pair(newest)?,
            keys: Bytes::from(json!({ "keys": keys }).to_string()),
        })
    }

    /// A token that says who calls these services.
    pub(super) fn sign(&self, caller: &Caller, services: &[String]) -> Option<HeaderValue> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({ "alg": "EdDSA", "typ": "caller+jwt", "kid": self.kid });
        let claims = json!({
            "iss": self.issuer,
            "aud": services,
            "sub": &*caller.subject,
            "caller_iss": &*caller.issuer,
            "method": caller.method,
            "scope": caller.scopes.iter().map(|scope| &**scope).collect::<Vec<_>>().join(" "),
            "roles": caller.roles.iter().map(|role| &**role).collect::<Vec<_>>(),
            "tenant": caller.tenant.as_deref(),
            "iat": now,
            "exp": now + GOOD.as_secs(),
        });
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string().as_bytes()),
            URL_SAFE_NO_PAD.encode(claims.to_string().as_bytes())
        );
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(text.as_bytes()).as_ref());
        HeaderValue::from_str(&format!("{text}.{signature}")).ok()
    }
}

/// Serves the keys.
#[derive(Debug)]
pub(super) struct KeySet(pub(super) Arc<Signer>);

impl Login for KeySet {
    fn prefix(&self) -> &str {
        PATH
    }

    fn answer(&self, _presented: &Presented<'_>) -> Later<Response<Bytes>> {
        let mut response = Response::new(self.0.keys.clone());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        Box::pin(std::future::ready(response))
    }
}
