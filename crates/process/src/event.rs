//! What a process has to say.

use crate::exit::Exit;
use std::time::SystemTime;

/// What happened to a [`Process`](crate::Process).
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It said something.
    Line(Line),
    /// So many lines were dropped since the last event: it said more than it may, or nobody listened for too long.
    Dropped(u64),
    /// It ended, and nothing of its tree is left. The last event.
    Exited(Exit),
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it was written.
    pub stream: Stream,
    /// The text without its end of line; what is not UTF-8 is replaced. Control characters are as they were: escape
    /// them where they are shown.
    pub text: String,
    /// Whether it was longer than 16 KiB, and this is its beginning.
    pub cut: bool,
    /// When it was read.
    pub at: SystemTime,
}

/// The two outputs of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}
