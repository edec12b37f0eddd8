//! Text from outside, so that it can't end a line, leave its quotes or drive a terminal.

use std::fmt::Write;

/// Appends `text` in quotes, escaped as JSON. More is escaped than JSON asks: every control character, and whatever
/// some reader takes for the end of a line or turns the direction of writing.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if treacherous(c) => {
                // all of these lie below U+FFFF, so one escape is enough
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// As [`quoted`], without the quotes where the text is plain enough to stand alone.
pub(crate) fn bare(out: &mut String, text: &str) {
    let plain = |c: char| !c.is_whitespace() && !treacherous(c) && !matches!(c, '"' | '\\' | '=');
    if !text.is_empty() && text.chars().all(plain) {
        out.push_str(text);
    } else {
        quoted(out, text);
    }
}

fn treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
