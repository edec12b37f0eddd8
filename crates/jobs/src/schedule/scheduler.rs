//! The task that fires.

use super::leader::{self, Lease};
use super::{Alert, Schedules, fire, settle, tidy};
use crate::{Error, topic};
use futures_util::future::BoxFuture;
use seaworthy_store::Subscription;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Schedules looked at in one step.
const MOST_DUE: i64 = 500;
const TIDY_EVERY: Duration = Duration::from_secs(600);
/// Between two looks, however many notices come.
const SHORTEST_WAIT: Duration = Duration::from_millis(2);

/// How a scheduler works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// Who it is, for people.
    pub name: String,
    /// How long it leads without saying so again: after so long at the most another takes over; 10 s. It is renewed
    /// after a third of that.
    pub lease: Duration,
    /// How often it looks, where no notice reaches it; 1 s.
    pub poll: Duration,
    /// How often it looks for runs that have ended; 250 ms.
    pub settle: Duration,
    /// How long runs and events are kept; 30 days.
    pub keep: Duration,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            name: "scheduler".to_owned(),
            lease: Duration::from_secs(10),
            poll: Duration::from_secs(1),
            settle: Duration::from_millis(250),
            keep: Duration::from_secs(30 * 86_400),
        }
    }
}

/// Fires schedules while it leads, and waits for the lease while another does.
pub struct Scheduler {
    schedules: Schedules,
    settings: SchedulerSettings,
    alerts: Vec<Arc<dyn Alert>>,
    lead: Option<Lead>,
    tidied: Option<Instant>,
}

struct Lead {
    fence: i64,
    renewed: Instant,
    settled: Option<Instant>,
}

/// What one look did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Whether this scheduler leads.
    pub leads: bool,
    /// Jobs that were made.
    pub enqueued: usize,
    /// Ticks that were skipped because of the run before them.
    pub skipped: usize,
    /// Ticks that were recorded as missed.
    pub missed: usize,
    /// How long nothing is to be done, as far as it knows.
    pub wait: Duration,
}

impl Scheduler {
    /// A scheduler that does not work yet.
    pub fn new(schedules: Schedules, settings: SchedulerSettings) -> Self {
        Self { schedules, settings, alerts: Vec::new(), lead: None, tidied: None }
    }

    /// Tells this one too.
    #[must_use]
    pub fn alert(mut self, alert: impl Alert) -> Self {
        self.alerts.push(Arc::new(alert));
        self
    }

    /// Begins to work. Must be called inside a tokio runtime.
    pub fn start(mut self) -> Scheduling {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let notices = self.schedules.jobs().store().subscribe();
        let task = tokio::spawn(async move {
            self.work(&stopped, notices).await;
            self.step_down().await;
        });
        Scheduling { stop, task }
    }

