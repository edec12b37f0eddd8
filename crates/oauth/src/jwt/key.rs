use super::Algorithm;
use super::algorithm::Family;
use crate::strict::base64url;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value};
use std::sync::Arc;

/// More keys than this in one set are not looked at.
const MOST_KEYS: usize = 64;

/// Why a configured key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No JSON object with `keys`, or no PEM.
    #[error("the key cannot be read")]
    Unreadable,
    /// None of the keys is for one of the allowed algorithms, long enough and public.
    #[error("there is no usable key for the allowed algorithms")]
    NoneUsable,
    /// A shared secret shorter than 256 bits, or than the digest of an allowed algorithm needs.
    #[error("a shared secret needs at least 256 bits")]
    ShortSecret,
}

/// A key ready to use: parsed once for each algorithm that it may be used with.
pub(super) struct Key {
    pub(super) kid: Option<String>,
    ways: Vec<(Algorithm, Way)>,
    /// Tells a replaced key from one that is still the same.
    pub(super) print: [u8; 32],
}

enum Way {
    Public(ParsedPublicKey),
    Shared(Box<hmac::Key>),
}

impl Key {
    pub(super) fn serves(&self, algorithm: Algorithm) -> bool {
        self.ways.iter().any(|(own, _)| *own == algorithm)
    }

    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self.ways.iter().find(|(own, _)| *own == algorithm) {
            Some((_, Way::Public(key))) => key.verify_sig(message, signature).is_ok(),
            Some((_, Way::Shared(key))) => hmac::verify(key, message, signature).is_ok(),
            None => false,
        }
    }

    pub(super) fn shared(secret: &[u8], allowed: &[Algorithm]) -> Result<Self, KeyError> {
        if secret.len() < 32 {
            return Err(KeyError::ShortSecret);
        }
        let way = |algorithm: &Algorithm| {
            Some((*algorithm, Way::Shared(Box::new(hmac::Key::new(algorithm.hmac()?, secret)))))
        };
        Ok(Self {
            kid: None,
            ways: allowed.iter().filter_map(way).collect(),
            print: super::digest(&[secret]),
        })
    }

    pub(super) fn from_pem(pem: &str, allowed: &[Algorithm]) -> Result<Self, KeyError> {
        let spki =
            SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Unreadable)?;
        let der: &[u8] = spki.as_ref();
        let ways = allowed.iter().filter_map(|algorithm| {
            let key = ParsedPublicKey::new(algorithm.public()?, der).ok()?;
            let strong = match algorithm.family() {
                Family::Rsa => {
                    aws_lc_rs::rsa::PublicEncryptingKey::from_der(der).ok()?.key_size_bits() >= 2048
                }
                Family::Ed => der.last_chunk::<32>().is_some_and(|point| !is_small_order(point)),
                _ => true,
            };
            strong.then_some((*algorithm, Way::Public(key)))
        });
        let key = Self { kid: None, ways: ways.collect(), print: super::digest(&[der]) };
        if key.ways.is_empty() { Err(KeyError::NoneUsable) } else { Ok(key) }
    }

    /// One member of a key set; nothing if it is not for signatures, not public, too weak or of another kind.
    fn from_jwk(jwk: &Map<String, Value>, allowed: &[Algorithm]) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let operations = jwk
            .get("key_ops")
            .map(|all| all.as_array().is_some_and(|all| all.iter().any(|one| one == "verify")));
        // a private key that was published is nobody's any more
        let compromised = jwk.contains_key("d") || jwk.contains_key("k");
        if text("use").is_some_and(|purpose| purpose != "sig") || operations == Some(false) || compromised {
            return None;
        }
        let only = match jwk.get("alg") {
            None => None,
            Some(name) => Some(name.as_str()?.parse::<Algorithm>().ok()?),
        };
        let usable = allowed.iter().filter(|algorithm| only.is_none_or(|only| only == **algorithm));
        let material = Material::read(text("kty")?, text)?;
        let ways: Vec<_> = usable
            .filter_map(|algorithm| Some((*algorithm, Way::Public(material.parse(*algorithm)?))))
            .collect();
        let kid = text("kid").map(str::to_owned);
        (!ways.is_empty()).then(|| Self { kid, ways, print: material.print() })
    }
}

