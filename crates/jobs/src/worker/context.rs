use crate::claim::Claimed;
use crate::payload::clean;
use seaworthy_core::trace::TraceContext;
use seaworthy_store::{Store, Timestamp};
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// What is kept of what one attempt says.
const MOST_LINES: usize = 1_000;
const LONGEST_LINE: usize = 4_096;
const LONGEST_NOTE: usize = 512;

/// What an attempt knows of its job and may tell about itself. Clones share it.
#[derive(Clone)]
pub struct Context {
    job: Arc<Claimed>,
    shared: Arc<Shared>,
    trace: TraceContext,
    store: Store,
}

impl Context {
    pub(crate) const fn new(
        job: Arc<Claimed>,
        shared: Arc<Shared>,
        trace: TraceContext,
        store: Store,
    ) -> Self {
        Self { job, shared, trace, store }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// The job.
    pub fn job(&self) -> &Claimed {
        &self.job
    }

    /// The same for every attempt of this job, and for no other job of this database: for those who are called to tell
    /// a repetition from a second request. A dead letter that is brought back keeps it, unless a fresh one is asked for.
    pub fn idempotency_key(&self) -> IdempotencyKey {
        IdempotencyKey { job: self.job.id, created: self.job.created_at, changes: self.job.key_changes }
    }

    /// Where this attempt stands in its trace: what is called from here is its child.
    pub const fn trace(&self) -> TraceContext {
        self.trace
    }

    /// Resolves when the attempt is to end: called off, at a shutdown that cannot wait any longer, or because the
    /// lease was lost.
    pub async fn cancelled(&self) {
        self.shared.token.cancelled().await;
    }

    /// Whether the attempt is to end.
    pub fn is_cancelled(&self) -> bool {
        self.shared.token.is_cancelled()
    }

    /// How far it is: 0 to 100, and in words. Written down every few seconds.
    pub fn progress(&self, share: u8, note: impl AsRef<str>) {
        let told = (share.min(100), clean(note.as_ref(), LONGEST_NOTE));
        *self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }

    /// A line for the job's log: kept with the end of the attempt, up to 1,000 lines of 4 KiB. What comes after them is
    /// counted in a last line.
    pub fn log(&self, level: &'static str, text: impl AsRef<str>) {
        let mut log = self.shared.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.lines.len() < MOST_LINES {
            let text = clean(text.as_ref(), LONGEST_LINE);
            log.lines.push(Line { at: self.store.now(), level, text });
        } else {
            log.dropped += 1;
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("job", &self.job.id).finish_non_exhaustive()
    }
}

/// See [`Context::idempotency_key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    job: i64,
    // a database that is set up anew begins at 1 again
    created: Timestamp,
    changes: u32,
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job-{}-{:x}", self.job, self.created.as_micros())?;
        if self.changes > 0 { write!(f, "-{}", self.changes) } else { Ok(()) }
    }
}

/// What an attempt and those who watch over it share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) token: CancellationToken,
    why: AtomicU8,
    progress: Mutex<Option<(u8, String)>>,
    log: Mutex<Log>,
}

/// Why an attempt is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody called the job off.
    Cancelled = 1,
    /// The process ends.
    Shutdown = 2,
    /// Somebody else has the job.
    LeaseLost = 3,
}

#[derive(Debug, Default)]
struct Log {
    lines: Vec<Line>,
    dropped: usize,
}

/// A line of a job's log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) level: &'static str,
    pub(crate) text: String,
}

impl Shared {
    /// The first reason holds.
    pub(crate) fn stop(&self, why: Stop) {
        let _ = self.why.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire);
        self.token.cancel();
    }

    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.why.load(Ordering::Acquire) {
            1 => Some(Stop::Cancelled),
            2 => Some(Stop::Shutdown),
            3 => Some(Stop::LeaseLost),
            _ => None,
        }
    }

    /// What is new since it was last asked.
    pub(crate) fn take_progress(&self) -> Option<(u8, String)> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn take_log(&self, now: Timestamp) -> Vec<Line> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = std::mem::take(&mut log.lines);
        if log.dropped > 0 {
            lines.push(Line {
                at: now,
                level: "warn",
                text: format!("{} more lines were not kept", log.dropped),
            });
            log.dropped = 0;
        }
        lines
    }
}
