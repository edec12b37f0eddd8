//! What may be kept of a caller's text: bounded in size and depth, and without what a database cannot hold.

use crate::Error;

/// The largest payload or result unless said otherwise, in bytes.
pub(crate) const DEFAULT_MAX_BYTES: usize = 1 << 20;
/// How deep objects and arrays may be nested.
pub(crate) const MAX_DEPTH: usize = 64;

/// Checks a JSON text from outside: size, depth, UTF-8, syntax.
pub(crate) fn check(field: &'static str, bytes: &[u8], max: usize) -> Result<String, Error> {
    if bytes.len() > max {
        return Err(Error::invalid(field, format!("is {} bytes long; {max} are allowed", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Error::invalid(field, format!("is not UTF-8: byte {} is wrong", error.valid_up_to()))
    })?;
    if depth(bytes) > MAX_DEPTH {
        return Err(Error::invalid(field, format!("is nested deeper than {MAX_DEPTH}")));
    }
    // the error tells the place and what was expected, not what is there
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| {
        Error::invalid(field, format!("is not JSON: line {} column {}", error.line(), error.column()))
    })?;
    Ok(text.to_owned())
}

/// The deepest nesting; of a text that is no JSON, at least what a parser could reach.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A text for people, cut to `max` bytes and without NUL, which PostgreSQL has no place for.
pub(crate) fn clean(text: &str, max: usize) -> String {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{fffd}")
}

/// Names of queues, kinds and keys: 1 to `max` bytes without control characters.
pub(crate) fn name(field: &'static str, text: &str, max: usize) -> Result<(), Error> {
    if text.is_empty() || text.len() > max {
        return Err(Error::invalid(field, format!("must be 1 to {max} bytes long")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must not hold control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_payloads_are_told_why() {
        let why = |bytes: &[u8]| check("payload", bytes, 1_000).expect_err("refused").to_string();
        assert_eq!(why(&[b'1'; 1_001]), "payload: is 1001 bytes long; 1000 are allowed");
        assert_eq!(why(b"\"\xff\""), "payload: is not UTF-8: byte 1 is wrong");
        assert_eq!(why("[".repeat(65).as_bytes()), "payload: is nested deeper than 64");
        assert_eq!(why(b"{\"a\":\0}"), "payload: is not JSON: line 1 column 6");
        assert_eq!(why(b"\"\\ud800\""), "payload: is not JSON: line 1 column 8");
        assert!(why(b"").contains("is not JSON"));
        let deep = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert_eq!(check("payload", deep.as_bytes(), 1_000).unwrap(), deep);
        let brackets = "\"[[[[\\\"[[[\"";
        assert_eq!(check("payload", brackets.as_bytes(), 1_000).unwrap(), brackets);
    }

    #[test]
    fn cut_texts_stay_texts() {
        assert_eq!(clean("aü\0b", 2), "a");
        assert_eq!(clean("aü\0b", 4), "aü\u{fffd}");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = check("payload", &bytes, 256);
        }

        #[test]
        fn what_is_json_is_kept_as_it_is(text in "[ -~]{0,40}", n in any::<i64>()) {
            let json = serde_json::json!({ "text": text, "n": n }).to_string();
            prop_assert_eq!(check("payload", json.as_bytes(), 1_000).unwrap(), json);
        }
    }
}
