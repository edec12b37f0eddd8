//! W3C Trace Context: the ids that one request carries through every service it touches.
//!
//! Source: <https://www.w3.org/TR/trace-context/> (level 1, version 00).

use std::fmt;

/// Where a request stands in a trace: which trace, which span is the parent, and whether it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// 16 bytes, never all zero.
    pub trace_id: [u8; 16],
    /// 8 bytes, never all zero: the span that sends this context.
    pub span_id: [u8; 8],
    /// Whether the sender records the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// A new trace with random ids.
    pub fn generate(sampled: bool) -> Self {
        let trace_id = (fastrand::u128(..) | 1).to_be_bytes();
        Self { trace_id, span_id: new_span_id(), sampled }
    }

    /// The same trace, seen from a new span.
    pub fn child(self) -> Self {
        Self { span_id: new_span_id(), ..self }
    }

    /// Reads a `traceparent` header. `None` where it is malformed: the standard then asks for a new trace.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (version, rest) = (header.get(..2)?, header.get(2..)?);
        let version = hex_byte(version)?;
        // a higher version may append fields after a dash; version 00 may not
        let longer_is_fine = version > 0 && rest.get(53) == Some(&b'-');
        if version == 0xff || !(rest.len() == 53 || longer_is_fine) {
            return None;
        }
        if rest[0] != b'-' || rest[33] != b'-' || rest[50] != b'-' {
            return None;
        }
        let mut context = Self { trace_id: [0; 16], span_id: [0; 8], sampled: false };
        decode(&rest[1..33], &mut context.trace_id)?;
        decode(&rest[34..50], &mut context.span_id)?;
        context.sampled = hex_byte(&rest[51..53])? & 1 == 1;
        (context.trace_id != [0; 16] && context.span_id != [0; 8]).then_some(context)
    }

    /// Writes the `traceparent` header, 55 bytes.
    pub fn header(&self) -> [u8; 55] {
        let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        encode(&self.trace_id, &mut out[3..35]);
        encode(&self.span_id, &mut out[36..52]);
        out[54] = if self.sampled { b'1' } else { b'0' };
        out
    }

    /// The trace id in hexadecimal, as logs show it.
    pub fn trace_id_hex(&self) -> String {
        let mut out = [0; 32];
        encode(&self.trace_id, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.header()))
    }
}

fn new_span_id() -> [u8; 8] {
    (fastrand::u64(..) | 1).to_be_bytes()
}

fn nibble(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None, // the standard admits lower case only
    }
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    Some((nibble(pair[0])? << 4) | nibble(pair[1])?)
}

fn decode(text: &[u8], out: &mut [u8]) -> Option<()> {
    for (slot, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *slot = hex_byte(pair)?;
    }
    Some(())
}

fn encode(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_the_standards_example() {
        let context = TraceContext::parse(EXAMPLE).unwrap();
        assert!(context.sampled);
        assert_eq!(context.trace_id_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.header(), EXAMPLE);
    }

    #[test]
    fn refuses_malformed_headers() {
        let zero_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let zero_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let upper = "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01";
        let longer = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra";
        let version_ff = "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for bad in ["", "00", zero_trace, zero_span, upper, longer, version_ff] {
            assert_eq!(TraceContext::parse(bad.as_bytes()), None, "{bad}");
        }
        let future = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra";
        assert!(TraceContext::parse(future.as_bytes()).is_some());
    }

    proptest! {
        #[test]
        fn never_panics(header in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceContext::parse(&header);
        }
    }

    #[test]
    fn a_child_keeps_the_trace() {
        let parent = TraceContext::generate(true);
        let child = parent.child();
        assert_eq!((child.trace_id, child.sampled), (parent.trace_id, true));
        assert_ne!(child.span_id, parent.span_id);
        assert_eq!(TraceContext::parse(&child.header()), Some(child));
    }
}
