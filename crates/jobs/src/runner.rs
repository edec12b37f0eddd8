//! The process that works: takes jobs, runs them, records how they ended, and looks after the tables.

mod attempt;
mod heartbeat;
mod listener;
mod metrics;
mod producer;
mod recorder;
mod services;
mod session;
mod settings;
mod strays;

pub use settings::{Queue, RunnerSettings};

use crate::worker::{Erased, Typed, Worker};
use crate::{Error, Jobs};
use futures_util::future::BoxFuture;
use metrics::Metrics;
use seaworthy_telemetry::metrics::Registry;
use session::Session;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Workers and queues, to be [started](Runner::start).
pub struct Runner {
    jobs: Jobs,
    settings: RunnerSettings,
    workers: HashMap<String, Arc<dyn Erased>>,
}

impl Runner {
    /// A runner without workers yet.
    pub fn new(jobs: Jobs, settings: RunnerSettings) -> Self {
        Self { jobs, settings, workers: HashMap::new() }
    }

    /// Adds the worker of a kind; a second one of the same kind takes the first one's place.
    #[must_use]
    pub fn with(mut self, worker: impl Worker) -> Self {
        let (kind, worker) = Typed::erase(worker);
        self.workers.insert(kind, worker);
        self
    }

    /// Begins to work.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that cannot be meant; [`Error::Store`] where the database is out of reach.
    pub fn start<'a>(self, registry: &'a Registry) -> BoxFuture<'a, Result<Running, Error>> {
        Box::pin(async move {
            self.settings.validate()?;
            let queues = self.settings.queues.clone();
            let metrics = Metrics::new(registry, &queues);
            let (recorder, records) = recorder::channel(&self.settings);
            let session =
                Arc::new(Session::begin(self.jobs, self.settings, self.workers, metrics, recorder).await?);
            let mut tasks = JoinSet::new();
            // before the first look at a queue: what comes after it is heard
            let subscription = session.jobs.store().subscribe();
            tasks.spawn(listener::run(Arc::clone(&session), subscription));
            tasks.spawn(heartbeat::run(Arc::clone(&session)));
            services::start(&session, &mut tasks);
            let mut producers = JoinSet::new();
            for queue in queues {
                producers.spawn(producer::run(Arc::clone(&session), queue));
            }
            let recording = tokio::spawn(recorder::run(Arc::clone(&session), records));
            Ok(Running { session, tasks, producers, recording })
        })
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A runner at work. Dropped without [`stop`](Self::stop) it ends as a crash does: its leases lapse, and others take
/// over.
#[derive(Debug)]
pub struct Running {
    session: Arc<Session>,
    tasks: JoinSet<()>,
    producers: JoinSet<()>,
    recording: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Takes no more jobs, gives back those not begun yet, and lets those under way finish for up to `patience`; then
    /// they are told to end, and given back without costing an attempt. Returns how many had to be told.
    pub fn stop(mut self, patience: Duration) -> BoxFuture<'static, usize> {
        Box::pin(async move {
            self.session.draining.cancel();
            while self.producers.join_next().await.is_some() {}
            let finished = self.session.attempts.close_and_wait(patience).await;
            let mut told = 0;
            if !finished {
                told = self.session.stop_all(crate::worker::Stop::Shutdown);
                let grace = self.session.settings.cancel_grace + Duration::from_secs(1);
                self.session.attempts.close_and_wait(grace).await;
            }
            // every attempt has handed in its record by now: the channel ends with the last sender
            self.session.close_recorder();
            let patience = self.session.settings.record_patience;
            if tokio::time::timeout(patience, &mut self.recording).await.is_err() {
                tracing::error!(
                    "not every job's end could be recorded before the process ended; their leases will lapse"
                );
                self.recording.abort();
            }
            self.tasks.abort_all();
            while self.tasks.join_next().await.is_some() {}
            if let Err(error) = self.session.end().await {
                tracing::debug!(%error, "the worker could not sign off; its lease will lapse");
            }
            told
        })
    }

    /// How many attempts are under way, or in hand and not begun yet.
    pub fn in_hand(&self) -> usize {
        self.session.in_hand()
    }

    /// The number of this worker in the database.
    pub fn worker(&self) -> i64 {
        self.session.worker()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // the recorder too: a crash records nothing more
        self.recording.abort();
        self.session.attempts.abort();
    }
}
