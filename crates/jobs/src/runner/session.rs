//! What the tasks of a runner share.

use super::metrics::Metrics;
use super::recorder::Recorder;
use super::settings::RunnerSettings;
use crate::claim::Claimed;
use crate::worker::{Erased, Shared, Stop};
use crate::{Error, Jobs};
use seaworthy_store::{Query, Store};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) struct Session {
    pub(super) jobs: Jobs,
    pub(super) settings: RunnerSettings,
    pub(super) workers: HashMap<String, Arc<dyn Erased>>,
    pub(super) metrics: Metrics,
    pub(super) draining: CancellationToken,
    pub(super) attempts: Attempts,
    /// Wakes a queue's producer.
    pub(super) ready: HashMap<String, Notify>,
    /// Wakes the promoter.
    pub(super) due: Notify,
    /// Wakes the batch closer, and tells it where to look.
    pub(super) batches: Notify,
    pub(super) noticed: Mutex<Noticed>,
    /// Wakes what carries on redrives.
    pub(super) redrives: Notify,
    /// The store over connections that nobody else uses up.
    pub(super) urgent: Store,
    /// 0 while we have none.
    worker: AtomicI64,
    recorder: Mutex<Option<Recorder>>,
    running: Mutex<HashMap<i64, (i64, Arc<Shared>)>>,
    /// Jobs whose attempt is over, and fences: on their way to the database.
    ending: Mutex<BTreeSet<(i64, i64)>>,
    /// Looks for jobs that are under way, by when they were begun.
    claims: Mutex<BTreeSet<(Instant, u64)>>,
    /// Queues of which so many may run at once over all workers: a place that becomes free is news.
    capped: HashMap<String, AtomicBool>,
    /// Since when heartbeats arrive without a gap; in the future where they are not to be believed until then.
    healthy_since: Mutex<Option<Instant>>,
    /// When the last heartbeat that arrived was sent.
    last_beat: Mutex<Instant>,
}

/// Batches that somebody spoke of since they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Noticed(BTreeSet<i64>);

impl Noticed {
    /// More than these are left to the sweep.
    const MOST: usize = 10_000;

    pub(super) fn add(&mut self, batch: i64) {
        if self.0.len() < Self::MOST {
            self.0.insert(batch);
        }
    }

    /// Some of them.
    pub(super) fn take(&mut self, most: usize) -> Vec<i64> {
        std::iter::from_fn(|| self.0.pop_first()).take(most).collect()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("worker", &self.worker()).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) async fn begin(
        jobs: Jobs,
        settings: RunnerSettings,
        workers: HashMap<String, Arc<dyn Erased>>,
        metrics: Metrics,
        recorder: Recorder,
    ) -> Result<Self, Error> {
        let ready = settings.queues.iter().map(|queue| (queue.name.clone(), Notify::new())).collect();
        let capped =
            settings.queues.iter().map(|queue| (queue.name.clone(), AtomicBool::new(false))).collect();
        let urgent = jobs.store().urgent();
        let session = Self {
            jobs,
            settings,
            workers,
            metrics,
            draining: CancellationToken::new(),
            attempts: Attempts::default(),
            ready,
            due: Notify::new(),
            batches: Notify::new(),
            noticed: Mutex::default(),
            redrives: Notify::new(),
            urgent,
            worker: AtomicI64::new(0),
            recorder: Mutex::new(Some(recorder)),
            running: Mutex::default(),
            ending: Mutex::default(),
            claims: Mutex::default(),
            capped,
            healthy_since: Mutex::default(),
            last_beat: Mutex::new(Instant::now()),
        };
        session.sign_on().await?;
        Ok(session)
    }

    /// Under a number that nobody had before: what an earlier self took is not ours.
    pub(super) async fn sign_on(&self) -> Result<(), Error> {
        let (store, begun) = (&self.urgent, Instant::now());
        let number = fastrand::i64(1..i64::MAX);
        let names: Vec<_> = self.settings.queues.iter().map(|queue| queue.name.as_str()).collect();
        let query = Query::new("INSERT INTO job_workers VALUES ($1, $2, $3, $3, $4, $5)");
        let lease = i64::try_from(self.settings.lease.as_micros()).unwrap_or(i64::MAX);
        let query = query.bind(number).bind(self.settings.name.as_str()).bind(store.refresh_clock().await?);
        store.execute(query.bind(lease).bind(serde_json::json!(names).to_string())).await?;
        self.worker.store(number, Ordering::Release);
        self.beaten(begun);
        Ok(())
    }

    /// We are nobody until we sign on again: what is being taken under the old number is not begun.
    pub(super) fn sign_off(&self) {
        self.worker.store(0, Ordering::Release);
    }

    pub(super) async fn end(&self) -> Result<(), Error> {
        let query = Query::new("DELETE FROM job_workers WHERE id = $1").bind(self.worker());
        Ok(self.urgent.execute(query).await.map(|_| ())?)
    }

