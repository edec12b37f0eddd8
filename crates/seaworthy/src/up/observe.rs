//! What is remembered of metrics and requests, and who is told when something is wrong: on a thread of its own, so that
//! neither traffic nor the control listener waits for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use seaworthy_alerts::Alerts;
use seaworthy_api::Insight;
use seaworthy_core::SystemClock;
use seaworthy_jobs::executor::http::{Addresses, Direct};
use seaworthy_telemetry::history::History;
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::story::Recorder;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::Compiled;

/// How often what is complete goes to the disk.
const FLUSH_EVERY: Duration = Duration::from_secs(60);

/// The thread, and what it keeps.
pub(super) struct Observer {
    insight: Insight,
    resolution: Duration,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Observer {
    /// Nothing is remembered yet, and nothing runs.
    pub(super) fn new(compiled: &Compiled, registry: &Registry) -> Result<Self, String> {
        let history = compiled.history.clone().map(|settings| History::new(registry, settings));
        let stories = compiled.stories.clone().map(|settings| Recorder::new(registry, settings));
        let alerts = match (&compiled.alerts, &history) {
            (Some(settings), Some(history)) => {
                // operators say in their own file where messages go: inside the network, mostly
                let transport = Arc::new(Direct::new(Addresses::Any));
                let (source, clock) = (Arc::new(history.clone()), Arc::new(SystemClock));
                let made = Alerts::new(settings.clone(), source, transport, clock, registry);
                Some(made.map_err(|error| error.to_string())?)
            }
            _ => None,
        };
        let resolution = compiled.history.as_ref().map_or(Duration::MAX, |settings| settings.resolution);
        let insight = Insight { history, stories, alerts };
        Ok(Self { insight, resolution, stop: CancellationToken::new(), thread: None })
    }

    pub(super) fn insight(&self) -> Insight {
        self.insight.clone()
    }

    pub(super) fn alerts(&self) -> Option<Alerts> {
        self.insight.alerts.clone()
    }

    pub(super) fn start(&mut self) {
        let Some(history) = self.insight.history.clone() else { return };
        let (alerts, stop, resolution) = (self.alerts(), self.stop.clone(), self.resolution);
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    return tracing::error!(%error, "nothing is remembered of metrics, and nobody is told of anything");
                }
            };
            match history.load(SystemTime::now()) {
                Ok(loaded) if loaded.files > 0 => tracing::info!(
                    files = loaded.files,
                    slots = loaded.slots,
                    series = loaded.series,
                    "the history of metrics was read"
                ),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the history of metrics goes on without what was before")
                }
            }
            runtime.block_on(async {
                let watch = remember(&history, resolution, stop.clone());
                let tell = async {
                    if let Some(alerts) = &alerts {
                        alerts.run(stop.clone()).await;
                    }
                };
                tokio::join!(watch, tell);
            });
            if let Err(error) = history.close() {
                tracing::warn!(%error, "the end of the history of metrics was not written");
            }
            runtime.shutdown_background();
        };
        match std::thread::Builder::new().name("observe".to_owned()).spawn(run) {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => {
                tracing::error!(%error, "nothing is remembered of metrics, and nobody is told of anything");
            }
        }
    }

    /// Other rules and receivers from now on.
    pub(super) fn apply(&self, wanted: Option<seaworthy_alerts::Settings>) {
        let (Some(alerts), Some(settings)) = (self.alerts(), wanted) else { return };
        tokio::spawn(async move {
            if let Err(error) = alerts.replace_settings(settings).await {
                tracing::error!(%error, "alerts go on as they were");
            }
        });
    }

    /// Ends the thread once what was complete is on the disk. What comes back blocks until then.
    pub(super) fn stop(&mut self) -> impl FnOnce() + Send + 'static {
        self.stop.cancel();
        let thread = self.thread.take();
        move || {
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("what remembers metrics ended by a defect");
            }
        }
    }
}

async fn remember(history: &History, resolution: Duration, stop: CancellationToken) {
    let mut sample = tokio::time::interval(resolution);
    sample.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = sample.tick() => {
                history.sample(SystemTime::now());
            }
            _ = flush.tick() => {
                let history = history.clone();
                let written = tokio::task::spawn_blocking(move || history.flush()).await;
                if let Ok(Err(error)) = written {
                    tracing::warn!(%error, "a part of the history of metrics was not written");
                }
            }
        }
    }
}
