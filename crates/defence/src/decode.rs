//! The shapes one value can take on its way to whatever reads it.

use percent_encoding::percent_decode;
use std::borrow::Cow;

/// Encoded more often than this is a finding of its own elsewhere, not a reason to go on.
const ROUNDS: usize = 2;

/// `%41`, and `+` for a space.
pub(crate) fn form(bytes: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

/// `%41`.
pub(crate) fn percent(bytes: &[u8]) -> Vec<u8> {
    percent_decode(bytes).collect()
}

/// Decodes what is still encoded: percent signs, entities, escapes, letters of other widths. Never longer than before.
pub(crate) fn deeper(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut value = Cow::Borrowed(bytes);
    for _ in 0..ROUNDS {
        let next = if value.contains(&b'%') { percent_u(&percent(&value)) } else { value.to_vec() };
        let next = escapes(&entities(&overlong(&next)));
        if next == *value {
            break;
        }
        value = Cow::Owned(next);
    }
    value
}

/// Two-byte forms of ASCII that lenient decoders take (`c0 af` is `/`), and full-width letters.
fn overlong(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        match rest {
            [0xc0..=0xc1, low @ 0x80..=0xbf, more @ ..] => {
                out.push(((first & 1) << 6) | (low & 0x3f));
                rest = more;
            }
            [0xe0, 0x80..=0x81, low @ 0x80..=0xbf, more @ ..] => {
                out.push(((rest[1] & 1) << 6) | (low & 0x3f));
                rest = more;
            }
            // U+FF01 to U+FF5E: the printable ASCII once more
            [0xef, middle @ 0xbc..=0xbd, low @ 0x80..=0xbf, more @ ..] => {
                let offset = (u32::from(middle - 0xbc) << 6) + u32::from(low - 0x80);
                match u8::try_from(offset + 0x20) {
                    Ok(byte @ 0x21..=0x7e) => out.push(byte),
                    _ => out.extend_from_slice(&rest[..3]),
                }
                rest = more;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// Whether there is ASCII in a form that no encoder makes.
pub(crate) fn has_overlong(bytes: &[u8]) -> bool {
    let pairs = bytes.windows(2).any(|pair| matches!(pair, [0xc0..=0xc1, 0x80..=0xbf]));
    pairs || bytes.windows(3).any(|three| matches!(three, [0xe0, 0x80..=0x81, 0x80..=0xbf]))
}

/// `%u0027`.
fn percent_u(bytes: &[u8]) -> Vec<u8> {
    replace(bytes, b"%u", |rest| hex(rest, 4, 4))
}

/// `\u0027`, `\x27`, `\u{27}`.
fn escapes(bytes: &[u8]) -> Vec<u8> {
    let unicode = replace(bytes, b"\\u", |rest| match rest.strip_prefix(b"{") {
        Some(inner) => {
            let (value, used) = hex(inner, 1, 6)?;
            inner.get(used).filter(|byte| **byte == b'}').map(|_| (value, used + 2))
        }
        None => hex(rest, 4, 4),
    });
    replace(&unicode, b"\\x", |rest| hex(rest, 2, 2))
}

/// `&#39;`, `&#x27;`, with or without the semicolon, and the names that matter.
fn entities(bytes: &[u8]) -> Vec<u8> {
    const NAMES: [(&[u8], u32); 15] = [
        (b"lt;", 0x3c),
        (b"gt;", 0x3e),
        (b"quot;", 0x22),
        (b"apos;", 0x27),
        (b"amp;", 0x26),
        (b"lpar;", 0x28),
        (b"rpar;", 0x29),
        (b"colon;", 0x3a),
        (b"sol;", 0x2f),
        (b"bsol;", 0x5c),
        (b"equals;", 0x3d),
        (b"tab;", 0x09),
        (b"newline;", 0x0a),
        (b"period;", 0x2e),
        (b"grave;", 0x60),
    ];
    if !bytes.contains(&b'&') {
        return bytes.to_vec();
    }
    let numbers = replace(bytes, b"&#", |rest| {
        let (value, used) = match rest.first() {
            Some(b'x' | b'X') => hex(&rest[1..], 1, 8).map(|(value, used)| (value, used + 1))?,
            _ => digits(rest, 10, 1, 8)?,
        };
        Some((value, used + usize::from(rest.get(used) == Some(&b';'))))
    });
    replace(&numbers, b"&", |rest| {
        let same = |name: &[u8]| rest.len() >= name.len() && rest[..name.len()].eq_ignore_ascii_case(name);
        NAMES.iter().find(|(name, _)| same(name)).map(|(name, value)| (*value, name.len()))
    })
}

/// Every `mark` whose continuation `read` understands is replaced by one character.
fn replace(bytes: &[u8], mark: &[u8], read: impl Fn(&[u8]) -> Option<(u32, usize)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let starts = rest.len() >= mark.len() && rest[..mark.len()].eq_ignore_ascii_case(mark);
        match starts.then(|| read(&rest[mark.len()..])).flatten() {
            Some((value, used)) => {
                let letter = char::from_u32(value).unwrap_or('\u{fffd}');
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                at += mark.len() + used;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

fn hex(bytes: &[u8], least: usize, most: usize) -> Option<(u32, usize)> {
    digits(bytes, 16, least, most)
}

fn digits(bytes: &[u8], radix: u32, least: usize, most: usize) -> Option<(u32, usize)> {
    let mut value = 0u32;
    let mut used = 0;
    while let Some(digit) = bytes.get(used).and_then(|byte| char::from(*byte).to_digit(radix)) {
        if used == most {
            break;
        }
        value = value.saturating_mul(radix).saturating_add(digit);
        used += 1;
    }
    (used >= least).then_some((value, used))
}

/// As the rules see it: lower case, comments and runs of blanks are one blank, no null bytes.
pub(crate) fn normal(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    // an end that was not found once is not looked for again: the work stays linear
    let mut ends = true;
    while let Some((first, tail)) = rest.split_first() {
        let blank = match rest {
            // MySQL runs what stands in such a comment
            [b'/', b'*', b'!', more @ ..] => {
                rest = &more[more.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
                true
            }
            [b'/', b'*', more @ ..] => {
                let end = if ends { more.windows(2).position(|pair| pair == b"*/") } else { None };
                ends = end.is_some();
                // one that never ends is none
                rest = end.map_or(more, |end| &more[end + 2..]);
                true
            }
            [b'*', b'/', more @ ..] => {
                rest = more;
                true
            }
            [b' ' | b'\t' | 0x0b | 0x0c, ..] => {
                rest = tail;
                true
            }
            [0xc2, 0xa0, more @ ..] => {
                rest = more;
                true
            }
            [0, ..] => {
                rest = tail;
                continue;
            }
            _ => false,
        };
        if !blank {
            out.push(first.to_ascii_lowercase());
            rest = tail;
        } else if out.last() != Some(&b' ') {
            out.push(b' ');
        }
    }
    out
}

/// As a shell reads it: quotes and escapes within words fall away. Nothing if there are none.
pub(crate) fn unquoted(normal: &[u8]) -> Option<Vec<u8>> {
    let quoting = |byte: &u8| matches!(byte, b'\'' | b'"' | b'\\' | b'^');
    if !normal.iter().any(quoting) && !normal.contains(&b'$') {
        return None;
    }
    let mut out = Vec::with_capacity(normal.len());
    let mut rest = normal;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(more) = rest.strip_prefix(b"${ifs}").or_else(|| rest.strip_prefix(b"$ifs")) {
            out.push(b' ');
            rest = more;
            continue;
        }
        if let Some(more) = rest.strip_prefix(b"$@").or_else(|| rest.strip_prefix(b"$*")) {
            rest = more;
            continue;
        }
        if !quoting(first) {
            out.push(*first);
        }
        rest = tail;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_disguise_falls() {
        for (disguise, plain) in [
            (&b"%2527"[..], "'"),
            (b"%u0027", "'"),
            (b"\\u0027 \\x3c \\u{3c}", "' < <"),
            (b"&lt;&#60;&#x3c;&#0000060&LT;", "<<<<<"),
            (b"..\xc0\xaf..", "../.."),
            (b"%c0%ae%e0%80%af", "./"),
            ("＜script＞".as_bytes(), "<script>"),
            (b"%25253c", "%3c"),
        ] {
            assert_eq!(String::from_utf8_lossy(&deeper(disguise)), plain);
        }
        assert_eq!(normal(b"UN\0ION/**/SEL\tECT  /*!50000 x*/ /*y"), b"union sel ect x y");
        assert_eq!(unquoted(b"c'a't${ifs}/e\\tc").unwrap(), b"cat /etc");
    }

    proptest! {
        #[test]
        fn never_longer_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(deeper(&bytes).len() <= bytes.len() + 2);
            prop_assert!(normal(&bytes).len() <= bytes.len());
            let _ = unquoted(&bytes);
        }
    }
}