/// Every usable key of a set.
pub(super) fn read_set(set: &Map<String, Value>, allowed: &[Algorithm]) -> Result<Vec<Arc<Key>>, KeyError> {
    let all = set.get("keys").and_then(Value::as_array).ok_or(KeyError::Unreadable)?;
    let keys = all.iter().take(MOST_KEYS).filter_map(|jwk| Key::from_jwk(jwk.as_object()?, allowed));
    let keys: Vec<_> = keys.map(Arc::new).collect();
    if keys.is_empty() { Err(KeyError::NoneUsable) } else { Ok(keys) }
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: String, point: Vec<u8> },
    Ed { x: [u8; 32] },
}

impl Material {
    fn read<'a>(kind: &str, text: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let bytes = |name: &str| base64url(text(name)?);
        match kind {
            "RSA" => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                is_strong_rsa(&n, &e).then_some(Self::Rsa { n, e })
            }
            "EC" => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                let mut point = vec![4];
                point.extend_from_slice(&x);
                point.extend_from_slice(&y);
                (x.len() == y.len()).then_some(Self::Ec { curve: text("crv")?.to_owned(), point })
            }
            "OKP" if text("crv") == Some("Ed25519") => {
                let x: [u8; 32] = bytes("x")?.try_into().ok()?;
                (!is_small_order(&x)).then_some(Self::Ed { x })
            }
            _ => None,
        }
    }

    fn parse(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        match (self, algorithm.family()) {
            (Self::Rsa { n, e }, Family::Rsa) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(algorithm.rsa()?).ok()
            }
            (Self::Ec { curve, point }, Family::Ec) => {
                let (name, bytes) = algorithm.curve()?;
                if curve != name || point.len() != 1 + 2 * bytes {
                    return None;
                }
                ParsedPublicKey::new(algorithm.public()?, point).ok()
            }
            (Self::Ed { x }, Family::Ed) => ParsedPublicKey::new(algorithm.public()?, x).ok(),
            _ => None,
        }
    }

    fn print(&self) -> [u8; 32] {
        match self {
            Self::Rsa { n, e } => super::digest(&[b"rsa", n, e]),
            Self::Ec { curve, point } => super::digest(&[b"ec", curve.as_bytes(), point]),
            Self::Ed { x } => super::digest(&[b"ed", x]),
        }
    }
}

/// 2,048 to 8,192 bits, and an exponent that makes a signature more than its message.
fn is_strong_rsa(n: &[u8], e: &[u8]) -> bool {
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let canonical = n.first() != Some(&0) && e.first() != Some(&0);
    canonical && (2048..=8192).contains(&bits) && odd(n) && odd(e) && e != [1] && (1..=4).contains(&e.len())
}

