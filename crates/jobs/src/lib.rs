//! Durable jobs: work that must happen, on SQLite or PostgreSQL.
//!
//! [`Jobs`] is the door: it accepts jobs, shows them and calls them off. A [`runner::Runner`] takes them, runs them with
//! a [`worker::Worker`] per kind, and looks after the tables. What is promised, and how it is kept, stands in
//! `docs/jobs.md`.
//!
//! It must never read the environment or a configuration file, listen on a socket, or know how its answers are shown.
//!
//! ```
//! use seaworthy_core::Secret;
//! use seaworthy_jobs::runner::{Runner, RunnerSettings};
//! use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
//! use seaworthy_jobs::{Jobs, NewJob, Settings, State};
//! use seaworthy_store::{Options, Store};
//! use seaworthy_telemetry::metrics::Registry;
//! use std::time::Duration;
//!
//! struct Double;
//! impl Worker for Double {
//!     type Args = i64;
//!     fn kind(&self) -> &str { "double" }
//!     async fn work(&self, number: i64, _: Context) -> Result<Done, Failed> {
//!         Ok(Done::with(&(2 * number)))
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
//! # let folder = std::env::temp_dir().join(format!("jobs-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let url = Secret::new(format!("sqlite://{}/jobs.db", folder.display()));
//! let jobs = Jobs::open(Store::open(&url, Options::default()).await?, Settings::default()).await?;
//! let running = Runner::new(jobs.clone(), RunnerSettings::default()).with(Double).start(&Registry::new()).await?;
//! let id = jobs.enqueue(NewJob::new("double", &21).priority(1)).await?.id;
//! while jobs.get(id).await?.state != State::Completed {
//!     tokio::time::sleep(Duration::from_millis(5)).await;
//! }
//! assert_eq!(jobs.get(id).await?.result.as_deref(), Some("42"));
//! running.stop(Duration::from_secs(10)).await;
//! # jobs.store().close().await;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), seaworthy_jobs::Error>(()) }).unwrap();
//! ```

mod batches;
mod cancel;
mod claim;
pub mod cron;
pub mod dead;
pub mod dependencies;
mod early;
mod enqueue;
mod error;
pub mod executor;
mod job;
mod jobs;
mod keys;
mod maintenance;
pub mod moment;
mod new_job;
mod payload;
mod queues;
mod record;
pub mod retry;
pub mod runner;
pub mod saga;
pub mod schedule;
mod settings;
mod signature;
mod state;
mod topic;
pub mod worker;

pub use batches::{Batch, Callback};
pub use cancel::Cancelled;
pub use claim::{Claimed, QueueLimits, Rate};
pub use dependencies::DependsOn;
pub use enqueue::Enqueued;
pub use error::Error;
pub use job::{Attempt, Filter, Job, LARGEST_PAGE, LogLine};
pub use jobs::Jobs;
pub use new_job::{DEFAULT_QUEUE, NewJob, Unique, UniqueScope};
pub use queues::QueueStatus;
pub use retry::Retry;
pub use settings::Settings;
pub use state::{State, UnknownState};

use seaworthy_store::migrate::{Component, Migration};

/// The tables of jobs.
pub const SCHEMA: Component = Component {
    name: "jobs",
    migrations: &[
        Migration { version: 1, name: "jobs", sql: include_str!("../migrations/0001_jobs.sql") },
        Migration { version: 2, name: "schedules", sql: include_str!("../migrations/0002_schedules.sql") },
        Migration {
            version: 3,
            name: "dead letters",
            sql: include_str!("../migrations/0003_dead_letters.sql"),
        },
        Migration { version: 4, name: "sagas", sql: include_str!("../migrations/0004_sagas.sql") },
    ],
};
