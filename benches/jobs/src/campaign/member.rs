//! The processes that are killed.

use super::ledger::{self, Folders, Ledger};
use crate::error::Error;
use seaworthy_jobs::runner::{Queue, Runner, RunnerSettings};
use seaworthy_jobs::schedule::{Scheduler, SchedulerSettings, Schedules};
use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
use seaworthy_telemetry::metrics::Registry;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Short, so that a kill is felt soon.
const LEASE: Duration = Duration::from_secs(1);
/// A flaky job succeeds at this attempt.
const SUCCEEDS_AT: u32 = 3;

/// What the jobs of a campaign are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has an effect.
    Effect,
    /// Has one after it has failed twice.
    Flaky,
    /// Never has one.
    Doomed,
    /// Takes a while.
    Slow,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Effect, Self::Flaky, Self::Doomed, Self::Slow];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Flaky => "flaky",
            Self::Doomed => "doomed",
            Self::Slow => "slow",
        }
    }
}

struct Works {
    kind: Kind,
    folders: Folders,
    ledger: Arc<Ledger>,
}

impl Works {
    /// The disk is waited for beside the runtime: the sign of life must not wait for it.
    async fn write(&self, line: String) -> Result<(), Failed> {
        let ledger = Arc::clone(&self.ledger);
        off_runtime(move || ledger.add(&line)).await
    }
}

async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Failed> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failed::new("ledger", error.to_string())),
        Err(error) => Err(Failed::new("ledger", error.to_string())),
    }
}

impl Worker for Works {
    type Args = serde_json::Value;

    fn kind(&self) -> &str {
        self.kind.as_str()
    }

    async fn work(&self, _: Self::Args, context: Context) -> Result<Done, Failed> {
        let (job, key) = (context.job(), context.idempotency_key().to_string());
        self.write(format!("attempt {} {} {key}\n", job.id, job.attempt)).await?;
        let longest = if self.kind == Kind::Slow { 400 } else { 30 };
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..longest))).await;
        match self.kind {
            Kind::Doomed => return Err(Failed::new("doomed", "it never works")),
            Kind::Flaky if job.attempt < SUCCEEDS_AT => return Err(Failed::new("flaky", "not yet")),
            _ => {}
        }
        let (folders, name) = (self.folders.clone(), key.clone());
        let first = off_runtime(move || ledger::accept(&folders, &name)).await?;
        self.write(format!(
            "{} {} {} {key}\n",
            if first { "accepted" } else { "repeated" },
            job.id,
            job.attempt
        ))
        .await?;
        // done, and not recorded yet: the most interesting moment to be killed
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..20))).await;
        Ok(Done::plain())
    }
}

fn run(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::new("runtime", error))?.block_on(work)
}

/// A worker that works until it is killed.
pub(crate) fn worker(url: &str, name: &str, root: &Path) -> Result<(), Error> {
    run(async {
        let folders = Folders::at(root);
        let ledger = Arc::new(Ledger::open(&folders.attempts().join(name))?);
        let settings = RunnerSettings {
            name: format!("worker {name}"),
            queues: vec![Queue::new("default", 8).prefetch(4), Queue::new("other", 2)],
            lease: LEASE,
            heartbeat: Duration::from_millis(300),
            poll: Duration::from_millis(200),
            cancel_grace: Duration::from_millis(300),
            ..RunnerSettings::default()
        };
        let mut running = None;
        while running.is_none() {
            let mut runner = Runner::new(super::open(url).await?, settings.clone());
            for kind in Kind::ALL {
                runner = runner.with(Works { kind, folders: folders.clone(), ledger: Arc::clone(&ledger) });
            }
            // the database may be killed at this very moment
            running = runner.start(&Registry::new()).await.ok();
        }
        std::future::pending().await
    })
}

/// A scheduler that schedules until it is killed.
pub(crate) fn scheduler(url: &str, name: &str) -> Result<(), Error> {
    run(async {
        let settings = SchedulerSettings {
            name: format!("scheduler {name}"),
            lease: LEASE,
            poll: Duration::from_millis(200),
            ..SchedulerSettings::default()
        };
        let _working = Scheduler::new(Schedules::new(super::open(url).await?), settings).start();
        std::future::pending().await
    })
}
