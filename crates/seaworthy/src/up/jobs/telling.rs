//! Messages about alerts, as jobs of the same store.

use std::time::Duration;

use seaworthy_alerts::Alerts;
use seaworthy_alerts::delivery::QUEUE;
use seaworthy_jobs::runner::{Queue, Runner, RunnerSettings, Running};
use seaworthy_jobs::{Error, Jobs};
use seaworthy_telemetry::metrics::Registry;
use tokio::sync::oneshot;

/// Messages under way at a time.
const WORKERS: usize = 4;
/// Between two tries to begin.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a stop waits for messages under way; they are sent again otherwise.
const DRAIN: Duration = Duration::from_secs(5);

/// Lets alerts use the store, until told to stop.
pub(super) async fn keep(
    jobs: Jobs,
    alerts: Alerts,
    name: String,
    registry: Registry,
    stop: oneshot::Receiver<()>,
) {
    let mut stop = stop;
    let running = loop {
        match begin(&jobs, &alerts, &name, &registry).await {
            Ok(running) => break running,
            Err(error) => {
                tracing::error!(%error, retry_in = ?AGAIN, "alerts cannot use the store yet; messages are sent directly");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = &mut stop => return,
        }
    };
    let _ = stop.await;
    running.stop(DRAIN).await;
}

async fn begin(jobs: &Jobs, alerts: &Alerts, name: &str, registry: &Registry) -> Result<Running, String> {
    alerts.attach(jobs.clone()).await.map_err(|error| error.to_string())?;
    let settings = RunnerSettings {
        name: format!("{name} alerts"),
        queues: vec![Queue::new(QUEUE, WORKERS)],
        ..RunnerSettings::default()
    };
    let started = Runner::new(jobs.clone(), settings).with(alerts.worker()).start(registry).await;
    started.map_err(|error: Error| error.to_string())
}
