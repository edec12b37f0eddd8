//! The Seaworthy that a keeper belongs to at the moment.

use super::outbox::Outbox;
use crate::protocol::Decoder;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

pub(super) struct Peer {
    stream: UnixStream,
    decoder: Decoder,
    /// What is sent before anything else.
    greeting: Vec<u8>,
    /// It has gone, but what it said before has to be read yet.
    deaf: bool,
}

impl Peer {
    pub(super) fn new(stream: UnixStream, greeting: Vec<u8>) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, decoder: Decoder::default(), greeting, deaf: false })
    }

    /// Said before the next line.
    pub(super) fn say(&mut self, frame: &[u8]) {
        self.greeting.extend_from_slice(frame);
    }

    pub(super) fn has_something_to_send(&self, outbox: &Outbox) -> bool {
        let nothing = self.greeting.is_empty() && outbox.is_empty();
        !(self.deaf || nothing)
    }

    /// Orders that have come; `None` when nobody is there any more.
    pub(super) fn read(&mut self) -> Option<Vec<(u8, Vec<u8>)>> {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => return None,
            Ok(count) => self.decoder.push(bytes.get(..count).unwrap_or_default()),
            Err(error) if again(&error) => {}
            Err(_) => return None,
        }
        let mut orders = Vec::new();
        loop {
            match self.decoder.next() {
                Ok(Some((kind, body))) => orders.push((kind, body.to_vec())),
                Ok(None) => return Some(orders),
                Err(_) => return None,
            }
        }
    }

    /// Sends what can be sent without waiting.
    pub(super) fn write(&mut self, outbox: &mut Outbox) {
        while self.has_something_to_send(outbox) {
            match self.write_once(outbox) {
                Ok(()) => {}
                Err(error) if again(&error) => return,
                Err(_) => self.deaf = true,
            }
        }
    }

    fn write_once(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        // a line under way is ended before anything else is said
        if self.greeting.is_empty() || outbox.under_way() {
            let Some(bytes) = outbox.front() else { return Ok(()) };
            let count = self.stream.write(bytes)?;
            outbox.advance(count);
        } else {
            let count = self.stream.write(&self.greeting)?;
            self.greeting.drain(..count);
        }
        Ok(())
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

pub(super) fn again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
