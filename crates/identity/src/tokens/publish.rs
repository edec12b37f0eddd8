use crate::text::URL_SAFE;
use crate::{Identity, text};
use base64::Engine as _;
use serde_json::{Value, json};

impl Identity {
    /// The public keys of access tokens (RFC 7517), those that do not sign yet included.
    pub fn jwks(&self) -> Value {
        let keys = self.0.view.public_keys().into_iter().map(|(id, key)| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": URL_SAFE.encode(key),
            })
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    /// What others need to know of this issuer (RFC 8414), with `base` as the address of the API, without a slash at
    /// its end.
    pub fn discovery(&self, base: &str) -> Value {
        let base = text::fit(base, 2_048);
        json!({
            "issuer": self.0.settings.issuer,
            "jwks_uri": format!("{base}/.well-known/jwks.json"),
            "token_endpoint": format!("{base}/v1/auth/token"),
            "revocation_endpoint": format!("{base}/v1/auth/revoke"),
            "grant_types_supported": ["refresh_token"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["none"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
        })
    }
}
