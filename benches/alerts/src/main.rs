//! Whether alerts find what is broken, how soon, and what they cry wolf at.
//!
//! `campaign` runs the program before fifty services that are broken one after the other, each in its own way, and waits
//! for the message at a receiver. `quiet` has the same rules look at a day of varied but healthy traffic, whose clock is
//! turned by hand.

mod breakage;
mod campaign;
mod error;
mod quiet;
mod receiver;
mod shop;
mod traffic;
mod up;
mod watch;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "bench-alerts")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Services broken in fifty ways
    Campaign {
        /// The program to try
        #[arg(long, default_value = "target/release/seaworthy")]
        seaworthy: PathBuf,
        /// Seconds of healthy traffic before anything is broken
        #[arg(long, default_value_t = 180)]
        healthy: u64,
        /// Seconds within which a breakage has to be told
        #[arg(long, default_value_t = 120)]
        within: u64,
    },
    /// Healthy traffic: every message is a false alarm
    Quiet {
        /// For so many hours of the traffic's clock
        #[arg(long, default_value_t = 24)]
        hours: u64,
        /// What everything that is random comes from
        #[arg(long)]
        seed: Option<u64>,
    },
}

#[allow(clippy::print_stderr, reason = "that is what it is for")]
fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Campaign { seaworthy, healthy, within } => campaign::run(&seaworthy, healthy, within),
        Command::Quiet { hours, seed } => quiet::run(hours, seed.unwrap_or_else(|| fastrand::u64(..))),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