/// Points of order 1, 2, 4 and 8, in every encoding: under such a key one signature fits many messages.
fn is_small_order(point: &[u8; 32]) -> bool {
    const ORDER_8_A: [u8; 32] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    const ORDER_8_B: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    let mut y = *point;
    y[31] &= 0x7f;
    // the prime 2^255 − 19, and its neighbours: −1, and 0 and 1 written too large
    let near_prime = |low: u8| y[0] == low && y[1..31].iter().all(|byte| *byte == 0xff) && y[31] == 0x7f;
    let small = |low: u8| y[0] == low && y[1..].iter().all(|byte| *byte == 0);
    small(0)
        || small(1)
        || near_prime(0xec)
        || near_prime(0xed)
        || near_prime(0xee)
        || y == ORDER_8_A
        || y == ORDER_8_B
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict::to_base64url;
    use serde_json::json;

    fn read(jwk: Value, allowed: &[Algorithm]) -> Option<Key> {
        Key::from_jwk(jwk.as_object().unwrap(), allowed)
    }

    #[test]
    fn weak_rsa_keys_are_none() {
        let jwk = |n: &[u8], e: &[u8]| json!({"kty": "RSA", "n": to_base64url(n), "e": to_base64url(e)});
        let strong = [0xff; 256];
        assert!(read(jwk(&strong, &[1, 0, 1]), &[Algorithm::Rs256]).is_some());
        assert!(read(jwk(&[0xff; 128], &[1, 0, 1]), &[Algorithm::Rs256]).is_none());
        assert!(read(jwk(&[&[0x7f][..], &[0xff; 255]].concat(), &[1, 0, 1]), &[Algorithm::Rs256]).is_none());
        assert!(read(jwk(&[0xff; 1025], &[1, 0, 1]), &[Algorithm::Rs256]).is_none());
        for e in [&[1][..], &[0], &[2], &[], &[0, 1, 0, 1], &[1; 9]] {
            assert!(read(jwk(&strong, e), &[Algorithm::Rs256]).is_none(), "{e:?}");
        }
    }

    #[test]
    fn small_order_points_are_none() {
        for (first, rest, last) in
            [(1, 0, 0), (0, 0, 0), (0, 0, 0x80), (0xec, 0xff, 0x7f), (0xed, 0xff, 0x7f), (0xee, 0xff, 0xff)]
        {
            let mut point = [rest; 32];
            (point[0], point[31]) = (first, last);
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": to_base64url(&point)});
            assert!(read(jwk, &[Algorithm::EdDsa]).is_none(), "{first} {rest} {last}");
        }
    }

    #[test]
    fn only_public_signature_keys_of_the_right_kind() {
        let with = |name: &str, value: Value| {
            let mut jwk = json!({"kty": "RSA", "n": to_base64url(&[0xff; 256]), "e": "AQAB"});
            jwk[name] = value;
            read(jwk, &[Algorithm::Rs256, Algorithm::Ps256])
        };
        assert!(with("use", json!("sig")).is_some());
        assert!(with("use", json!("enc")).is_none());
        assert!(with("key_ops", json!(["sign"])).is_none());
        assert!(with("d", json!("AQAB")).is_none());
        assert!(with("alg", json!("HS256")).is_none());
        assert!(with("alg", json!(5)).is_none());
        let one = with("alg", json!("PS256")).unwrap();
        assert!(one.serves(Algorithm::Ps256) && !one.serves(Algorithm::Rs256));
        assert!(read(json!({"kty": "oct", "k": to_base64url(&[1; 64])}), &[Algorithm::Hs256]).is_none());
        assert!(Key::shared(&[1; 31], &[Algorithm::Hs256]).is_err());
    }

    /// The examples of RFC 7515 (A.1, A.3) and RFC 8037 (A.4).
    #[test]
    fn known_answers() {
        let payload =
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let right = |key: &Key, algorithm, signed: &str, signature: &str| {
            let mut bytes = base64url(signature).unwrap();
            let good = key.verify(algorithm, signed.as_bytes(), &bytes);
            bytes[10] ^= 1;
            good && !key.verify(algorithm, signed.as_bytes(), &bytes)
        };
        let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = Key::shared(&base64url(secret).unwrap(), &[Algorithm::Hs256]).unwrap();
        let signed = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}");
        assert!(right(&key, Algorithm::Hs256, &signed, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        let jwk = json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        let key = read(jwk, &[Algorithm::Es256]).unwrap();
        let signature =
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(right(&key, Algorithm::Es256, &format!("eyJhbGciOiJFUzI1NiJ9.{payload}"), signature));
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let key = read(jwk, &[Algorithm::EdDsa]).unwrap();
        let signature =
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert!(right(
            &key,
            Algorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            signature
        ));
    }
}
