//! Services that stay up, on one machine: sets of replicas that are started, looked after, replaced and scaled, in
//! Kubernetes' words and with its semantics.
//!
//! [`fleet::Fleet`] is the door. What it decides, it decides in parts that do nothing themselves and can be read and
//! tested alone: [`replica`] (one replica over all its runs), [`rollout`] (which ones are started and ended) and
//! [`autoscale`] (how many there should be). Processes are those of `seaworthy-process`; requests are sent by whoever
//! implements [`traffic::Traffic`].
//!
//! It must never read a configuration file, answer requests for anybody, or know of another machine.
//!
//! ```no_run
//! use seaworthy_process::{Folder, KeeperCommand};
//! use seaworthy_supervisor::fleet::{Fleet, Parts};
//! use seaworthy_supervisor::settings::{Command, Service};
//! use seaworthy_supervisor::traffic::NoTraffic;
//! use seaworthy_telemetry::metrics::Registry;
//! use std::sync::Arc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (folder, survivors) = Folder::open("/run/seaworthy", KeeperCommand::this_program(["keeper"])).await?;
//! let parts = Parts { folder, survivors, traffic: Arc::new(NoTraffic), registry: Registry::new() };
//! let shop = Service { replicas: 3, ..Service::new("shop", Command::Shell("uvicorn app:app --port {port}".into())) };
//! let fleet = Fleet::open(parts, vec![shop])?;
//! fleet.scale("shop", 5).await?;
//! println!("{:?}", fleet.show("shop")?.health);
//! fleet.shutdown().await;
//! # Ok(()) }
//! ```

pub mod autoscale;
mod error;
pub mod events;
pub mod fleet;
mod launch;
pub mod logs;
mod metrics;
mod moment;
mod probe;
pub mod replica;
pub mod rollout;
pub mod settings;
pub mod status;
pub mod traffic;

pub use error::Error;
