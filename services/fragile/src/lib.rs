//! A service that fails on purpose, on a fixed seed, for demonstrations and trials of what stands before it.
//!
//! It must fail the same way each time: what happens when follows from the seed and the replica's number alone. It is
//! honest about itself: `/health` says what the plan says.
//!
//! | request | answer |
//! |---|---|
//! | `GET /items/{id}` | the item as JSON, after the usual few milliseconds |
//! | `GET /slow` | the same after 250 ms |
//! | `POST /orders` | the body and the `Idempotency-Key`, as JSON |
//! | `GET /health` | 200 while it answers well, 503 with the reason while it does not |
//!
//! ```
//! use seaworthy_fragile::Plan;
//! use std::time::Duration;
//!
//! let plan = Plan::from_seed(7, 0);
//! assert_eq!(plan, Plan::from_seed(7, 0));
//! assert!(plan.incidents().iter().any(|incident| incident.until < Duration::from_secs(20)));
//! ```

mod plan;
mod service;

pub use plan::{Incident, Kind, Plan};
pub use service::serve;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;

/// How a crash ends the process: `EX_SOFTWARE` of `sysexits.h`.
pub const CRASHED: u8 = 70;

/// What to serve and how to fail.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// Seed of the failures: the same seed fails the same way
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Number of this replica, from 0; an incident strikes only some of them
    #[arg(long, default_value_t = 0)]
    pub replica: u32,
    /// How long the service has been running already; whoever restarts a crashed replica says so
    #[arg(long, default_value = "0s", value_parser = seaworthy_core::duration::parse)]
    pub elapsed: Duration,
}

/// Why the service could not run. What it does on purpose is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The runtime could not be made.
    #[error("the runtime could not be started: {0}")]
    Runtime(std::io::Error),
}

/// Runs until the plan has it crash, and returns the exit code that belongs to it.
pub fn run(options: &Options) -> Result<ExitCode, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        let plan = Plan::from_seed(options.seed, options.replica);
        let slow_start = plan.slow_start();
        tokio::time::sleep(slow_start).await;
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(|source| Error::Listen { address: options.listen, source })?;
        // the timeline counts from the start of the process
        serve(listener, plan, options.elapsed + slow_start).await;
        Ok(ExitCode::from(CRASHED))
    })
}