    async fn work(&mut self, stop: &CancellationToken, mut notices: Subscription) {
        loop {
            let wait = match self.step().await {
                Ok(step) => step.wait,
                Err(Error::Superseded) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, scheduler = self.settings.name, "scheduling failed; trying again");
                    AFTER_FAILURE
                }
            };
            let soonest = Instant::now() + SHORTEST_WAIT;
            let mut until = soonest.max(Instant::now() + wait);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(until) => break,
                    notice = notices.next() => {
                        if notice.is_none_or(|notice| notice.topic == topic::SCHEDULE) {
                            until = soonest;
                        }
                    }
                }
            }
        }
    }

    /// One look: takes or renews the lease, fires what is due, deals with runs that have ended. [`start`](Self::start)
    /// does nothing else, again and again.
    ///
    /// # Errors
    /// [`Error::Superseded`] where another one leads by now: nothing was done then. [`Error::Store`].
    pub fn step<'a>(&'a mut self) -> BoxFuture<'a, Result<Step, Error>> {
        Box::pin(async move {
            let Some(fence) = self.keep_lead().await? else {
                return Ok(Step { wait: self.settings.poll.min(self.settings.lease / 4), ..Step::default() });
            };
            let done = self.lead(fence).await;
            if matches!(done, Err(Error::Superseded)) {
                tracing::warn!(scheduler = self.settings.name, "another scheduler leads by now");
                self.lead = None;
            }
            done
        })
    }

    /// The fence, where it leads.
    async fn keep_lead(&mut self) -> Result<Option<i64>, Error> {
        let store = self.schedules.jobs().store();
        let begun = Instant::now();
        if let Some(lead) = &mut self.lead {
            if lead.renewed.elapsed() >= self.settings.lease / 3 {
                if !leader::renew(store, lead.fence, self.settings.lease).await? {
                    self.lead = None;
                    return Err(Error::Superseded);
                }
                lead.renewed = begun;
            }
            return Ok(Some(lead.fence));
        }
        match leader::acquire(store, &self.settings.name, self.settings.lease).await? {
            Lease::Theirs { .. } => Ok(None),
            Lease::Ours { fence } => {
                tracing::info!(scheduler = self.settings.name, fence, "leads");
                self.lead = Some(Lead { fence, renewed: begun, settled: None });
                Ok(Some(fence))
            }
        }
    }

    async fn lead(&mut self, fence: i64) -> Result<Step, Error> {
        let mut step = Step { leads: true, ..Step::default() };
        let due = fire::due(self.schedules.jobs(), MOST_DUE).await?;
        for name in &due {
            self.fire(name, fence, &mut step).await?;
            // many may be due: the lease must not lapse over them
            self.keep_lead().await?;
        }
        self.settle(fence).await?;
        self.tidy().await?;
        let now = self.schedules.jobs().store().now();
        let next = fire::next(self.schedules.jobs()).await?.map(|next| next.since(now));
        let most = self.settings.poll.min(self.settings.settle).min(self.settings.lease / 4);
        step.wait = next.map_or(most, |next| next.min(most));
        Ok(step)
    }

    /// One that cannot be fired must not hold up the others.
    async fn fire(&self, name: &str, fence: i64, step: &mut Step) -> Result<(), Error> {
        let (jobs, owned) = (self.schedules.jobs().clone(), name.to_owned());
        let write = self
            .schedules
            .jobs()
            .store()
            .write(move |tx| Box::pin(async move { fire::fire(tx, &jobs, &owned, fence).await }));
        match write.await {
            Ok(fired) => {
                step.enqueued += fired.enqueued;
                step.skipped += fired.skipped;
                step.missed += fired.missed;
                tracing::debug!(schedule = name, lateness_us = fired.lateness_us, "fired");
                Ok(())
            }
            Err(Error::Superseded) => Err(Error::Superseded),
            Err(Error::Store(error)) if error.is_outage() => Err(error.into()),
            Err(error) => {
                tracing::error!(schedule = name, %error, "a schedule cannot be fired; it is paused");
                let reason = format!("it cannot be fired: {error}");
                self.schedules.pause(name, Some(&reason)).await.map(|_| ())
            }
        }
    }

    async fn settle(&mut self, fence: i64) -> Result<(), Error> {
        let every = self.settings.settle;
        let Some(lead) = &mut self.lead else { return Ok(()) };
        if lead.settled.is_some_and(|settled| settled.elapsed() < every) {
            return Ok(());
        }
        lead.settled = Some(Instant::now());
        loop {
            let jobs = self.schedules.jobs().clone();
            let store = self.schedules.jobs().store();
            let write = store.write(move |tx| Box::pin(async move { settle::run(tx, &jobs, fence).await }));
            let (paused, more) = write.await?;
            for paused in &paused {
                tracing::warn!(
                    schedule = paused.schedule,
                    failures = paused.failures,
                    "a schedule was paused"
                );
                self.alerts.iter().for_each(|alert| alert.paused(paused));
            }
            if !more {
                return Ok(());
            }
            self.keep_lead().await?;
        }
    }

    async fn tidy(&mut self) -> Result<(), Error> {
        if self.tidied.is_some_and(|tidied| tidied.elapsed() < TIDY_EVERY) {
            return Ok(());
        }
        let keep = self.settings.keep;
        let more = self.schedules.jobs().store().write(move |tx| Box::pin(tidy::run(tx, keep))).await?;
        self.tidied = (!more).then(Instant::now);
        Ok(())
    }

    async fn step_down(&mut self) {
        if let Some(lead) = self.lead.take() {
            let released = leader::release(self.schedules.jobs().store(), lead.fence).await;
            if let Err(error) = released {
                tracing::debug!(%error, "the lead could not be given back; it will lapse");
            }
        }
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A scheduler at work. Dropped without [`stop`](Self::stop) it ends as a crash does: another takes over when its lease
/// has lapsed.
#[derive(Debug)]
pub struct Scheduling {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Scheduling {
    /// Ends its work after the step under way, and gives the lead to others.
    pub fn stop(mut self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.stop.cancel();
            let _ = (&mut self.task).await;
        })
    }
}

impl Drop for Scheduling {
    fn drop(&mut self) {
        self.task.abort();
    }
}
