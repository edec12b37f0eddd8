use super::chain::Hash;
use crate::Error;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use seaworthy_store::Timestamp;
use seaworthy_store::seal::Keyring;
use std::collections::BTreeMap;

/// Why a checkpoint was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// So many entries, or so much time, after the last.
    Periodic,
    /// A process started.
    Start,
    /// A process stopped.
    Stop,
    /// Everything up to here was removed by retention.
    Anchor,
}

impl Kind {
    /// Its name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Periodic => "periodic",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Anchor => "anchor",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Periodic, Self::Start, Self::Stop, Self::Anchor].into_iter().find(|k| k.as_str() == text)
    }
}

/// A signed word about the log: up to `seq` it was so that its hash was `hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry it speaks of; 0 for none.
    pub seq: u64,
    /// That entry's hash.
    pub hash: Hash,
    /// When it was made.
    pub at: Timestamp,
    /// Why.
    pub kind: Kind,
    /// Whose signature: `v{n}` of the key file.
    pub key_id: String,
    /// Ed25519.
    pub signature: [u8; 64],
}

/// Signs checkpoints with a key derived from the newest version of the key file.
pub struct Signer {
    key_id: String,
    pair: Ed25519KeyPair,
    publics: PublicKeys,
}

/// Whose checkpoints are believed: public keys by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(pub BTreeMap<String, [u8; 32]>);

impl Signer {
    /// From a key file. Public keys of older versions stay believed.
    ///
    /// # Errors
    /// [`Error::Internal`] where a key cannot be used.
    pub fn new(keyring: &Keyring) -> Result<Self, Error> {
        let mut publics = BTreeMap::new();
        let mut newest = None;
        for version in keyring.versions() {
            let seed = keyring.derive("audit/checkpoint", version)?;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
                .map_err(|_| Error::Internal("a key of the audit log cannot be used"))?;
            let public = pair.public_key().as_ref().try_into();
            let public = public.map_err(|_| Error::Internal("a public key has not 32 bytes"))?;
            publics.insert(format!("v{version}"), public);
            newest = Some((format!("v{version}"), pair));
        }
        let (key_id, pair) = newest.ok_or(Error::Internal("the key file has no key"))?;
        Ok(Self { key_id, pair, publics: PublicKeys(publics) })
    }

    /// The public keys, to verify with elsewhere.
    pub const fn publics(&self) -> &PublicKeys {
        &self.publics
    }

    /// Signs a word about the log.
    pub fn sign(&self, seq: u64, hash: Hash, at: Timestamp, kind: Kind) -> Checkpoint {
        let message = message(seq, &hash, at, kind, &self.key_id);
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(&message).as_ref());
        Checkpoint { seq, hash, at, kind, key_id: self.key_id.clone(), signature }
    }
}

impl PublicKeys {
    /// Whether one of these made the checkpoint.
    pub fn believe(&self, checkpoint: &Checkpoint) -> bool {
        let Some(public) = self.0.get(&checkpoint.key_id) else { return false };
        let Checkpoint { seq, hash, at, kind, key_id, signature } = checkpoint;
        let message = message(*seq, hash, *at, *kind, key_id);
        UnparsedPublicKey::new(&ED25519, public).verify(&message, signature).is_ok()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn message(seq: u64, hash: &Hash, at: Timestamp, kind: Kind, key_id: &str) -> Vec<u8> {
    let mut message = b"seaworthy/audit-checkpoint/1\0".to_vec();
    message.extend(seq.to_be_bytes());
    message.extend(hash);
    message.extend(at.as_micros().to_be_bytes());
    message.extend(kind.as_str().as_bytes());
    message.push(0);
    message.extend(key_id.as_bytes());
    message
}
