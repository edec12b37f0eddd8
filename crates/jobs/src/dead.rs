//! Dead letters: jobs that failed for good, and what can still be done with them.
//!
//! A dead letter is a discarded job, not a copy of one: it is looked at, given other arguments, brought back or removed
//! where it is. [`DeadLetters`] is the door to them.
//!
//! ```
//! # use seaworthy_core::Secret;
//! # use seaworthy_jobs::runner::{Runner, RunnerSettings};
//! use seaworthy_jobs::dead::{DeadFilter, DeadLetters, Pick, Replay};
//! # use seaworthy_jobs::{Jobs, NewJob, Settings, State};
//! # use seaworthy_store::{Options, Store};
//! # use seaworthy_telemetry::metrics::Registry;
//! # use std::time::Duration;
//! # use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
//! # struct Picky;
//! # impl Worker for Picky {
//! #     type Args = i64;
//! #     fn kind(&self) -> &str { "picky" }
//! #     async fn work(&self, number: i64, _: Context) -> Result<Done, Failed> {
//! #         if number > 0 { Ok(Done::plain()) } else { Err(Failed::permanent("negative", "not positive")) }
//! #     }
//! # }
//! # tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
//! # let folder = std::env::temp_dir().join(format!("dead-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let url = Secret::new(format!("sqlite://{}/jobs.db", folder.display()));
//! # let jobs = Jobs::open(Store::open(&url, Options::default()).await?, Settings::default()).await?;
//! # let running = Runner::new(jobs.clone(), RunnerSettings::default()).with(Picky).start(&Registry::new()).await?;
//! # let id = jobs.enqueue(NewJob::new("picky", &-1)).await?.id;
//! # while jobs.get(id).await?.state != State::Discarded { tokio::time::sleep(Duration::from_millis(5)).await; }
//! let dead = DeadLetters::new(jobs.clone());
//! let group = dead.groups(&DeadFilter::default(), None, 10).await?.remove(0);
//! assert_eq!((group.signature.as_str(), group.count), ("negative: not positive", 1));
//! dead.edit(group.example, "1", "ann").await?;
//! let some = DeadFilter { signature: Some(group.signature), ..DeadFilter::default() };
//! let sample = dead.replay_sample(&some, 5, Pick::Oldest, &Replay::default()).await?;
//! assert_eq!(sample.back, [group.example]);
//! # while jobs.get(id).await?.state != State::Completed { tokio::time::sleep(Duration::from_millis(5)).await; }
//! # running.stop(Duration::from_secs(10)).await;
//! # jobs.store().close().await;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), seaworthy_jobs::Error>(()) }).unwrap();
//! ```

mod door;
mod edit;
mod export;
mod filter;
mod groups;
mod import;
mod letter;
mod line;
mod park;
mod purge;
pub(crate) mod redrive;
mod replay;

pub use door::DeadLetters;
pub use edit::Edit;
pub use export::Export;
pub use filter::{DeadFilter, Parked};
pub use groups::{Group, GroupCursor};
pub use import::{Import, ImportOptions, Imported, Problem};
pub use letter::DeadLetter;
pub use redrive::{NewRedrive, Redrive, RedriveState};
pub use replay::{Pick, Replay, Replayed};
