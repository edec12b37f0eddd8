//! Texts that come from outside: bounded, and without what could act as something else.

/// At most so many bytes of it, cut between characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// One line without control characters, at most so many bytes: fit for a header, a subject or a title.
pub(crate) fn line(text: &str, most: usize) -> String {
    let one = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    cut(one.trim(), most).to_owned()
}

/// Several lines without other control characters, at most so many bytes.
pub(crate) fn lines(text: &str, most: usize) -> String {
    let clean: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
    cut(&clean, most).to_owned()
}

/// The SHA-256 of parts, each with its length before it so that no two lists look alike; 32 hex digits of it.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    hex(context.finish().as_ref().get(..16).unwrap_or_default())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_fits() {
        assert_eq!(line("a\r\nBcc: x\0", 100), "a  Bcc: x");
        assert_eq!(line("ääää", 5), "ää");
        assert_eq!(lines("a\nb\r\x1b[31m", 100), "a\nb[31m");
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(digest(["ab"]).len(), 32);
    }
}
