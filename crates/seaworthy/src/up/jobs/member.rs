//! What this process does for jobs, kept to what the configuration says.

use std::time::Duration;

use seaworthy_jobs::Error;
use seaworthy_jobs::executor::command::CommandWorker;
use seaworthy_jobs::executor::http::{Addresses, Direct, HttpWorker};
use seaworthy_jobs::runner::{Runner, Running};
use seaworthy_jobs::schedule::{
    Alert, Paused, Reconciled, Scheduler, SchedulerSettings, Schedules, Scheduling,
};
use seaworthy_store::Backend;
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::traces::Tracer;

use crate::config::{Jobs, Work};

/// Between a stop's end and the end of the wait for it, beyond what the configuration allows.
const GRACE: Duration = Duration::from_secs(5);

/// This process's part.
pub(super) struct Member {
    jobs: seaworthy_jobs::Jobs,
    wanted: Jobs,
    registry: Registry,
    tracer: Tracer,
    /// Whether limits and schedules are as wanted.
    declared: bool,
    running: Option<(Work, Running)>,
    scheduling: Option<Scheduling>,
}

/// Somebody is told in the log; `/api/v1/schedules` shows it.
struct Told;

impl Alert for Told {
    fn paused(&self, paused: &Paused) {
        tracing::error!(
            schedule = paused.schedule,
            failures = paused.failures,
            "a schedule failed too often in a row and was paused; `seaworthy schedule resume` sets it going again"
        );
    }
}

impl Member {
    pub(super) fn new(jobs: seaworthy_jobs::Jobs, wanted: Jobs, registry: Registry, tracer: Tracer) -> Self {
        Self { jobs, wanted, registry, tracer, declared: false, running: None, scheduling: None }
    }

    /// A new configuration: what is done follows with the next [`follow`](Self::follow).
    pub(super) fn change(&mut self, wanted: Jobs) {
        self.wanted = wanted;
        self.declared = false;
    }

    /// Does what is wanted and not done yet. May be called again after a failure.
    pub(super) async fn follow(&mut self) -> Result<(), Error> {
        if !self.declared {
            for (queue, limits) in &self.wanted.limits {
                // pausing is an operator's business, not the file's
                self.jobs.cap_queue(queue, limits.max_running, limits.rate).await?;
            }
            self.reconcile().await?;
            self.declared = true;
        }
        self.work().await?;
        if !self.wanted.schedule
            && let Some(scheduling) = self.scheduling.take()
        {
            scheduling.stop().await;
        }
        if self.wanted.schedule && self.scheduling.is_none() {
            let name = self.wanted.name.clone();
            let settings = SchedulerSettings { name, ..SchedulerSettings::default() };
            let scheduler = Scheduler::new(Schedules::new(self.jobs.clone()), settings).alert(Told);
            self.scheduling = Some(scheduler.start());
        }
        Ok(())
    }

    /// Of several processes on one PostgreSQL those without schedules of their own leave those of others alone.
    async fn reconcile(&self) -> Result<(), Error> {
        let embedded = self.jobs.store().backend() == Backend::Sqlite;
        if !self.wanted.schedule || (self.wanted.schedules.is_empty() && !embedded) {
            return Ok(());
        }
        let done = Schedules::new(self.jobs.clone()).reconcile(self.wanted.schedules.clone()).await?;
        tell(&done);
        Ok(())
    }

    /// A runner whose settings changed makes room for another; its jobs under way finish meanwhile.
    async fn work(&mut self) -> Result<(), Error> {
        let same = match (&self.running, &self.wanted.work) {
            (Some((now, _)), Some(wanted)) => now.same(wanted),
            (None, None) => true,
            _ => false,
        };
        if same {
            return Ok(());
        }
        let next = match &self.wanted.work {
            Some(work) => Some((work.clone(), self.runner(work).start(&self.registry).await?)),
            None => None,
        };
        if let Some((work, running)) = std::mem::replace(&mut self.running, next) {
            tokio::spawn(async move { running.stop(work.drain).await });
        }
        Ok(())
    }

    fn runner(&self, work: &Work) -> Runner {
        let settings =
            seaworthy_jobs::runner::RunnerSettings { tracer: self.tracer.clone(), ..work.runner.clone() };
        let direct = Direct::new(Addresses::Public).hosts(work.hosts.iter().cloned());
        Runner::new(self.jobs.clone(), settings)
            .with(HttpWorker::new(direct))
            .with(CommandWorker::new(work.commands.clone()))
    }

    /// Gives back what is not begun, waits for what is, signs off.
    pub(super) async fn stop(mut self) {
        if let Some(scheduling) = self.scheduling.take() {
            scheduling.stop().await;
        }
        if let Some((work, running)) = self.running.take() {
            let told = tokio::time::timeout(
                work.drain + GRACE + work.runner.record_patience,
                running.stop(work.drain),
            );
            if let Ok(told @ 1..) = told.await {
                tracing::warn!(jobs = told, "jobs were given back at the end of their time");
            }
        }
        self.jobs.store().close().await;
    }
}

fn tell(done: &Reconciled) {
    for drift in &done.drifted {
        tracing::warn!(
            schedule = drift.name,
            settings = drift.fields.join(", "),
            "this schedule was changed since it was declared, and stays so; `seaworthy schedule diff` shows it"
        );
    }
    if !done.is_settled() {
        tracing::info!(
            created = done.created.len() + done.adopted.len(),
            changed = done.changed.len(),
            removed = done.removed.len(),
            "schedules are as declared"
        );
    }
}
