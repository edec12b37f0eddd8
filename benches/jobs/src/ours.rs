//! Our driver: the same phases as the peers' scripts.

use crate::error::Error;
use crate::{print, proc};
use seaworthy_core::Secret;
use seaworthy_jobs::runner::{Queue, Runner, RunnerSettings, Running};
use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
use seaworthy_jobs::{Jobs, NewJob, Settings};
use seaworthy_store::{Options, Store};
use seaworthy_telemetry::metrics::Registry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// How many calls are under way when jobs are enqueued one by one.
const IN_FLIGHT: usize = 10;
const TOGETHER: usize = 1_000;

#[derive(serde::Serialize, serde::Deserialize)]
struct At {
    at: f64,
}

#[derive(Default)]
pub(crate) struct Counts {
    left: AtomicUsize,
    done: Notify,
    latencies: Mutex<Vec<f64>>,
}

struct Noop(Arc<Counts>);

impl Worker for Noop {
    type Args = At;
    fn kind(&self) -> &str {
        "noop"
    }
    async fn work(&self, args: At, _: Context) -> Result<Done, Failed> {
        if args.at > 0.0 {
            self.0.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(now_ms() - args.at);
        }
        let left = self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left == Ok(1) {
            self.0.done.notify_one();
        }
        Ok(Done::plain())
    }
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}

fn job(at: f64) -> NewJob {
    NewJob::new("noop", &At { at })
}

pub(crate) fn run(url: String, step: &str, a: usize, b: usize) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Error::new("runtime", error))?;
    runtime.block_on(async {
        let store =
            Store::open(&Secret::new(url), Options { max_connections: 10, ..Options::default() }).await?;
        let jobs = Jobs::open(store, Settings::default()).await?;
        match step {
            "setup" => {}
            "single" => measure(a, single(jobs.clone(), a)).await?,
            "bulk" => measure(a, bulk(&jobs, a)).await?,
            "drain" => measure(a, drain(&jobs, a, Queue::new("default", 100).prefetch(900))).await?,
            "pace" => measure(a * b, pace(&jobs, a, b)).await?,
            other => return Err(Error::new(other, "no such step")),
        }
        jobs.store().close().await;
        Ok(())
    })
}

async fn measure(jobs: usize, work: impl Future<Output = Result<Vec<f64>, Error>>) -> Result<(), Error> {
    let (begun, used) = (Instant::now(), proc::own());
    let mut latencies = work.await?;
    let (seconds, cpu_seconds) = (begun.elapsed().as_secs_f64(), proc::own() - used);
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied();
    let told = serde_json::json!({
        "jobs": jobs, "seconds": seconds, "cpu_seconds": cpu_seconds, "p50_ms": at(0.5), "p99_ms": at(0.99),
    });
    print(&format!("{told}\n"))
}

async fn single(jobs: Jobs, count: usize) -> Result<Vec<f64>, Error> {
    let left = Arc::new(AtomicUsize::new(count));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (jobs, left) = (jobs.clone(), Arc::clone(&left));
        calls.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                jobs.enqueue(job(0.0)).await?;
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(ended) = calls.join_next().await {
        ended.map_err(|error| Error::new("enqueue", error))??;
    }
    Ok(Vec::new())
}

pub(crate) async fn bulk(jobs: &Jobs, count: usize) -> Result<Vec<f64>, Error> {
    for first in (0..count).step_by(TOGETHER) {
        jobs.enqueue_many((first..count.min(first + TOGETHER)).map(|_| job(0.0)).collect()).await?;
    }
    Ok(Vec::new())
}

pub(crate) async fn start(jobs: &Jobs, queue: Queue, count: usize) -> Result<(Running, Arc<Counts>), Error> {
    let counts = Arc::new(Counts::default());
    counts.left.store(count, Ordering::Relaxed);
    let settings = RunnerSettings { queues: vec![queue], ..RunnerSettings::default() };
    let runner = Runner::new(jobs.clone(), settings).with(Noop(Arc::clone(&counts)));
    Ok((runner.start(&Registry::new()).await?, counts))
}

/// Until so many were run and all of them are recorded.
pub(crate) async fn drain(jobs: &Jobs, count: usize, queue: Queue) -> Result<Vec<f64>, Error> {
    let (running, counts) = start(jobs, queue, count).await?;
    counts.done.notified().await;
    running.stop(Duration::from_secs(30)).await;
    Ok(Vec::new())
}

async fn pace(jobs: &Jobs, rate: usize, seconds: usize) -> Result<Vec<f64>, Error> {
    let (running, counts) = start(jobs, Queue::new("default", 24), rate * seconds).await?;
    let begun = tokio::time::Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..rate * seconds {
        tokio::time::sleep_until(begun + Duration::from_secs_f64(n as f64 / rate as f64)).await;
        let jobs = jobs.clone();
        calls.spawn(async move { jobs.enqueue(job(now_ms())).await });
    }
    while let Some(ended) = calls.join_next().await {
        ended.map_err(|error| Error::new("enqueue", error))??;
    }
    counts.done.notified().await;
    running.stop(Duration::from_secs(30)).await;
    let mut latencies = counts.latencies.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *latencies))
}
