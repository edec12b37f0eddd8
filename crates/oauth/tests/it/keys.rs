//! Keys and signatures, made with the crypto library itself.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self as sig, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair};
use aws_lc_rs::{hmac, rsa::KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) enum Key {
    Rsa(Box<rsa::KeyPair>),
    Ec(EcdsaKeyPair, &'static str, usize),
    Ed(Ed25519KeyPair),
    Hmac(Vec<u8>),
}

impl Key {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(Box::new(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &'static str, bytes: usize) -> Self {
        Self::Ec(EcdsaKeyPair::generate(algorithm).unwrap(), curve, bytes)
    }

    pub(crate) fn p256() -> Self {
        Self::ec(&sig::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32)
    }

    pub(crate) fn p256_der() -> Self {
        Self::ec(&sig::ECDSA_P256_SHA256_ASN1_SIGNING, "P-256", 32)
    }

    pub(crate) fn p384() -> Self {
        Self::ec(&sig::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48)
    }

    pub(crate) fn p521() -> Self {
        Self::ec(&sig::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", 66)
    }

    pub(crate) fn k256() -> Self {
        Self::ec(&sig::ECDSA_P256K1_SHA256_FIXED_SIGNING, "secp256k1", 32)
    }

    pub(crate) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let (n, e) = numbers(pair.public_key().as_ref());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "n": b64(n), "e": b64(e)})
            }
            Self::Ec(pair, curve, bytes) => {
                let point = &pair.public_key().as_ref()[1..];
                json!({"kty": "EC", "kid": kid, "crv": curve, "x": b64(&point[..*bytes]), "y": b64(&point[*bytes..])})
            }
            Self::Ed(pair) => {
                json!({"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": b64(pair.public_key().as_ref())})
            }
            Self::Hmac(secret) => json!({"kty": "oct", "kid": kid, "k": b64(secret)}),
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub(crate) fn der(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ec(pair, ..) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Hmac(secret) => secret.clone(),
        }
    }

    pub(crate) fn pem(&self) -> String {
        let text = STANDARD.encode(self.der());
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// `PS` and `RS` differ for the same key; for all others the key decides.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding: &'static dyn sig::RsaEncoding = match algorithm {
                    "PS256" => &sig::RSA_PSS_SHA256,
                    "RS512" => &sig::RSA_PKCS1_SHA512,
                    _ => &sig::RSA_PKCS1_SHA256,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut out).unwrap();
                out
            }
            Self::Ec(pair, ..) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Hmac(secret) => {
                let kind = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(kind, secret), message).as_ref().to_vec()
            }
        }
    }

    /// A token whose header and payload are taken as they are.
    pub(crate) fn raw(&self, algorithm: &str, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        format!("{signed}.{}", b64(self.sign(algorithm, signed.as_bytes())))
    }

    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let algorithm = header["alg"].as_str().unwrap_or_default().to_owned();
        self.raw(&algorithm, header.to_string().as_bytes(), claims.to_string().as_bytes())
    }
}

/// The two integers of an `RSAPublicKey`.
fn numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn element(bytes: &[u8]) -> (&[u8], &[u8]) {
        let (length, start) = match bytes[1] {
            short @ 0..=0x7f => (usize::from(short), 2),
            0x81 => (usize::from(bytes[2]), 3),
            _ => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        };
        bytes[start..].split_at(length)
    }
    let (inner, _) = element(der);
    let (n, rest) = element(inner);
    let (e, _) = element(rest);
    let plain = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect();
    (plain(n), plain(e))
}
