//! Sagas: several effects on the world, of which in the end all are there or none.
//!
//! A saga is a job with a list of steps. Each step is written down before it is done, with an idempotency key that never
//! changes, and again after; so whoever takes over after a crash knows what is done, what is not, and what it must look
//! up. Where a step fails for good, what was done is undone, newest first, in the same manner. What cannot be undone
//! makes the job a dead letter that says what a person must do.
//!
//! [`Saga`] is the worker, made of [`Action`]s; [`Sagas`] is the door.
//!
//! ```
//! # use seaworthy_core::Secret;
//! use seaworthy_jobs::runner::{Runner, RunnerSettings};
//! use seaworthy_jobs::saga::{Action, Effect, NewSaga, Probe, Saga, SagaState, Sagas, Step, StepError, StepState};
//! # use seaworthy_jobs::{Jobs, Settings};
//! # use seaworthy_store::{Options, Store};
//! # use seaworthy_telemetry::metrics::Registry;
//! use serde_json::{Value, json};
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex};
//! # use std::time::Duration;
//!
//! /// A bank that knows transfers by their key.
//! #[derive(Clone, Default)]
//! struct Bank(Arc<Mutex<BTreeMap<String, i64>>>);
//!
//! impl Action for Bank {
//!     fn name(&self) -> &str { "book" }
//!     async fn run(&self, step: Step) -> Result<Effect, StepError> {
//!         let amount = step.input()["amount"].as_i64().unwrap_or(0);
//!         if amount > 100 {
//!             return Err(StepError::refused("limit", "more than the account allows"));
//!         }
//!         self.0.lock().unwrap().insert(step.key().to_owned(), amount);
//!         Ok(Effect::made(amount))
//!     }
//!     async fn undo(&self, step: Step, _output: Option<Value>) -> Result<(), StepError> {
//!         self.0.lock().unwrap().remove(step.key());
//!         Ok(())
//!     }
//!     async fn probe(&self, step: Step) -> Probe {
//!         let booked = self.0.lock().unwrap().get(step.key()).copied();
//!         booked.map_or(Probe::Absent, |amount| Probe::Found(Effect::made(amount)))
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
//! # let folder = std::env::temp_dir().join(format!("saga-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let url = Secret::new(format!("sqlite://{}/jobs.db", folder.display()));
//! # let jobs = Jobs::open(Store::open(&url, Options::default()).await?, Settings::default()).await?;
//! let bank = Bank::default();
//! let transfers = Saga::new("transfer").action(bank.clone());
//! let running = Runner::new(jobs.clone(), RunnerSettings::default()).with(transfers).start(&Registry::new()).await?;
//! let sagas = Sagas::new(jobs.clone());
//! let new = NewSaga::new("transfer").step("book", json!({ "amount": 70 })).step("book", json!({ "amount": 700 }));
//! let id = sagas.start(new).await?.id;
//! # while sagas.get(id).await?.finished_at.is_none() { tokio::time::sleep(Duration::from_millis(5)).await; }
//! let saga = sagas.get(id).await?;
//! assert_eq!(saga.state, SagaState::Compensated);
//! assert_eq!(saga.error.unwrap().1, "step 1 \"book\" failed: more than the account allows");
//! assert_eq!((saga.steps[0].state, saga.steps[1].state), (StepState::Undone, StepState::Skipped));
//! assert!(bank.0.lock().unwrap().is_empty());
//! # running.stop(Duration::from_secs(10)).await;
//! # jobs.store().close().await;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), seaworthy_jobs::Error>(()) }).unwrap();
//! ```

mod action;
mod cancel;
#[cfg(test)]
mod crash;
mod door;
mod erased;
mod journal;
mod plan;
mod record;
mod registry;
mod run;
mod step;
#[cfg(test)]
mod tests;

pub use action::{Action, Effect, Policy, Probe, StepError, Unknown};
pub(crate) use cancel::turn_back;
pub use door::{SagaStatus, Sagas, Settled, StepStatus};
pub use plan::{NewSaga, Plan, PlannedStep};
pub use record::{SagaState, StepState};
pub use registry::Saga;
pub use step::Step;
