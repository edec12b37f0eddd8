//! A crash campaign: workers, schedulers and the database are killed and frozen at random, round by round, while jobs of
//! every sort are enqueued. Afterwards everything that was promised is looked for in what is left.

mod chaos;
mod feeder;
mod ledger;
mod member;
mod schedules;
mod verdict;
mod watch;

pub(crate) use member::{scheduler, worker};

use crate::error::Error;
use crate::{print, say};
use chaos::Chaos;
use feeder::Feeder;
use ledger::Folders;
use seaworthy_core::Secret;
use seaworthy_jobs::schedule::Schedules;
use seaworthy_jobs::{Jobs, Settings};
use seaworthy_store::testing::Folder;
use seaworthy_store::{Options as StoreOptions, Store};
use std::time::{Duration, Instant};
use watch::Watch;

/// How long everything may take to come to its end once nothing is killed any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a campaign is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Rounds
    #[arg(long, default_value_t = 500)]
    rounds: u32,
    /// What everything that is random comes from; one of its own unless said
    #[arg(long)]
    seed: Option<u64>,
    /// Worker processes
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Scheduler processes
    #[arg(long, default_value_t = 2)]
    schedulers: usize,
}

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!("{} rounds, seed {seed}", options.rounds));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Error::new("runtime", error))?;
    runtime.block_on(campaign(options, seed))
}

async fn campaign(options: &Options, seed: u64) -> Result<(), Error> {
    let begun = Instant::now();
    let folder = Folder::new("campaign");
    let folders = Folders::make(folder.path())?;
    let chaos = Chaos::start(options.workers, options.schedulers, folders.clone(), seed).await?;
    let jobs = open(chaos.url()).await?;
    let schedules = Schedules::new(jobs.clone());
    schedules::declare(&schedules).await?;
    let watch = Watch::start(jobs.clone());
    let mut feeder = Feeder::new(jobs.clone(), &folders, seed)?;
    for round in 1..=options.rounds {
        let (fed, struck) = tokio::join!(feeder.round(round), chaos.round());
        fed.and(struck)?;
        if round % 25 == 0 {
            say(&format!("round {round} after {:.0} s", begun.elapsed().as_secs_f64()));
        }
    }
    let rounds = begun.elapsed();
    let counts = chaos.all_up().await?;
    schedules::pause(&schedules).await?;
    let drained = watch::drained(&jobs, PATIENCE).await;
    let report = verdict::judge(&jobs, &schedules, &folders, watch.stop(), drained).await?;
    print(&format!(
        "seed {seed}: {} rounds in {:.0} s ({:.2} s each); {counts}; {} enqueue calls failed\n{}",
        options.rounds,
        rounds.as_secs_f64(),
        rounds.as_secs_f64() / f64::from(options.rounds.max(1)),
        feeder.refused(),
        report.counts
    ))?;
    jobs.store().close().await;
    if report.broken.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("{} promises broken", report.broken.len()), report.broken.join("\n  ")))
}

/// Waits while the database is being started again.
async fn open(url: &str) -> Result<Jobs, Error> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let options = StoreOptions {
            max_connections: 6,
            acquire_timeout: Duration::from_secs(3),
            ..StoreOptions::default()
        };
        let opened = async {
            let store = Store::open(&Secret::new(url.to_owned()), options).await?;
            Jobs::open(store, Settings::default()).await
        };
        match opened.await {
            Ok(jobs) => return Ok(jobs),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
