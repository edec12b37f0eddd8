//! What comes from a keeper.

use crate::event::Event;
use crate::protocol::{self, Decoder, LAST_LINES, Started};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::net::UnixStream;

/// Read at once, in bytes.
const CHUNK: usize = 16 << 10;

pub(crate) struct Connection {
    stream: Arc<UnixStream>,
    buffer: Box<[u8]>,
    decoder: Decoder,
    events: VecDeque<Event>,
    past: VecDeque<String>,
    started: Option<Started>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("events", &self.events.len()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Has to be called where a runtime is.
    pub(crate) fn new(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: Arc::new(UnixStream::from_std(stream)?),
            buffer: vec![0; CHUNK].into(),
            decoder: Decoder::default(),
            events: VecDeque::new(),
            past: VecDeque::new(),
            started: None,
        })
    }

    pub(crate) fn stream(&self) -> Arc<UnixStream> {
        Arc::clone(&self.stream)
    }

    pub(crate) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn take_past(&mut self) -> VecDeque<String> {
        std::mem::take(&mut self.past)
    }

    /// Waits until the keeper says that the program runs; `None` if the keeper ends before.
    pub(crate) async fn started(&mut self) -> Option<Started> {
        loop {
            if let Some(started) = self.started.take() {
                return Some(started);
            }
            if !self.fill().await {
                // the last thing it said may have been this
                return self.started.take();
            }
        }
    }

    /// Waits for more; `false` when nothing more will come. Loses nothing when dropped.
    pub(crate) async fn fill(&mut self) -> bool {
        loop {
            if self.stream.readable().await.is_err() {
                return false;
            }
            match self.stream.try_read(&mut self.buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    self.decoder.push(self.buffer.get(..count).unwrap_or_default());
                    return self.decode();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
    }

    /// `false` for what no keeper says.
    fn decode(&mut self) -> bool {
        loop {
            match self.decoder.next() {
                Ok(Some((protocol::STARTED, body))) => self.started = serde_json::from_slice(&body).ok(),
                Ok(Some((protocol::PAST, body))) => {
                    self.past.extend(protocol::decode_line(&body).map(|line| line.text));
                    self.past.drain(..self.past.len().saturating_sub(LAST_LINES));
                }
                Ok(Some((kind, body))) => self.events.extend(event(kind, &body)),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

fn event(kind: u8, body: &[u8]) -> Option<Event> {
    match kind {
        protocol::LINE => protocol::decode_line(body).map(Event::Line),
        protocol::DROPPED => protocol::decode_count(body).map(Event::Dropped),
        // of a newer keeper
        _ => None,
    }
}

/// What a keeper wrote down because nobody read it.
pub(super) fn events_of(output: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder::default();
    decoder.push(output);
    let mut events = Vec::new();
    while let Ok(Some((kind, body))) = decoder.next() {
        events.extend(event(kind, &body));
    }
    events
}
