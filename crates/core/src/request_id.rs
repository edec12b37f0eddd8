use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const GENERATED: usize = 26;
const LONGEST: usize = 64;

/// The id under which one request is found again in answers, logs and traces.
///
/// Generated ids are 130 random bits in Crockford base 32. A caller's own id is accepted if it is 1–64 characters
/// of `A–Z a–z 0–9 - _ . :`, so that it can stand in any log line or header unescaped.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    length: u8,
    bytes: [u8; LONGEST],
}

impl RequestId {
    /// A new random id. Unique, not secret: it does not come from a cryptographic source.
    pub fn generate() -> Self {
        let mut bytes = [0; LONGEST];
        let (mut low, mut high) = (fastrand::u64(..), fastrand::u64(..));
        for (i, slot) in bytes[..GENERATED].iter_mut().enumerate() {
            let source = if i < 13 { &mut low } else { &mut high };
            *slot = ALPHABET[(*source & 31) as usize];
            *source >>= 5;
        }
        Self { length: GENERATED as u8, bytes }
    }

    /// A caller's id, or `None` where it is not well formed.
    pub fn accept(text: &[u8]) -> Option<Self> {
        let fits = (1..=LONGEST).contains(&text.len());
        let clean = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        if !fits || !text.iter().all(clean) {
            return None;
        }
        let mut bytes = [0; LONGEST];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self { length: text.len() as u8, bytes })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // every constructor admits ASCII only
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The id as bytes, for a header value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_differ_and_are_accepted_back() {
        let ids: std::collections::HashSet<_> = (0..1_000).map(|_| RequestId::generate()).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            assert_eq!(RequestId::accept(id.as_bytes()), Some(id));
        }
    }

    #[test]
    fn refuses_what_could_forge_a_log_line() {
        for bad in [&b""[..], b"a b", b"a\nb", b"a\"b", "é".as_bytes(), &[b'a'; 65]] {
            assert_eq!(RequestId::accept(bad), None, "{bad:?}");
        }
        assert_eq!(RequestId::accept(b"7f3e-_.:Z").unwrap().as_str(), "7f3e-_.:Z");
    }
}
