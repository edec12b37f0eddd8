//! What waits to be read by Seaworthy: bounded, the oldest goes first.

use crate::event::Line;
use crate::protocol::{self, LAST_LINES};
use std::collections::VecDeque;

/// Messages that nobody has read yet, in bytes.
const MOST_WAITING: usize = 1 << 20;
/// The last lines, in bytes.
const MOST_LAST: usize = 128 << 10;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(u64, Vec<u8>)>,
    bytes: usize,
    /// How much of the first one has been sent: it cannot be dropped any more.
    sent: usize,
    lost: u64,
    next: u64,
    last: VecDeque<(u64, Vec<u8>, String)>,
    last_bytes: usize,
}

impl Outbox {
    pub(super) fn line(&mut self, line: Line) {
        let body = protocol::encode_line(&line);
        self.push(protocol::frame(protocol::LINE, &body));
        self.last_bytes += line.text.len();
        self.last.push_back((self.next, body, line.text));
        while self.last.len() > LAST_LINES || self.last_bytes > MOST_LAST {
            let Some((.., text)) = self.last.pop_front() else { break };
            self.last_bytes -= text.len();
        }
    }

    pub(super) fn dropped(&mut self, lines: u64) {
        if lines > 0 {
            self.push(protocol::frame(protocol::DROPPED, &lines.to_be_bytes()));
        }
    }

    fn push(&mut self, frame: Vec<u8>) {
        self.next += 1;
        self.bytes += frame.len();
        self.waiting.push_back((self.next, frame));
        while self.bytes > MOST_WAITING {
            let oldest = usize::from(self.sent > 0);
            let Some((_, gone)) = self.waiting.remove(oldest) else { break };
            self.bytes -= gone.len();
            self.lost += lines_in(&gone);
        }
    }

    /// The next bytes to send.
    pub(super) fn front(&mut self) -> Option<&[u8]> {
        if self.sent == 0 && self.lost > 0 {
            let told = protocol::frame(protocol::DROPPED, &std::mem::take(&mut self.lost).to_be_bytes());
            let before = self.waiting.front().map_or(self.next, |(number, _)| number.saturating_sub(1));
            self.bytes += told.len();
            self.waiting.push_front((before, told));
        }
        self.waiting.front().and_then(|(_, frame)| frame.get(self.sent..))
    }

    /// So many of them were sent.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.waiting.front().is_some_and(|(_, frame)| frame.len() <= self.sent) {
            self.sent = 0;
            if let Some((_, frame)) = self.waiting.pop_front() {
                self.bytes -= frame.len();
            }
        }
    }

    /// Whether a message has been sent in part.
    pub(super) const fn under_way(&self) -> bool {
        self.sent > 0
    }

    /// The reader is gone: what it got half of is sent to the next one from its beginning.
    pub(super) const fn rewind(&mut self) {
        self.sent = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.lost == 0
    }

    /// The last lines, as far as they have been sent, for a reader that was not there.
    pub(super) fn past(&self) -> Vec<u8> {
        let first = self.waiting.front().map_or(u64::MAX, |(number, _)| *number);
        let sent = self.last.iter().filter(|(number, ..)| *number < first);
        sent.flat_map(|(_, body, _)| protocol::frame(protocol::PAST, body)).collect()
    }

    pub(super) fn last_lines(&self) -> Vec<String> {
        self.last.iter().map(|(.., text)| text.clone()).collect()
    }

    /// Everything that was not sent.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.rewind();
        let _ = self.front();
        self.waiting.iter().flat_map(|(_, frame)| frame.iter().copied()).collect()
    }
}

/// How many lines a message stands for.
fn lines_in(frame: &[u8]) -> u64 {
    match frame.split_first_chunk::<5>() {
        Some((&[.., protocol::DROPPED], body)) => protocol::decode_count(body).unwrap_or(0),
        Some((&[.., protocol::LINE], _)) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stream;
    use crate::protocol::Decoder;
    use std::time::UNIX_EPOCH;

    fn line(text: impl Into<String>) -> Line {
        Line { stream: Stream::Stdout, text: text.into(), cut: false, at: UNIX_EPOCH }
    }

    fn decode(bytes: &[u8]) -> (Vec<String>, u64) {
        let mut decoder = Decoder::default();
        decoder.push(bytes);
        let (mut lines, mut dropped) = (Vec::new(), 0);
        while let Some((kind, body)) = decoder.next().expect("valid") {
            match kind {
                protocol::LINE | protocol::PAST => {
                    lines.push(protocol::decode_line(&body).expect("line").text)
                }
                protocol::DROPPED => dropped += protocol::decode_count(&body).expect("count"),
                other => panic!("{other}"),
            }
        }
        (lines, dropped)
    }

    #[test]
    fn nobody_reads_and_memory_stays() {
        let mut outbox = Outbox::default();
        for number in 0..100_000 {
            outbox.line(line(format!("{number} {}", "x".repeat(90))));
        }
        assert!(outbox.bytes <= MOST_WAITING && outbox.last.len() == LAST_LINES);
        let (lines, dropped) = decode(&outbox.rest());
        assert_eq!(lines.len() as u64 + dropped, 100_000);
        assert!(lines.last().is_some_and(|last| last.starts_with("99999 ")));
    }

    #[test]
    fn what_was_begun_is_never_dropped() {
        let mut outbox = Outbox::default();
        outbox.line(line("first"));
        let whole = outbox.front().expect("there").to_vec();
        outbox.advance(7);
        for _ in 0..200 {
            outbox.line(line("y".repeat(10_000)));
        }
        assert_eq!(outbox.front(), whole.get(7..));
        outbox.rewind();
        let (lines, dropped) = decode(&outbox.rest());
        assert_eq!((lines[0].as_str(), lines.len() as u64 + dropped), ("first", 201));
    }

    #[test]
    fn a_new_reader_gets_the_past_once() {
        let mut outbox = Outbox::default();
        for text in ["a", "b", "c"] {
            outbox.line(line(text));
        }
        for _ in 0..2 {
            let length = outbox.front().expect("there").len();
            outbox.advance(length);
        }
        assert_eq!(decode(&outbox.past()).0, ["a", "b"]);
        assert_eq!(decode(&outbox.rest()).0, ["c"]);
        assert_eq!(outbox.last_lines(), ["a", "b", "c"]);
    }
}
