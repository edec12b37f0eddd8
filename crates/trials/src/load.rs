//! An open-loop load generator: requests leave at a constant rate, whatever becomes of those before them.
//!
//! The schedule is fixed in advance and a latency counts from the *intended* moment of sending. A service that stalls
//! for a second therefore shows up in every request that was due in that second, not in one (a closed loop would
//! politely wait and measure nothing: "coordinated omission").
//!
//! ```no_run
//! # async fn example() -> Result<(), seaworthy_trials::load::Error> {
//! use seaworthy_trials::load::{self, Request, Settings};
//!
//! let settings = Settings::new(["http://127.0.0.1:8000"], 150.0, std::time::Duration::from_secs(10));
//! let report = load::run(&settings, |n| Request::get(format!("/items/{n}")), |_| {}).await?;
//! assert!(report.success_rate > 0.99, "p99 was {} ms", report.latency.p99_ms);
//! # Ok(())
//! # }
//! ```

mod client;
mod outcome;
mod record;
mod report;
mod request;
mod schedule;

#[cfg(test)]
mod tests;

pub use outcome::{Failure, Outcome};
pub use report::{Failures, Latency, Report, Second, Spell};
pub use request::Request;

use client::Client;
use record::Recorder;
use schedule::Schedule;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What load, on whom, for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Base addresses (`http://127.0.0.1:8000`), taken in turn.
    pub bases: Vec<String>,
    /// Requests per second.
    pub rate: f64,
    /// For how long requests are sent; the last ones may still be awaited after it.
    pub duration: Duration,
    /// How long the client waits for a complete answer.
    pub timeout: Duration,
    /// How many requests may be under way. One that is due beyond it fails as [`Failure::Overflow`].
    pub max_in_flight: usize,
    /// Hits the moment of sending to microseconds, at the price of a processor core. Otherwise to a millisecond.
    pub spin: bool,
}

impl Settings {
    /// Settings with a time-out of 5 s and at most 4,096 requests under way.
    pub fn new<B: Into<String>>(bases: impl IntoIterator<Item = B>, rate: f64, duration: Duration) -> Self {
        Self {
            bases: bases.into_iter().map(Into::into).collect(),
            rate,
            duration,
            timeout: Duration::from_secs(5),
            max_in_flight: 4_096,
            spin: false,
        }
    }
}

/// Why no load could be sent. What goes wrong with a request is an [`Outcome`] instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Nobody to send to.
    #[error("there is no base address to send load to")]
    NoBase,
    /// An address that is none.
    #[error("\"{0}\" is not a base address; write one such as \"http://127.0.0.1:8000\"")]
    BadBase(String),
    /// A rate or a duration that makes no request.
    #[error("a rate of {rate} per second for {seconds} s makes no request")]
    NoRequests {
        /// As set.
        rate: String,
        /// As set.
        seconds: String,
    },
    /// The histogram that takes the latencies can't be made.
    #[error("latencies can't be recorded: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Requests of the whole run.
    pub planned: u64,
    /// Requests whose moment has come.
    pub due: u64,
    /// Requests that got a good answer.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests under way.
    pub in_flight: u64,
}

/// Sends `request(0)`, `request(1)`, … and reports what became of them. Drop the future to stop.
pub async fn run(
    settings: &Settings,
    request: impl Fn(u64) -> Request,
    mut progress: impl FnMut(&Progress),
) -> Result<Report, Error> {
    let clients = settings.bases.iter().map(|base| Client::new(base)).collect::<Result<Vec<_>, _>>()?;
    if clients.is_empty() {
        return Err(Error::NoBase);
    }
    let clients: Arc<[Client]> = clients.into();
    let schedule = Schedule::starting(Instant::now(), settings)?;
    let mut recorder = Recorder::new(&schedule)?;
    let mut under_way = JoinSet::new();
    let mut next_progress = Instant::now();
    for n in 0..schedule.total() {
        let due = schedule.due(n);
        schedule::wait_until(due, settings.spin).await;
        while let Some(done) = under_way.try_join_next() {
            recorder.add(done);
        }
        if Instant::now() >= next_progress {
            progress(&recorder.progress(n + 1, under_way.len()));
            next_progress = Instant::now() + PROGRESS_EVERY;
        }
        if under_way.len() >= settings.max_in_flight {
            recorder.overflow(n);
            continue;
        }
        let (clients, request, timeout) = (Arc::clone(&clients), request(n), settings.timeout);
        under_way.spawn(async move {
            let client = &clients[(n % clients.len() as u64) as usize];
            let outcome = client.send(request, timeout).await;
            (n, outcome, due.elapsed())
        });
    }
    while let Some(done) = under_way.join_next().await {
        recorder.add(done);
    }
    progress(&recorder.progress(schedule.total(), 0));
    Ok(recorder.finish(settings))
}
