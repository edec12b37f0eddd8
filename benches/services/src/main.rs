//! Services that Seaworthy runs: what clients notice of restarts and of killed replicas, what is left when Seaworthy
//! itself is killed, what ten idle services cost, and how much later a replica is ready than its program alone would be.

mod error;
mod http;
mod idle;
mod kills;
mod load;
mod own;
mod replica;
mod rolling;
mod spawn;
mod up;

use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "bench-services")]
struct Cli {
    /// The program to try
    #[arg(long, global = true, default_value = "target/release/seaworthy")]
    seaworthy: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Rolling restarts of three replicas under load
    Rolling {
        /// How many
        #[arg(long, default_value_t = 100)]
        rounds: u32,
    },
    /// Replicas killed at random under load
    Kills {
        /// How many
        #[arg(long, default_value_t = 100)]
        rounds: u32,
        /// What everything that is random comes from
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Seaworthy killed at random moments: while it starts, restarts and scales
    Own {
        /// How often
        #[arg(long, default_value_t = 200)]
        rounds: u32,
        /// What everything that is random comes from
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Processor time of ten idle services with default probes
    Idle {
        /// For so many seconds
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// From the order to ready, against the program by itself
    Spawn {
        /// How often each
        #[arg(long, default_value_t = 20)]
        rounds: u32,
    },
    /// What replicas are
    #[command(hide = true)]
    Replica {
        /// Where it listens
        port: u16,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let program = cli.seaworthy;
    let done = match cli.command {
        Command::Rolling { rounds } => rolling::run(&program, rounds),
        Command::Kills { rounds, seed } => kills::run(&program, rounds, seeded(seed)),
        Command::Own { rounds, seed } => own::run(&program, rounds, seeded(seed)),
        Command::Idle { seconds } => idle::run(&program, seconds),
        Command::Spawn { rounds } => spawn::run(&program, rounds),
        Command::Replica { port } => replica::run(port),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn seeded(seed: Option<u64>) -> fastrand::Rng {
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!("seed {seed}"));
    fastrand::Rng::with_seed(seed)
}

/// A line of the report.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
