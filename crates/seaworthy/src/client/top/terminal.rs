//! The terminal while it is used as a screen.

use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::super::output::print;

/// Another screen, without a cursor and without wrapping; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// What was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `q`, Ctrl-C, or nobody is there any more.
    Quit,
    /// Something else.
    Other,
}

/// A terminal that goes back to what it was when this ends.
#[derive(Debug)]
pub(super) struct Screen {
    /// How it was; none: keys do not come from a terminal.
    before: Option<Termios>,
}

impl Screen {
    pub(super) fn enter() -> io::Result<Self> {
        let input = io::stdin();
        let before = tcgetattr(&input).ok();
        if let Some(mut raw) = before.clone() {
            // keys come at once and unseen, Ctrl-C among them: its signal would leave the terminal as it is now
            raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            raw.special_codes[SpecialCodeIndex::VMIN] = 0;
            raw.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(&input, OptionalActions::Now, &raw)?;
        }
        let screen = Self { before };
        print(ENTER);
        Ok(screen)
    }

    /// Columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
            _ => (80, 24),
        }
    }

    /// What is pressed within a time.
    pub(super) fn key(&mut self, within: Duration) -> Option<Key> {
        if self.before.is_none() {
            std::thread::sleep(within);
            return None;
        }
        let input = io::stdin();
        let mut ready = [PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN)];
        let within = Timespec { tv_sec: 0, tv_nsec: within.subsec_nanos().into() };
        if poll(&mut ready, Some(&within)).ok()? == 0 {
            return None;
        }
        let mut keys = [0; 64];
        // past the standard library's own buffer, which would keep what poll waits for
        match rustix::io::read(&input, &mut keys) {
            Ok(0) => Some(Key::Quit),
            Ok(count) => Some(read(&keys[..count])),
            Err(_) => None,
        }
    }
}

fn read(keys: &[u8]) -> Key {
    if keys.iter().any(|key| matches!(key, b'q' | b'Q' | 3)) { Key::Quit } else { Key::Other }
}

impl Drop for Screen {
    fn drop(&mut self) {
        print(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
