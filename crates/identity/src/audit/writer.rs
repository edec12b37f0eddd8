//! The one that writes what many callers bring.

use super::append;
use super::entry::{Entry, Outcome};
use super::log::Parts;
use crate::{Actor, Error};
use seaworthy_store::Store;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The most entries of one transaction.
const TOGETHER: usize = 256;
/// How many kinds of entries an overflow tells apart.
const KINDS: usize = 64;
/// How long a store that is away is left alone.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) enum Item {
    Record(Box<Entry>, oneshot::Sender<Result<(), Error>>),
    Note(Box<Entry>),
    Flush(oneshot::Sender<()>),
}

/// What was not kept: how many of each action and outcome.
#[derive(Debug, Default)]
pub(super) struct Overflow(BTreeMap<(String, Outcome), u64>);

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) written: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) failed: AtomicU64,
}

pub(super) fn overflow(overflow: &Mutex<Overflow>, entry: &Entry) {
    let mut overflow = overflow.lock().unwrap_or_else(PoisonError::into_inner);
    let mut key = (crate::text::fit(&entry.action, 128), entry.outcome);
    if overflow.0.len() >= KINDS && !overflow.0.contains_key(&key) {
        key.0 = "other".to_owned();
    }
    *overflow.0.entry(key).or_default() += entry.count;
}

pub(super) async fn run(
    store: Store,
    parts: Arc<Parts>,
    mut queue: mpsc::Receiver<Item>,
    overflowing: Arc<Mutex<Overflow>>,
    counters: Arc<Counters>,
) {
    let mut kept = Vec::new();
    loop {
        let first = if kept.is_empty() {
            queue.recv().await
        } else {
            // notes that could not be written: again, with whatever has come since, after a while
            tokio::time::sleep(PAUSE).await;
            queue.try_recv().ok()
        };
        if first.is_none() && kept.is_empty() {
            return;
        }
        let mut batch = Batch { notes: std::mem::take(&mut kept), ..Batch::default() };
        let mut next = first;
        while let Some(item) = next {
            batch.add(item);
            next = if batch.len() < TOGETHER { queue.try_recv().ok() } else { None };
        }
        kept = batch.write(&store, &parts, &overflowing, &counters).await;
    }
}

#[derive(Default)]
struct Batch {
    records: Vec<Entry>,
    notes: Vec<Entry>,
    answers: Vec<oneshot::Sender<Result<(), Error>>>,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn len(&self) -> usize {
        self.records.len() + self.notes.len() + self.flushes.len()
    }

    fn add(&mut self, item: Item) {
        match item {
            Item::Record(entry, answer) => {
                self.records.push(*entry);
                self.answers.push(answer);
            }
            Item::Note(entry) => match self.notes.iter_mut().find(|note| note.is_like(&entry)) {
                Some(note) => note.count = note.count.saturating_add(entry.count),
                None => self.notes.push(*entry),
            },
            Item::Flush(done) => self.flushes.push(done),
        }
    }

    /// Gives back the notes where they could not be written.
    async fn write(
        self,
        store: &Store,
        parts: &Arc<Parts>,
        overflowing: &Mutex<Overflow>,
        counters: &Counters,
    ) -> Vec<Entry> {
        let lost = std::mem::take(&mut overflowing.lock().unwrap_or_else(PoisonError::into_inner).0);
        let mut entries = self.records;
        entries.extend(self.notes.iter().cloned());
        entries.extend(lost.iter().map(|((action, outcome), count)| {
            let mut entry =
                Entry::new(&Actor::system(), "audit.overflow", format!("audit:{action}"), *outcome)
                    .because("too many entries waited to be written; these were only counted");
            entry.count = *count;
            entry
        }));
        let count = entries.len() as u64;
        let parts = Arc::clone(parts);
        let written = store.write(move |tx| {
            Box::pin(async move { append::append(tx, &parts.signer, &parts.settings, entries).await })
        });
        let written: Result<u64, Error> = written.await;
        let kept = match &written {
            Ok(_) => {
                counters.written.fetch_add(count, Relaxed);
                Vec::new()
            }
            Err(error) => {
                counters.failed.fetch_add(1, Relaxed);
                tracing::warn!(%error, entries = count, "audit entries could not be written");
                let mut overflow = overflowing.lock().unwrap_or_else(PoisonError::into_inner);
                lost.into_iter().for_each(|(key, count)| *overflow.0.entry(key).or_default() += count);
                if matches!(error, Error::Store(seaworthy_store::Error::Closed)) {
                    Vec::new()
                } else {
                    self.notes
                }
            }
        };
        for answer in self.answers {
            let _ = answer.send(written.clone().map(|_| ()));
        }
        for done in self.flushes {
            let _ = done.send(());
        }
        kept
    }
}
