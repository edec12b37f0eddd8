//! What Seaworthy and a keeper say to each other: frames of a length, a kind and a body.
//!
//! A keeper may be older than the Seaworthy that adopts it: kinds are never reused, unknown ones are passed over.

use crate::event::{Line, Stream};
use crate::exit::Stage;
use crate::launch::{Limits, Orphan, OutputLimits, StopPlan};
use crate::procfs::Identity;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::{Zeroize as _, Zeroizing};

/// The version of what is written into the folder.
pub(crate) const FORMAT: u32 = 1;
/// The variable that every process of a tree inherits, so that it is known again without its keeper.
pub(crate) const MARKER: &str = "SEAWORTHY_REPLICA";
/// Longest line that is passed on, in bytes.
pub(crate) const LONGEST_LINE: usize = 16 << 10;
/// Lines that are kept for the report of a crash.
pub(crate) const LAST_LINES: usize = 50;
/// Longest body, in bytes: a launch with the largest arguments, written as JSON numbers.
const LONGEST_BODY: usize = 12 << 20;
const HEAD: usize = 5;

/// To the keeper: its own instructions.
pub(crate) const KEEP: u8 = 1;
/// To the keeper, and on to the launch stage: the program. Holds secrets.
pub(crate) const PROGRAM: u8 = 2;
/// To the keeper: the start was seen; from now on the orphan policy holds.
pub(crate) const CONFIRM: u8 = 3;
/// To the keeper: end the tree now.
pub(crate) const KILL: u8 = 4;
/// To the keeper: end the tree by its plan.
pub(crate) const STOP: u8 = 5;
/// To the keeper: a successor will come; until then this is no orphan.
pub(crate) const LEAVE: u8 = 6;

/// From the keeper: the program runs.
pub(crate) const STARTED: u8 = 65;
/// From the keeper: a line.
pub(crate) const LINE: u8 = 66;
/// From the keeper: a line that was passed on before this Seaworthy came.
pub(crate) const PAST: u8 = 67;
/// From the keeper: lines were dropped.
pub(crate) const DROPPED: u8 = 68;

/// From the launch stage: the next thing is the program.
pub(crate) const READY: u8 = 97;
/// From the launch stage: a [`Failure`].
pub(crate) const FAILED: u8 = 98;

/// A keeper's own instructions. They hold no secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Keep {
    pub(crate) format: u32,
    pub(crate) orphan: Orphan,
    pub(crate) stop: StopPlan,
    pub(crate) output: OutputLimits,
    pub(crate) limits: Limits,
    /// The memory limit holds by resource limit only.
    pub(crate) address_space: bool,
    pub(crate) groups: crate::cgroup::Groups,
    /// The value of [`MARKER`].
    pub(crate) marker: String,
}

/// What the launch stage becomes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(Vec<u8>, Value)>,
    pub(crate) folder: PathBuf,
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) join: Vec<PathBuf>,
    pub(crate) open_files: Option<u64>,
    pub(crate) processes: Option<u64>,
    pub(crate) address_space: Option<u64>,
    pub(crate) socket: bool,
}

/// The value of an environment variable: wiped when it is dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Value(Vec<u8>);

impl Value {
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Why the launch stage did not become the program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) error: String,
}

/// Who the program is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) program: Identity,
    pub(crate) at: SystemTime,
}

/// One message.
pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    // bodies are bounded far below 4 GiB
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

/// The body of a [`LINE`].
pub(crate) fn encode_line(line: &Line) -> Vec<u8> {
    let mut body = Vec::with_capacity(9 + line.text.len());
    body.push(u8::from(line.stream == Stream::Stderr) | (u8::from(line.cut) << 1));
    let at = line.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    body.extend_from_slice(&u64::try_from(at.as_millis()).unwrap_or(u64::MAX).to_be_bytes());
    body.extend_from_slice(line.text.as_bytes());
    body
}

/// `None` for what is no line.
pub(crate) fn decode_line(body: &[u8]) -> Option<Line> {
    let (flags, rest) = body.split_first()?;
    let (at, text) = rest.split_first_chunk::<8>()?;
    // a year far away is no reason to panic
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(u64::from_be_bytes(*at)));
    Some(Line {
        stream: if flags & 1 == 0 { Stream::Stdout } else { Stream::Stderr },
        text: String::from_utf8_lossy(text).into_owned(),
        cut: flags & 2 != 0,
        at: at.unwrap_or(UNIX_EPOCH),
    })
}

/// The body of a [`DROPPED`].
pub(crate) fn decode_count(body: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(body.try_into().ok()?))
}

/// Bytes that become frames. They are wiped afterwards: some hold secrets.
#[derive(Default)]
pub(crate) struct Decoder {
    bytes: Zeroizing<Vec<u8>>,
    taken: usize,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 && self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        } else if self.taken > 64 << 10 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame; an error when what comes cannot be one.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u8, Zeroizing<Vec<u8>>)>> {
        let rest = &self.bytes[self.taken..];
        let Some((length, after)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > LONGEST_BODY {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is longer than any of ours"));
        }
        let Some((kind, after)) = after.split_first() else { return Ok(None) };
        let Some(body) = after.get(..length) else { return Ok(None) };
        let found = (*kind, Zeroizing::new(body.to_vec()));
        self.taken += HEAD + length;
        Ok(Some(found))
    }
}

/// Sends all of it, blocking, with a file descriptor beside its first byte.
pub(crate) fn send_with(
    stream: BorrowedFd<'_>,
    bytes: &[u8],
    socket: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let mut socket = socket;
    let mut rest = bytes;
    while !rest.is_empty() {
        let fds: Vec<BorrowedFd<'_>> = socket.take().into_iter().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        }
        match rustix::net::sendmsg(stream, &[IoSlice::new(rest)], &mut ancillary, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => socket = fds.first().copied(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Receives what is there, and file descriptors with it.
pub(crate) fn receive_with(stream: impl AsFd, fds: &mut Vec<OwnedFd>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; 64 << 10]);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            &stream,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    bytes.truncate(received.bytes);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_survive_any_split(bodies in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..99)), 0..9), step in 1usize..17) {
            let wire: Vec<u8> = bodies.iter().flat_map(|(kind, body)| frame(*kind, body)).collect();
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for chunk in wire.chunks(step) {
                decoder.push(chunk);
                while let Some((kind, body)) = decoder.next().expect("valid") {
                    found.push((kind, body.to_vec()));
                }
            }
            prop_assert_eq!(found, bodies);
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some((_, body))) = decoder.next() {
                let _ = (decode_line(&body), decode_count(&body));
            }
        }

        #[test]
        fn lines_read_back(text in ".{0,40}", cut: bool, stderr: bool, millis in 0u64..9_999_999_999_999) {
            let line = Line {
                stream: if stderr { Stream::Stderr } else { Stream::Stdout },
                text,
                cut,
                at: UNIX_EPOCH + Duration::from_millis(millis),
            };
            prop_assert_eq!(decode_line(&encode_line(&line)), Some(line));
        }
    }

    #[test]
    fn nobody_makes_us_wait_for_4_gib() {
        let mut decoder = Decoder::default();
        decoder.push(&[255, 255, 255, 255, 1]);
        assert!(decoder.next().is_err());
    }
}
