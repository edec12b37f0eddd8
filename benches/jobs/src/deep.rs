//! Whether a queue gets slower when more wait in it: the same number of jobs, taken ten at a time, from a queue that
//! holds little more and from one that holds very many.

use crate::error::Error;
use crate::{ours, print, say};
use seaworthy_core::Secret;
use seaworthy_jobs::runner::Queue;
use seaworthy_jobs::{Jobs, Settings};
use seaworthy_store::testing::{Folder, Postgres};
use seaworthy_store::{Options, Store};
use std::time::Instant;

const TAKEN: usize = 5_000;
const ROUNDS: usize = 5;

pub(crate) fn run(waiting: usize) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Error::new("runtime", error))?;
    runtime.block_on(async {
        let folder = Folder::new("bench");
        let server = Postgres::start_with(&["shared_buffers=256MB", "max_wal_size=4GB"]);
        for url in [server.url("postgres"), format!("sqlite://{}/jobs.db", folder.path().display())] {
            measure(&url, waiting).await?;
        }
        Ok(())
    })
}

async fn measure(url: &str, waiting: usize) -> Result<(), Error> {
    let store = Store::open(&Secret::new(url.to_owned()), Options::default()).await?;
    let jobs = Jobs::open(store, Settings::default()).await?;
    let kind = url.split(':').next().unwrap_or_default();
    // once unmeasured: caches and the planner's statistics
    few(&jobs).await?;
    let mut shallow = Vec::new();
    for _ in 0..ROUNDS {
        shallow.push(few(&jobs).await?);
    }
    say(&format!("{kind}: enqueueing {waiting} jobs"));
    ours::bulk(&jobs, waiting).await?;
    take(&jobs).await?;
    let before = memory();
    let mut deep = Vec::new();
    for _ in 0..ROUNDS {
        deep.push(take(&jobs).await?);
    }
    let grown = memory().saturating_sub(before);
    let (shallow, deep) = (median(shallow), median(deep));
    jobs.store().close().await;
    print(&format!(
        "{kind}: {shallow:.0} jobs/s of a thousand, {deep:.0} jobs/s of {waiting} waiting: {:.2}; memory grew by {grown} KiB\n",
        deep / shallow
    ))
}

/// From a queue that never holds more than a thousand.
async fn few(jobs: &Jobs) -> Result<f64, Error> {
    let mut seconds = 0.0;
    for _ in 0..TAKEN / 1_000 {
        ours::bulk(jobs, 1_000).await?;
        let begun = Instant::now();
        ours::drain(jobs, 1_000, Queue::new("default", 10)).await?;
        seconds += begun.elapsed().as_secs_f64();
    }
    Ok(TAKEN as f64 / seconds)
}

async fn take(jobs: &Jobs) -> Result<f64, Error> {
    let mut seconds = 0.0;
    for _ in 0..TAKEN / 1_000 {
        let begun = Instant::now();
        ours::drain(jobs, 1_000, Queue::new("default", 10)).await?;
        seconds += begun.elapsed().as_secs_f64();
    }
    Ok(TAKEN as f64 / seconds)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Resident memory of this process, in KiB.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