    pub(super) fn worker(&self) -> i64 {
        self.worker.load(Ordering::Acquire)
    }

    pub(super) fn recorder(&self) -> Option<Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn close_recorder(&self) {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(super) fn enter(&self, job: &Claimed) -> Arc<Shared> {
        let shared = Arc::new(Shared::default());
        self.lock().insert(job.id, (job.fence, Arc::clone(&shared)));
        shared
    }

    /// Its attempt is over, and how it ended is yet to be recorded.
    pub(super) fn ending(&self, id: i64, fence: i64) {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).insert((id, fence));
    }

    /// Nothing about it is left to be written.
    pub(super) fn recorded(&self, id: i64, fence: i64) {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).remove(&(id, fence));
    }

    /// Whether this process knows of it.
    pub(super) fn knows(&self, id: i64, fence: i64) -> bool {
        self.lock().get(&id).is_some_and(|(latest, _)| *latest == fence)
            || self.ending.lock().unwrap_or_else(PoisonError::into_inner).contains(&(id, fence))
    }

    /// A look for jobs begins; it is over when what this gives is dropped.
    pub(super) fn claiming(self: &Arc<Self>) -> Claiming {
        let key = (Instant::now(), fastrand::u64(..));
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        Claiming { session: Arc::clone(self), key }
    }

    /// Since when the oldest look for jobs has been under way.
    pub(super) fn claiming_since(&self) -> Option<Instant> {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.first().map(|(begun, _)| *begun)
    }

    pub(super) fn set_capped(&self, queue: &str, capped: bool) {
        if let Some(flag) = self.capped.get(queue) {
            flag.store(capped, Ordering::Relaxed);
        }
    }

    pub(super) fn is_capped(&self, queue: &str) -> bool {
        self.capped.get(queue).is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Unless the job was taken again in the meantime.
    pub(super) fn leave(&self, id: i64, fence: i64) {
        let mut running = self.lock();
        if running.get(&id).is_some_and(|(latest, _)| *latest == fence) {
            running.remove(&id);
        }
    }

    pub(super) fn stop(&self, id: i64, why: Stop) {
        if let Some((_, shared)) = self.lock().get(&id) {
            shared.stop(why);
        }
    }

    pub(super) fn stop_all(&self, why: Stop) -> usize {
        let running = self.lock();
        running.values().for_each(|(_, shared)| shared.stop(why));
        running.len()
    }

    pub(super) fn in_hand(&self) -> usize {
        self.lock().len()
    }

    /// What has been told since the last time: job, fence, share and words.
    pub(super) fn progress(&self) -> Vec<(i64, i64, u8, String)> {
        let running = self.lock();
        let told = running.iter().filter_map(|(id, (fence, shared))| {
            shared.take_progress().map(|(share, note)| (*id, *fence, share, note))
        });
        told.collect()
    }

    pub(super) fn set_healthy(&self, healthy: bool) {
        let mut since = self.healthy_since.lock().unwrap_or_else(PoisonError::into_inner);
        match (healthy, *since) {
            (true, None) => *since = Some(Instant::now()),
            (false, _) => *since = None,
            (true, Some(_)) => {}
        }
    }

    /// For how long heartbeats have been arriving.
    pub(super) fn healthy_for(&self) -> Duration {
        let since = *self.healthy_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The clock of the database was set: what heartbeats say is not comparable until everybody has read it anew.
    pub(super) fn distrust_for(&self, time: Duration) {
        *self.healthy_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// A sign of life sent at this moment has arrived.
    pub(super) fn beaten(&self, sent: Instant) {
        *self.last_beat.lock().unwrap_or_else(PoisonError::into_inner) = sent;
        self.set_healthy(true);
    }

    /// Whether, for all we know, what we have in hand is still ours.
    pub(super) fn holds_lease(&self) -> bool {
        let sent = *self.last_beat.lock().unwrap_or_else(PoisonError::into_inner);
        sent.elapsed() < self.settings.lease
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, (i64, Arc<Shared>)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look for jobs that is under way.
#[derive(Debug)]
pub(super) struct Claiming {
    session: Arc<Session>,
    key: (Instant, u64),
}

impl Drop for Claiming {
    fn drop(&mut self) {
        self.session.claims.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// The tasks of attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<JoinSet<()>>);

impl Attempts {
    pub(super) fn spawn(&self, attempt: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(attempt);
    }

    /// Waits until all have ended; tells whether they have.
    pub(super) async fn close_and_wait(&self, patience: Duration) -> bool {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while tasks.join_next().await.is_some() {} };
        let ended = tokio::time::timeout(patience, all).await.is_ok();
        // nobody adds any while it is being waited
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        ended
    }

    pub(super) fn abort(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
