//! A database, the door to its jobs, and a worker that does what its jobs say.

use seaworthy_jobs::runner::{Queue, Runner, RunnerSettings, Running};
use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
use seaworthy_jobs::{Jobs, NewJob, Settings, State};
use seaworthy_store::Options;
use seaworthy_store::testing::Database;
use seaworthy_telemetry::metrics::Registry;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bed {
    pub(crate) jobs: Jobs,
    pub(crate) database: Database,
    pub(crate) seen: Seen,
    pub(crate) registry: Registry,
}

/// What was run: job, attempt and idempotency key, in order.
pub(crate) type Seen = Arc<Mutex<Vec<(i64, u32, String)>>>;

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        Self::with(Database::sqlite(), Options::default(), Settings::default()).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::with(Database::postgres(), Options::default(), Settings::default()).await
    }

    pub(crate) async fn with(database: Database, options: Options, settings: Settings) -> Self {
        let jobs = Jobs::open(database.open_with(options).await, settings).await.expect("opens");
        Self { jobs, database, seen: Seen::default(), registry: Registry::new() }
    }

    /// A runner of the queue `default` whose lease is short.
    pub(crate) fn runner(&self, workers: usize) -> Runner {
        self.runner_of(Queue::new("default", workers))
    }

    pub(crate) fn runner_of(&self, queue: Queue) -> Runner {
        Runner::new(self.jobs.clone(), quick(queue)).with(Obedient { seen: Arc::clone(&self.seen) })
    }

    pub(crate) async fn start(&self, workers: usize) -> Running {
        self.runner(workers).start(&self.registry).await.expect("starts")
    }

    pub(crate) async fn add(&self, job: NewJob) -> i64 {
        self.jobs.enqueue(job).await.expect("accepted").id
    }

    /// Waits until a job is in a state, and gives it.
    pub(crate) async fn reaches(&self, id: i64, state: State) -> seaworthy_jobs::Job {
        let until = Instant::now() + PATIENCE;
        loop {
            let job = self.jobs.get(id).await.expect("there");
            if job.state == state {
                return job;
            }
            assert!(Instant::now() < until, "job {id} should become {state}: {job:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn seen(&self) -> Vec<(i64, u32, String)> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(crate) fn seen_ids(&self) -> Vec<i64> {
        self.seen().into_iter().map(|seen| seen.0).collect()
    }
}

/// Waits for whatever.
pub(crate) async fn until(what: &str, mut met: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !met().await {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn quick(queue: Queue) -> RunnerSettings {
    RunnerSettings {
        queues: vec![queue],
        lease: Duration::from_millis(1_500),
        heartbeat: Duration::from_millis(300),
        poll: Duration::from_millis(100),
        cancel_grace: Duration::from_millis(300),
        ..RunnerSettings::default()
    }
}

/// What an obedient worker does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    Complete(serde_json::Value),
    /// Fails so often, then completes.
    Fail(u32),
    FailWith {
        code: String,
        retry_after_ms: u64,
    },
    FailForGood,
    Panic,
    /// Snoozes at its first run.
    Snooze(u64),
    Sleep(u64),
    /// Runs until it is told to end, and heeds it.
    Heed,
    /// Runs for ever, whatever it is told.
    Ignore,
    Talk(usize),
    CallOff,
}

pub(crate) fn order(order: &Order) -> NewJob {
    NewJob::new("obey", order)
}

pub(crate) fn complete() -> NewJob {
    order(&Order::Complete(serde_json::Value::Null))
}

struct Obedient {
    seen: Seen,
}

impl Worker for Obedient {
    type Args = Order;

    fn kind(&self) -> &str {
        "obey"
    }

    async fn work(&self, order: Order, context: Context) -> Result<Done, Failed> {
        let job = context.job();
        let first = {
            let mut seen = self.seen.lock().expect("no panic");
            let first = !seen.iter().any(|seen| seen.0 == job.id);
            seen.push((job.id, job.attempt, context.idempotency_key().to_string()));
            first
        };
        match order {
            Order::Complete(value) => Ok(Done::Completed(Some(value))),
            Order::Fail(times) if job.attempt > times => Ok(Done::plain()),
            Order::Fail(_) => Err(Failed::new("told", format!("attempt {} was told to fail", job.attempt))),
            Order::FailWith { code, retry_after_ms } => {
                Err(Failed::new(code, "told").retry_after(Duration::from_millis(retry_after_ms)))
            }
            Order::FailForGood => Err(Failed::permanent("hopeless", "told\0 so")),
            Order::Panic => panic!("told to panic"),
            Order::Snooze(ms) if first => Ok(Done::Snooze(Duration::from_millis(ms))),
            Order::Snooze(_) => Ok(Done::plain()),
            Order::Sleep(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(Done::plain())
            }
            Order::Heed => {
                context.progress(50, "half way");
                context.cancelled().await;
                Err(Failed::new("stopped", "told to stop"))
            }
            Order::Ignore => std::future::pending().await,
            Order::Talk(lines) => {
                for line in 0..lines {
                    context.log("info", format!("line {line} {}\0", "x".repeat(5_000)));
                }
                Ok(Done::plain())
            }
            Order::CallOff => Ok(Done::Cancelled("nothing to do".to_owned())),
        }
    }
}
