//! The thread that writes, and the bounded queue before it.

use crate::metrics::{Counter, Registry};
use std::io::{BufWriter, Write};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

enum Message {
    Line(String),
    Flush(SyncSender<()>),
}

pub(super) struct Writer {
    queue: SyncSender<Message>,
    dropped: Counter,
}

/// The lines that met with `outcome`.
pub(super) fn lines(metrics: &Registry, outcome: &str) -> Counter {
    let help = "access log lines by what became of them";
    metrics.counter("seaworthy.access_log.lines", help, &[("outcome", outcome.to_owned())])
}

impl Writer {
    pub(super) fn start(to: impl Write + Send + 'static, bound: usize, metrics: &Registry) -> Self {
        let (queue, waiting) = mpsc::sync_channel(bound);
        let (written, failed) = (lines(metrics, "written"), lines(metrics, "failed"));
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        let writing = thread.spawn(move || write_all(&waiting, BufWriter::new(to), &written, &failed));
        if let Err(error) = writing {
            // the receiver is gone with the closure: every line counts as dropped
            tracing::error!(%error, "the access log could not be started");
        }
        Self { queue, dropped: lines(metrics, "dropped") }
    }

    pub(super) fn send(&self, line: String) {
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.dropped.inc();
        }
    }

    pub(super) fn flush(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let (done, answer) = mpsc::sync_channel(1);
        let mut message = Message::Flush(done);
        // the queue may be full: offer until there is room
        while let Err(refused) = self.queue.try_send(message) {
            match refused {
                mpsc::TrySendError::Full(back) if Instant::now() < deadline => message = back,
                _ => return false,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        answer.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }
}

fn write_all(
    waiting: &Receiver<Message>,
    mut to: BufWriter<impl Write>,
    written: &Counter,
    failed: &Counter,
) {
    let mut unflushed = 0;
    loop {
        let next = match waiting.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                // nothing waits: what is buffered goes out before the thread sleeps
                settle(to.flush(), &mut unflushed, written, failed);
                match waiting.recv() {
                    Ok(message) => message,
                    Err(_) => break,
                }
            }
        };
        match next {
            Message::Line(line) => match to.write_all(line.as_bytes()) {
                Ok(()) => unflushed += 1,
                Err(_) => failed.inc(),
            },
            Message::Flush(done) => {
                settle(to.flush(), &mut unflushed, written, failed);
                // whoever asked may have lost patience
                let _gone = done.try_send(());
            }
        }
    }
    settle(to.flush(), &mut unflushed, written, failed);
}

/// Counts the lines since the last flush as what they have become.
fn settle(flushed: std::io::Result<()>, unflushed: &mut u64, written: &Counter, failed: &Counter) {
    let lines = std::mem::take(unflushed);
    match flushed {
        Ok(()) => written.add(lines),
        Err(_) => failed.add(lines),
    }
}
