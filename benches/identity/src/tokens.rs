//! Keys and the tokens they sign.

use crate::error::Error;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const ISSUER: &str = "https://id.bench.test";
pub(crate) const AUDIENCE: &str = "bench";

pub(crate) enum Signer {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn es256() -> Result<Self, Error> {
        Ok(Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| Error::Key)?))
    }

    pub(crate) fn rs256() -> Result<Self, Error> {
        Ok(Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Key)?))
    }

    pub(crate) fn eddsa() -> Result<Self, Error> {
        Ok(Self::EdDsa(Ed25519KeyPair::generate().map_err(|_| Error::Key)?))
    }

    pub(crate) const fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// What the library verifies it with.
    pub(crate) const fn library(&self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Es256(_) => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Rs256(_) => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::EdDsa(_) => &signature::ED25519,
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub(crate) fn public(&self) -> Result<Vec<u8>, Error> {
        let der: Result<PublicKeyX509Der<'_>, _> = match self {
            Self::Es256(key) => key.public_key().as_der(),
            Self::Rs256(key) => key.public_key().as_der(),
            Self::EdDsa(key) => key.public_key().as_der(),
        };
        Ok(der.map_err(|_| Error::Key)?.as_ref().to_vec())
    }

    pub(crate) fn pem(&self) -> Result<String, Error> {
        let text = STANDARD.encode(self.public()?);
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"))
    }

    /// A key set with this key, for ES256.
    pub(crate) fn jwks(&self, kid: &str) -> Result<String, Error> {
        let Self::Es256(key) = self else { return Err(Error::Key) };
        // 4, x, y
        let point = key.public_key().as_ref();
        let (x, y) = point.get(1..65).map(|point| point.split_at(32)).ok_or(Error::Key)?;
        let key = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": base64url(x), "y": base64url(y) });
        Ok(json!({ "keys": [key] }).to_string())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => Ok(key.sign(&random, message).map_err(|_| Error::Key)?.as_ref().to_vec()),
            Self::EdDsa(key) => Ok(key.sign(message).as_ref().to_vec()),
            Self::Rs256(key) => {
                let mut bytes = vec![0; key.public_modulus_len()];
                let sign = key.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut bytes);
                sign.map_err(|_| Error::Key)?;
                Ok(bytes)
            }
        }
    }

    /// A token of somebody; every one differs.
    pub(crate) fn token(&self, number: usize, kid: Option<&str>) -> Result<Token, Error> {
        let mut header = json!({ "alg": self.algorithm(), "typ": "at+jwt" });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let signed = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims(number).to_string().as_bytes())
        );
        let signature = self.sign(signed.as_bytes())?;
        let text = format!("{signed}.{}", base64url(&signature));
        Ok(Token { text, signed, signature })
    }
}

pub(crate) struct Token {
    pub(crate) text: String,
    /// What the signature is for.
    pub(crate) signed: String,
    pub(crate) signature: Vec<u8>,
}

/// Claims as large as access tokens usually have.
pub(crate) fn claims(number: usize) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": format!("user-{number:06}"), "client_id": "shop", "jti": format!("{number:032x}"),
        "iat": now, "nbf": now, "exp": now + 7_200, "scope": "orders:read orders:write profile", "roles": ["user"],
    })
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token that looks right and names a key that nobody has.
pub(crate) fn unknown(claims: &str) -> String {
    let header = format!("{{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"{:032x}\"}}", fastrand::u128(..));
    format!("{}.{claims}.{}", base64url(header.as_bytes()), base64url(&[0x5a; 64]))
}
