//! Enqueues jobs of every sort, and writes down, durably, what it was told was accepted.

use super::ledger::{Folders, Ledger};
use super::member::Kind;
use crate::error::Error;
use seaworthy_jobs::dependencies::Needs;
use seaworthy_jobs::retry::Backoff;
use seaworthy_jobs::{Callback, DependsOn, Enqueued, Jobs, NewJob, Retry, UniqueScope};
use std::time::{Duration, Instant};

/// How many jobs with the same concurrency key may run at once.
pub(super) const LIMIT: u32 = 2;
/// The database is never away for longer.
const LONGEST_OUTAGE: Duration = Duration::from_secs(120);
const HOUR: Duration = Duration::from_secs(3_600);

/// Enough attempts that no number of kills uses them up.
pub(super) fn patient() -> Retry {
    attempts(100)
}

fn attempts(max_attempts: u32) -> Retry {
    Retry { max_attempts, backoff: Backoff::Fixed { delay: Duration::from_millis(100) }, jitter: 0.5 }
}

fn job(kind: Kind) -> NewJob {
    let retry = if kind == Kind::Doomed { attempts(3) } else { patient() };
    NewJob::new(kind.as_str(), &()).retry(retry)
}

pub(super) struct Feeder {
    jobs: Jobs,
    accepted: Ledger,
    random: fastrand::Rng,
    refused: u32,
}

impl Feeder {
    pub(super) fn new(jobs: Jobs, folders: &Folders, seed: u64) -> Result<Self, Error> {
        let accepted = Ledger::open(&folders.accepted())?;
        Ok(Self { jobs, accepted, random: fastrand::Rng::with_seed(!seed), refused: 0 })
    }

    /// How many calls were told that nothing was accepted, or that nobody knows.
    pub(super) const fn refused(&self) -> u32 {
        self.refused
    }

    pub(super) async fn round(&mut self, round: u32) -> Result<(), Error> {
        self.plain().await?;
        self.unique(round).await?;
        self.keyed(round).await?;
        self.dependent().await?;
        self.batch(round).await?;
        self.scheduled().await?;
        self.called_off().await
    }

    /// The jobs that were accepted, written down as ones that end like this.
    async fn enqueue(&mut self, fate: &str, jobs: Vec<NewJob>) -> Result<Option<Vec<i64>>, Error> {
        let Ok(made) = self.jobs.enqueue_many(jobs).await else {
            self.refused += 1;
            return Ok(None);
        };
        self.note(fate, &made)?;
        Ok(Some(made.iter().map(|made| made.id).collect()))
    }

    fn note(&self, fate: &str, made: &[Enqueued]) -> Result<(), Error> {
        self.accepted.add(&made.iter().map(|made| format!("{fate} {}\n", made.id)).collect::<String>())
    }

    async fn one(&mut self, fate: &str, job: NewJob) -> Result<Option<i64>, Error> {
        Ok(self.enqueue(fate, vec![job]).await?.and_then(|ids| ids.first().copied()))
    }

    async fn plain(&mut self) -> Result<(), Error> {
        self.enqueue("completes", (0..8).map(|_| job(Kind::Effect)).collect()).await?;
        for _ in 0..2 {
            let priority = self.random.u8(1..=10);
            self.one("completes", job(Kind::Effect).priority(priority)).await?;
            self.one("completes", job(Kind::Flaky).queue("other")).await?;
            self.one("dies", job(Kind::Doomed)).await?;
        }
        Ok(())
    }

    /// Several callers at the same moment: one job.
    async fn unique(&mut self, round: u32) -> Result<(), Error> {
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let job = job(Kind::Effect).unique(format!("round {round}"), UniqueScope::For(HOUR));
                let jobs = self.jobs.clone();
                tokio::spawn(async move { jobs.enqueue(job).await })
            })
            .collect();
        for call in calls {
            match call.await.map_err(|error| Error::new("enqueue", error))? {
                Ok(made) => self.note(&format!("unique {round}"), &[made])?,
                Err(_) => self.refused += 1,
            }
        }
        let hot = job(Kind::Effect).unique("hot", UniqueScope::WhileUnfinished);
        self.one("completes", hot).await.map(|_| ())
    }

    async fn keyed(&mut self, round: u32) -> Result<(), Error> {
        let keyed = |_| job(Kind::Effect).concurrency(format!("key {}", round % 3), LIMIT);
        self.enqueue("completes", (0..6).map(keyed).collect()).await.map(|_| ())
    }

    async fn dependent(&mut self) -> Result<(), Error> {
        let Some(parent) = self.one("completes", job(Kind::Effect)).await? else { return Ok(()) };
        let Some(doomed) = self.one("dies", job(Kind::Doomed)).await? else { return Ok(()) };
        let on = |on| job(Kind::Effect).depends_on(on);
        self.one(&format!("follows {parent}"), on(DependsOn::all([parent]))).await?;
        self.one(&format!("follows {parent}"), on(DependsOn::any([parent, doomed]))).await?;
        let cleaner = DependsOn::all([doomed]).needs(Needs::Failure);
        self.one(&format!("follows {doomed}"), on(cleaner)).await?;
        let Some(hopeless) = self.one("hopeless", on(DependsOn::all([doomed]))).await? else { return Ok(()) };
        self.one("hopeless", on(DependsOn::all([hopeless, parent]))).await.map(|_| ())
    }

    async fn batch(&mut self, round: u32) -> Result<(), Error> {
        let callback =
            Callback { kind: Kind::Effect.as_str().into(), queue: "default".into(), payload: round.into() };
        let Ok(batch) = self.jobs.begin_batch(None, Some(callback)).await else {
            self.refused += 1;
            return Ok(());
        };
        self.accepted.add(&format!("batch {batch}\n"))?;
        for kind in [Kind::Effect, Kind::Flaky, Kind::Slow] {
            self.one("completes", job(kind).batch(batch)).await?;
        }
        self.one("dies", job(Kind::Doomed).batch(batch)).await?;
        // sealing twice is sealing once
        let deadline = Instant::now() + LONGEST_OUTAGE;
        while let Err(error) = self.jobs.seal_batch(batch).await {
            self.refused += 1;
            if Instant::now() > deadline {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn scheduled(&mut self) -> Result<(), Error> {
        for _ in 0..3 {
            let delay = self.random.u64(0..1_500);
            let job = job(Kind::Effect).after(Duration::from_millis(delay));
            self.one(&format!("waits {delay}"), job).await?;
        }
        Ok(())
    }

    /// Somebody changes their mind, too late or not.
    async fn called_off(&mut self) -> Result<(), Error> {
        let Some(id) = self.one("ends", job(Kind::Slow).concurrency("called off", LIMIT)).await? else {
            return Ok(());
        };
        tokio::time::sleep(Duration::from_millis(self.random.u64(0..300))).await;
        if self.jobs.cancel(id).await.is_err() {
            self.refused += 1;
        }
        Ok(())
    }
}
