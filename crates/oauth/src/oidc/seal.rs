use crate::strict::{base64url, to_base64url};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use seaworthy_core::Secret;

const NONCE: usize = 12;
const NAME: usize = 4;

/// Keys for cookies, the newest first: it seals, all of them open.
pub(super) struct Sealer(Vec<([u8; NAME], RandomizedNonceKey)>);

impl Sealer {
    pub(super) fn new(keys: &[Secret<[u8; 32]>]) -> Option<Self> {
        let key = |key: &Secret<[u8; 32]>| {
            let print = crate::jwt::digest(&[b"cookie key", key.expose()]);
            let name = *print.first_chunk::<NAME>()?;
            Some((name, RandomizedNonceKey::new(&AES_256_GCM_SIV, key.expose()).ok()?))
        };
        let all: Vec<_> = keys.iter().map(key).collect::<Option<_>>()?;
        (!all.is_empty()).then_some(Self(all))
    }

    /// `place` says what this is for: sealed for one place, it opens in no other.
    pub(super) fn seal(&self, place: &[u8], mut bytes: Vec<u8>) -> Option<String> {
        let (name, key) = self.0.first()?;
        let nonce = key.seal_in_place_append_tag(Aad::from(place), &mut bytes).ok()?;
        Some(to_base64url(&[&name[..], nonce.as_ref(), &bytes].concat()))
    }

    pub(super) fn open(&self, place: &[u8], text: &str) -> Option<Secret<Vec<u8>>> {
        let bytes = base64url(text)?;
        let (name, rest) = bytes.split_first_chunk::<NAME>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let with_key = |key: &RandomizedNonceKey| {
            let mut sealed = sealed.to_vec();
            let plain = key
                .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut sealed)
                .ok()?;
            Some(Secret::new(plain.to_vec()))
        };
        self.0.iter().filter(|(own, _)| own == name).find_map(|(_, key)| with_key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(keys: &[u8]) -> Sealer {
        Sealer::new(&keys.iter().map(|key| Secret::new([*key; 32])).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn opens_only_unchanged_in_its_place_and_with_its_key() {
        let sealed = sealer(&[1]).seal(b"here", b"hello".to_vec()).unwrap();
        assert_eq!(sealer(&[2, 1]).open(b"here", &sealed).unwrap().expose(), b"hello");
        assert!(sealer(&[1]).open(b"there", &sealed).is_none());
        assert!(sealer(&[2]).open(b"here", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(sealer(&[1]).open(b"here", &changed).is_none(), "{at}");
        }
        for short in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(sealer(&[1]).open(b"here", short).is_none());
        }
        assert!(Sealer::new(&[]).is_none());
    }
}
