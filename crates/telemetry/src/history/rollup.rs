//! Slots on disk: files that are only ever appended to, each readable alone.
//!
//! A file begins with eight bytes that say what it is. Then come frames: the length of a payload and its CRC-32
//! (four bytes each, little endian), then the payload of one slot ([`record`]). A file is read up to its first frame
//! that is incomplete or damaged. Nothing is appended to a file of an earlier run.

mod folder;
mod load;
mod record;
mod writer;

pub(super) use folder::Folder;
pub(super) use load::{Limit, Loader};
pub(super) use writer::Writer;

/// What a file begins with; the last byte is the version.
const MAGIC: &[u8; 8] = b"SWSLOTS\x01";
/// The longest payload of a frame.
const FRAME: usize = 32 << 20;
/// The length and the checksum before a payload.
const HEAD: usize = 8;
