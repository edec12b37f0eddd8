//! The door: [`Alerts`].

mod human;
mod keep;
mod view;

pub use view::{AlertView, GroupView};

use crate::delivery::Sender;
use crate::metrics::{self, Metrics};
use crate::objective::{Measured, Status};
use crate::state::State;
use crate::{Error, Settings, Source, record};
use seaworthy_core::Clock;
use seaworthy_jobs::Jobs;
use seaworthy_jobs::executor::http::Transport;
use seaworthy_store::Timestamp;
use seaworthy_telemetry::metrics::Registry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often what is due to be told is looked for.
const DISPATCH_EVERY: Duration = Duration::from_secs(1);
/// How often old alerts are deleted.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);

/// Rules, alerts and whoever is told of them. Clones share it.
#[derive(Clone)]
pub struct Alerts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    source: Arc<dyn Source>,
    clock: Arc<dyn Clock>,
    sender: Sender,
    metrics: Metrics,
    pub(crate) state: Arc<Mutex<State>>,
    settings: RwLock<Arc<Settings>>,
    objectives: RwLock<Vec<Arc<Measured>>>,
    jobs: RwLock<Option<Jobs>>,
    /// Held while something changes and is written down: one at a time.
    writing: tokio::sync::Mutex<()>,
    /// Until then the database is not asked: it was out of reach.
    away_until: Mutex<Option<Instant>>,
    /// Messages that are sent without a job.
    direct: Arc<tokio::sync::Semaphore>,
    started_at: Timestamp,
}

impl std::fmt::Debug for Alerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerts").field("state", &self.0.state).finish_non_exhaustive()
    }
}

impl Alerts {
    /// Rules and routes as they are set; nothing is known yet, and nothing runs. `transport` carries messages: it must
    /// not repeat requests.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::History`] for settings that cannot be.
    pub fn new(
        settings: Settings,
        source: Arc<dyn Source>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, Error> {
        let compiled = settings.compile()?;
        let objectives = compiled.objectives.clone();
        let sender = Sender::new(transport, Arc::clone(&compiled.plan), Arc::clone(&clock));
        let state = Arc::new(Mutex::new(State::new(&settings, compiled)));
        metrics::collect(registry, Arc::downgrade(&state));
        let started_at = clock.wall().into();
        Ok(Self(Arc::new(Inner {
            source,
            clock,
            sender,
            metrics: Metrics::new(registry),
            state,
            settings: RwLock::new(Arc::new(settings)),
            objectives: RwLock::new(objectives),
            jobs: RwLock::new(None),
            writing: tokio::sync::Mutex::new(()),
            away_until: Mutex::new(None),
            direct: Arc::new(tokio::sync::Semaphore::new(keep::MOST_DIRECT)),
            started_at,
        })))
    }

    /// Takes up what the database knows, and from now on writes everything there and tells by jobs. Before, and while
    /// the database is away, messages are sent directly: it is best attached before [`run`](Self::run) begins, and
    /// need not be. One process at a time may use the alerts of a database.
    ///
    /// # Errors
    /// [`Error::Store`]: nothing was attached.
    pub async fn attach(&self, jobs: Jobs) -> Result<(), Error> {
        let _writing = self.0.writing.lock().await;
        jobs.store().migrate(&record::SCHEMA).await?;
        let kept = record::load(jobs.store()).await?;
        self.state().restore(kept, self.now());
        *self.0.jobs.write().unwrap_or_else(PoisonError::into_inner) = Some(jobs);
        *self.0.away_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// What makes the deliveries: to be given to a runner of jobs whose queues name
    /// [`QUEUE`](crate::delivery::QUEUE).
    pub fn worker(&self) -> Sender {
        self.0.sender.clone()
    }

    /// Looks at rules and tells, until it is cancelled; then what changed is written down once more.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut evaluate = self.every(self.settings().interval);
        let mut length = evaluate.period();
        let mut dispatch = self.every(DISPATCH_EVERY);
        let mut tidy = self.every(TIDY_EVERY);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                _ = evaluate.tick() => self.step(true).await,
                _ = dispatch.tick() => self.step(false).await,
                _ = tidy.tick() => self.tidy().await,
            }
            let wanted = self.settings().interval;
            if wanted != length {
                (length, evaluate) = (wanted, self.every(wanted));
            }
        }
        self.step(false).await;
    }

    /// At once, and then again and again.
    fn every(&self, length: Duration) -> tokio::time::Interval {
        let mut interval = interval(length.max(DISPATCH_EVERY));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    }

    /// Once: looks at the rules if asked to, tells what is due, and writes down what changed.
    pub async fn step(&self, evaluate: bool) {
        let _writing = self.0.writing.lock().await;
        let at = self.now();
        let (messages, changes) = {
            let mut state = self.state();
            if evaluate {
                state.evaluate(&*self.0.source, at);
            }
            (state.dispatch(at), state.take_changes())
        };
        self.keep_and_tell(messages, changes).await;
    }

    /// Other rules, objectives, receivers and routes from now on. How much is kept stays as it was set at the start.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::History`]; then nothing changed.
    pub async fn replace_settings(&self, settings: Settings) -> Result<(), Error> {
        let compiled = settings.compile()?;
        let _writing = self.0.writing.lock().await;
        self.0.sender.replace_plan(Arc::clone(&compiled.plan));
        *self.0.objectives.write().unwrap_or_else(PoisonError::into_inner) = compiled.objectives.clone();
        let at = self.now();
        self.state().replace(&settings, compiled, at);
        *self.0.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        Ok(())
    }

    /// How every objective stands. One that cannot be looked up is an error by itself.
    pub fn objectives(&self) -> Vec<(String, Result<Status, Error>)> {
        let at = self.now();
        let status = |measured: Arc<Measured>| {
            let name = measured.objective.name.clone();
            (name, measured.status(&*self.0.source, at))
        };
        self.measured().into_iter().map(status).collect()
    }

    /// The objectives as rules for a Prometheus.
    pub fn prometheus_rules(&self) -> String {
        let all: Vec<Measured> = self.measured().iter().map(|measured| (**measured).clone()).collect();
        crate::objective::prometheus::rules(&all)
    }

    /// The objectives as a dashboard for Grafana.
    pub fn grafana_dashboard(&self) -> serde_json::Value {
        let all: Vec<Measured> = self.measured().iter().map(|measured| (**measured).clone()).collect();
        crate::objective::grafana::dashboard(&all)
    }

    /// The objectives, with their questions made ready.
    pub fn measured(&self) -> Vec<Arc<Measured>> {
        self.0.objectives.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn jobs(&self) -> Option<Jobs> {
        self.0.jobs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.wall().into()
    }

    async fn tidy(&self) {
        let Some(jobs) = self.jobs() else { return };
        match record::tidy(jobs.store(), self.settings().retention, self.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "alerts of long ago deleted"),
            Err(error) => tracing::warn!(%error, "alerts of long ago could not be deleted"),
        }
    }
}
