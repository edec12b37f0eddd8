use super::append;
use super::entry::{Entry, Recorded};
use super::read::{self, Filter};
use super::sign::{Checkpoint, Kind, PublicKeys, Signer};
use super::writer::{self, Counters, Item, Overflow};
use super::{export, prune};
use crate::Error;
use seaworthy_store::{Query, Store, Tx};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How the audit log works.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// How many entries may wait to be written. Notes beyond it are counted, not kept. 4,096.
    pub queue: usize,
    /// A checkpoint is signed after so many entries. 1,000.
    pub checkpoint_entries: u64,
    /// And after so long, where there are new entries. 5 minutes.
    pub checkpoint_every: Duration,
    /// How long entries are kept. 2,555 days.
    pub retention: Duration,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            queue: 4_096,
            checkpoint_entries: 1_000,
            checkpoint_every: Duration::from_secs(300),
            retention: Duration::from_secs(2_555 * 86_400),
        }
    }
}

/// The audit log of a store. Clones share it.
#[derive(Debug, Clone)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    parts: Arc<Parts>,
    queue: mpsc::Sender<Item>,
    overflow: Arc<Mutex<Overflow>>,
    counters: Arc<Counters>,
}

/// What it takes to append.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) signer: Signer,
    pub(super) settings: AuditSettings,
}

impl Log {
    /// Opens the log of a store whose schema is up to date, and starts its writer in the current runtime.
    pub(crate) async fn open(store: Store, signer: Signer, settings: AuditSettings) -> Result<Self, Error> {
        let (queue, waiting) = mpsc::channel(settings.queue.max(1));
        let overflow = Arc::<Mutex<Overflow>>::default();
        let counters = Arc::<Counters>::default();
        let parts = Arc::new(Parts { signer, settings });
        let (their, overflowing, counting) =
            (Arc::clone(&parts), Arc::clone(&overflow), Arc::clone(&counters));
        tokio::spawn(writer::run(store.clone(), their, waiting, overflowing, counting));
        let log = Self(Arc::new(Inner { store, parts, queue, overflow, counters }));
        log.checkpoint(Kind::Start).await?;
        Ok(log)
    }

    /// Records an entry. Once this returns, the entry is durable. Many callers share a transaction.
    ///
    /// # Errors
    /// [`Error::Store`]: then it is not recorded, and what it would have told should not be done.
    pub async fn record(&self, entry: Entry) -> Result<(), Error> {
        let (done, told) = oneshot::channel();
        let item = Item::Record(Box::new(entry), done);
        self.0.queue.send(item).await.map_err(|_| Error::Store(seaworthy_store::Error::Closed))?;
        told.await.unwrap_or(Err(Error::Store(seaworthy_store::Error::Closed)))
    }

    /// Records an entry without waiting. Entries that tell the same are written as one with a count. Where too many
    /// wait, what was not kept is counted, and the count is recorded.
    pub fn note(&self, entry: Entry) {
        if let Err(refused) = self.0.queue.try_send(Item::Note(Box::new(entry))) {
            self.0.counters.overflowed.fetch_add(1, Relaxed);
            if let Item::Note(entry) = refused.into_inner() {
                writer::overflow(&self.0.overflow, &entry);
            }
        }
    }

    /// Records entries in a transaction of the caller's, as its last step.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn append(&self, tx: &mut Tx, entries: Vec<Entry>) -> Result<(), Error> {
        let count = entries.len() as u64;
        append::append(tx, &self.0.parts.signer, &self.0.parts.settings, entries).await?;
        self.0.counters.written.fetch_add(count, Relaxed);
        Ok(())
    }

    /// Signs for what is there, where something was added since the last time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn checkpoint(&self, kind: Kind) -> Result<(), Error> {
        self.checkpoint_after(kind, Duration::ZERO).await
    }

    /// The same where the last one is older than the settings allow.
    pub(crate) async fn checkpoint_if_due(&self) -> Result<(), Error> {
        self.checkpoint_after(Kind::Periodic, self.0.parts.settings.checkpoint_every).await
    }

    async fn checkpoint_after(&self, kind: Kind, every: Duration) -> Result<(), Error> {
        let parts = Arc::clone(&self.0.parts);
        let write = self
            .0
            .store
            .write(move |tx| Box::pin(async move { append::sign_now(tx, &parts.signer, kind, every).await }));
        write.await
    }

    /// Writes what waits, and signs for it. Notes that come later are lost with the process.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn close(&self) -> Result<(), Error> {
        self.flush().await;
        self.checkpoint(Kind::Stop).await
    }

    /// Waits until everything that was noted before is written, or has failed to be.
    pub async fn flush(&self) {
        let (done, told) = oneshot::channel();
        if self.0.queue.send(Item::Flush(done)).await.is_ok() {
            let _ = told.await;
        }
    }

    /// A page of at most `most` (and 1,000) entries, newest first; the next begins [before](Filter::before) its last.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, filter: &Filter, most: usize) -> Result<Vec<Recorded>, Error> {
        read::list(&self.0.store, filter, most).await
    }

    /// The newest checkpoint: kept elsewhere, it shows whether the end of the log was cut off.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        read::newest_checkpoint(&self.0.store, None).await
    }

    /// Verifies the log as it stands in the store, page by page.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn verify(&self, known: Option<Checkpoint>) -> Result<super::Report, Error> {
        export::verify(&self.0.store, self.public_keys(), known).await
    }

    /// Writes entries and checkpoints as lines of JSON, from the oldest on; `write` gets some lines at a time, each with its end.
    ///
    /// # Errors
    /// [`Error::Store`], and what `write` says.
    pub async fn export(&self, write: impl FnMut(&str) -> std::io::Result<()> + Send) -> Result<u64, Error> {
        export::lines(&self.0.store, write).await
    }

    /// The keys whose checkpoints are believed, to verify an export elsewhere.
    pub fn public_keys(&self) -> &PublicKeys {
        self.0.parts.signer.publics()
    }

    /// Removes at most `most` entries that are older than the retention, and leaves a signed anchor in their place.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn prune(&self, most: u64) -> Result<u64, Error> {
        let parts = Arc::clone(&self.0.parts);
        let write =
            self.0.store.write(move |tx| Box::pin(async move { prune::prune(tx, &parts, most).await }));
        write.await
    }

    /// Hands every entry to an exporter, at least once, in order; goes on where it was left off, also after a restart.
    /// Runs until it is dropped.
    pub async fn ship(&self, name: &str, exporter: &dyn super::Exporter) {
        super::ship::run(&self.0.store, name, exporter).await;
    }

    /// How many entries were written, how many notes were only counted, and how many writes failed, by this process.
    pub fn counts(&self) -> (u64, u64, u64) {
        let counters = &self.0.counters;
        (counters.written.load(Relaxed), counters.overflowed.load(Relaxed), counters.failed.load(Relaxed))
    }

    /// How many entries there are up to now, removed ones included.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn last(&self) -> Result<u64, Error> {
        let row =
            self.0.store.fetch_one(Query::new("SELECT seq FROM identity_audit_head WHERE id = 1")).await?;
        Ok(u64::try_from(row.get::<i64>("seq")?).unwrap_or(0))
    }

    /// The entries after one, oldest first, at most 1,000.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn after(&self, seq: u64, most: usize) -> Result<Vec<Recorded>, Error> {
        read::after(&self.0.store, seq, most).await
    }
}
