//! Follows a chunked body (RFC 9112 §7.1) without keeping any of it.

use super::Violation;

/// Longest chunk extension or trailer section that is read before giving up.
const MAX_SIDE_BYTES: u32 = 16 * 1024;

/// What the next byte is part of.
#[derive(Debug, Default)]
enum Part {
    /// The digits of a chunk's size.
    #[default]
    Size,
    /// The rest of a size line, after `;` or white space.
    Extension,
    /// The LF that must end a size line.
    SizeLf,
    /// Data, with this many bytes to come.
    Data(u64),
    /// The CR, then the LF behind data.
    DataCr,
    DataLf,
    /// The start of a trailer line (or of the last, empty one).
    TrailerStart,
    /// Inside a trailer line.
    Trailer,
    /// The LF that ends a trailer line.
    TrailerLf,
    /// The LF that ends the message.
    LastLf,
}

/// The state of one chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    part: Part,
    size: u64,
    digits: u8,
    side_bytes: u32,
}

/// How far [`Chunked::advance`] came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All bytes belong to the body; it goes on.
    Within(usize),
    /// The body ended after this many bytes.
    Done(usize),
}

impl Chunked {
    /// Follows the body through `bytes`.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Progress, Violation> {
        let mut at = 0;
        while at < bytes.len() {
            if let Part::Data(left) = &mut self.part {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                *left -= used as u64;
                at += used;
                if *left == 0 {
                    self.part = Part::DataCr;
                }
                continue;
            }
            let byte = bytes[at];
            at += 1;
            if self.step(byte)? {
                return Ok(Progress::Done(at));
            }
        }
        Ok(Progress::Within(at))
    }

    /// One byte of framing. `true`: it was the last of the message.
    fn step(&mut self, byte: u8) -> Result<bool, Violation> {
        self.part = match (&self.part, byte) {
            (Part::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => return self.digit(byte).map(|()| false),
            (Part::Size, b'\r') if self.digits > 0 => Part::SizeLf,
            (Part::Size, b';') if self.digits > 0 => Part::Extension,
            (Part::Extension, b'\r') => Part::SizeLf,
            (Part::Extension, _) => return self.side(byte).map(|()| false),
            (Part::SizeLf, b'\n') if self.size == 0 => Part::TrailerStart,
            (Part::SizeLf, b'\n') => Part::Data(self.size),
            (Part::DataCr, b'\r') => Part::DataLf,
            (Part::DataLf, b'\n') => {
                (self.size, self.digits) = (0, 0);
                Part::Size
            }
            (Part::TrailerStart, b'\r') => Part::LastLf,
            (Part::TrailerStart, b' ' | b'\t') => return Err(Violation::Chunk),
            (Part::TrailerStart, _) => {
                self.side(byte)?;
                Part::Trailer
            }
            (Part::Trailer, b'\r') => Part::TrailerLf,
            (Part::Trailer, _) => return self.side(byte).map(|()| false),
            (Part::TrailerLf, b'\n') => Part::TrailerStart,
            (Part::LastLf, b'\n') => return Ok(true),
            _ => return Err(Violation::Chunk),
        };
        Ok(false)
    }

    fn digit(&mut self, byte: u8) -> Result<(), Violation> {
        let value = char::from(byte).to_digit(16).ok_or(Violation::Chunk)?;
        self.digits += 1;
        if self.digits > 15 {
            return Err(Violation::Chunk);
        }
        self.size = self.size << 4 | u64::from(value);
        Ok(())
    }

    fn side(&mut self, byte: u8) -> Result<(), Violation> {
        self.side_bytes += 1;
        let control = (byte < 0x20 && byte != b'\t') || byte == 0x7f;
        if control || self.side_bytes > MAX_SIDE_BYTES { Err(Violation::Chunk) } else { Ok(()) }
    }
}
