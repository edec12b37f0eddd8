//! Schedules: what is to run when, and the scheduler that makes jobs of it.
//!
//! A schedule lives in the database and can be changed at any time; [`Schedules`] is the door to them, [`Scheduler`]
//! fires them. Any number of schedulers may run: one of them leads.
//!
//! ```
//! use seaworthy_core::Secret;
//! use seaworthy_jobs::schedule::{Definition, Schedules, Scheduler, SchedulerSettings};
//! use seaworthy_jobs::{Jobs, Settings};
//! use seaworthy_store::{Options, Store};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = std::env::temp_dir().join(format!("schedule-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! let url = Secret::new(format!("sqlite://{}/state.db", folder.display()));
//! let jobs = Jobs::open(Store::open(&url, Options::default()).await?, Settings::default()).await?;
//! let schedules = Schedules::new(jobs);
//! let definition: Definition = serde_json::from_value(serde_json::json!({
//!     "name": "nightly-report",
//!     "trigger": { "type": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin" },
//!     "job": { "kind": "report", "payload": { "of": "yesterday" } },
//! })).expect("a definition");
//! let schedule = schedules.create(definition).await?;
//! assert!(schedule.next_at.is_some());
//! let scheduler = Scheduler::new(schedules, SchedulerSettings::default()).start();
//! scheduler.stop().await;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), seaworthy_jobs::Error>(()) }).unwrap();
//! ```

mod alert;
mod changes;
mod definition;
mod dependents;
mod door;
mod execute;
mod fire;
mod leader;
mod plan;
mod reconcile;
mod rings;
mod runs;
mod scheduler;
mod settle;
mod stored;
mod tidy;
mod time;
mod trigger;

pub use alert::{Alert, Paused};
pub use definition::{CatchUp, Definition, Overlap, Template};
pub use door::{ScheduleFilter, Schedules};
pub use execute::Triggered;
pub use reconcile::{Drift, Reconciled};
pub use runs::{Cause, Event, Outcome, Run};
pub use scheduler::{Scheduler, SchedulerSettings, Scheduling, Step};
pub use stored::{Schedule, Status};
pub use trigger::{Mode, Needs, Trigger};
