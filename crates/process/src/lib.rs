//! One process tree that Seaworthy owns: started, limited, watched, adopted after a crash of Seaworthy, ended without
//! leaving anything behind. Linux only.
//!
//! Beside each program stands a *keeper*: a small process of the same binary ([`keeper::main`]) that started the
//! program, reads what it says, reaps whatever it forks, and writes down how it ended. A keeper belongs to a
//! [`Folder`]; whoever holds the folder's lock talks to the keepers in it. Seaworthy may be killed at any moment: the
//! next [`Folder::open`] finds every keeper again, or ends what was not completely born.
//!
//! It must never know what a program is for: no ports, no probes, no HTTP, no restarts. And it must never signal a
//! process by a number alone: numbers are given out again.
//!
//! ```no_run
//! use seaworthy_process::{Event, Folder, KeeperCommand, Launch};
//!
//! # async fn example() -> Result<(), seaworthy_process::Error> {
//! // the hidden subcommand of the program calls `keeper::main`
//! let keeper = KeeperCommand::this_program(["keeper"]);
//! let (folder, survivors) = Folder::open("/run/seaworthy", keeper).await?;
//! for survivor in survivors {
//!     println!("{} is still there", survivor.id());
//! }
//! let mut shop = folder.start(Launch::new("shop-1", ["python3", "-m", "http.server"])).await?;
//! while let Some(event) = shop.next().await {
//!     match event {
//!         Event::Line(line) => println!("{}", line.text),
//!         Event::Dropped(lines) => println!("{lines} lines were dropped"),
//!         Event::Exited(exit) => println!("shop-1 {}", exit.words()),
//!     }
//! }
//! # Ok(()) }
//! ```

mod capabilities;
mod cgroup;
mod error;
mod event;
mod exit;
mod files;
mod folder;
pub mod keeper;
mod launch;
mod process;
mod procfs;
mod protocol;
mod signal;
#[cfg(test)]
mod testing;
mod usage;

pub use capabilities::{Capabilities, Enforcement, Mechanism};
pub use error::Error;
pub use event::{Event, Line, Stream};
pub use exit::{Exit, Reason, Stage};
pub use folder::{Folder, KeeperCommand};
pub use launch::{Launch, Limits, Orphan, OutputLimits, Scope, StopPlan};
pub use process::{Handle, Process};
pub use signal::{Signal, UnknownSignal};
pub use usage::Usage;
