//! Bytes of one output that become lines.

use crate::event::{Line, Stream};
use crate::protocol::LONGEST_LINE;
use std::time::SystemTime;

/// What has been read of a line that is not yet complete.
#[derive(Debug)]
pub(super) struct Lines {
    stream: Stream,
    begun: Vec<u8>,
    /// The line is longer than it may be: its beginning was passed on, the rest is passed over.
    over: bool,
}

impl Lines {
    pub(super) const fn new(stream: Stream) -> Self {
        Self { stream, begun: Vec::new(), over: false }
    }

    /// Hands on every line that these bytes complete. `wanted` is asked before a line is made: making is the dear part.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        wanted: &mut dyn FnMut() -> bool,
        to: &mut dyn FnMut(Line),
    ) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            self.extend(line, wanted, to);
            if self.over {
                self.over = false;
            } else if wanted() {
                to(self.line(false));
            }
            self.begun.clear();
        }
        self.extend(bytes, wanted, to);
    }

    /// The output is closed: what has been begun is a line as well.
    pub(super) fn finish(&mut self, wanted: &mut dyn FnMut() -> bool, to: &mut dyn FnMut(Line)) {
        if !self.begun.is_empty() && wanted() {
            to(self.line(false));
        }
        self.begun = Vec::new();
        self.over = false;
    }

    fn extend(&mut self, bytes: &[u8], wanted: &mut dyn FnMut() -> bool, to: &mut dyn FnMut(Line)) {
        if self.over {
            return;
        }
        let room = LONGEST_LINE - self.begun.len();
        self.begun.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if bytes.len() > room {
            if wanted() {
                to(self.line(true));
            }
            self.begun.clear();
            self.over = true;
        }
    }

    fn line(&self, cut: bool) -> Line {
        let bytes = self.begun.strip_suffix(b"\r").unwrap_or(&self.begun);
        let whole = if cut { before_a_torn_character(bytes) } else { bytes };
        let text = String::from_utf8_lossy(whole).into_owned();
        Line { stream: self.stream, text, cut, at: SystemTime::now() }
    }
}

/// Without the beginning of a character whose rest was cut off.
fn before_a_torn_character(bytes: &[u8]) -> &[u8] {
    let begins = bytes.iter().rev().take(4).position(|byte| byte & 0b1100_0000 != 0b1000_0000);
    let Some(back) = begins else { return bytes };
    let at = bytes.len() - 1 - back;
    let (head, last) = bytes.split_at(at);
    let length = match last.first() {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    if last.len() < length { head } else { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chunks: &[&[u8]]) -> Vec<(String, bool)> {
        let mut lines = Lines::new(Stream::Stdout);
        let mut found = Vec::new();
        let mut keep = |line: Line| found.push((line.text, line.cut));
        for chunk in chunks {
            lines.push(chunk, &mut || true, &mut keep);
        }
        lines.finish(&mut || true, &mut keep);
        found
    }

    #[test]
    fn lines_end_where_they_end() {
        let found = read(&[b"one\ntw", b"o\r\n\n", b"\xff\xfebin\nrest"]);
        let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "", "\u{fffd}\u{fffd}bin", "rest"]);
    }

    #[test]
    fn a_long_line_is_cut_once() {
        let long = "ä".repeat(600_000);
        let found = read(&[long.as_bytes(), b"\nnext\n"]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0.len(), found[0].1), (LONGEST_LINE, true));
        assert_eq!(found[1], ("next".to_owned(), false));
        let odd = format!("x{long}");
        assert_eq!(read(&[odd.as_bytes()])[0].0.len(), LONGEST_LINE - 1);
        let exact = "y".repeat(LONGEST_LINE);
        assert_eq!(read(&[exact.as_bytes(), b"\n"]), [(exact, false)]);
    }

    #[test]
    fn unwanted_lines_are_not_made() {
        let mut lines = Lines::new(Stream::Stderr);
        let mut asked = 0;
        lines.push(
            b"a\nb\nc",
            &mut || {
                asked += 1;
                false
            },
            &mut |line| panic!("{line:?}"),
        );
        assert_eq!(asked, 2);
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300), step in 1usize..40) {
            let chunks: Vec<&[u8]> = bytes.chunks(step).collect();
            prop_assert_eq!(read(&chunks), read(&[&bytes]));
        }
    }
}
