//! Job queues side by side on the same PostgreSQL: jobs enqueued per second, jobs run per second, how late they start
//! at a fixed rate, processor time per job; and a campaign of crashes. `README.md` says how it is done.

mod campaign;
mod deep;
mod driver;
mod error;
mod ours;
mod proc;
mod report;

use clap::{Parser, Subcommand};
use error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "bench-jobs")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everybody in turn, round by round
    Compare(Compare),
    /// A queue with a million waiting jobs against one with a thousand
    Deep {
        /// How many wait
        #[arg(long, default_value_t = 1_000_000)]
        waiting: usize,
    },
    /// Kills workers, schedulers and the database at random, and looks for every promise in what is left
    Campaign(campaign::Options),
    /// A worker of a campaign
    #[command(hide = true)]
    CampaignWorker {
        /// The database
        url: String,
        /// What it is called
        name: String,
        /// Where it writes down what it does
        folder: PathBuf,
    },
    /// A scheduler of a campaign
    #[command(hide = true)]
    CampaignScheduler {
        /// The database
        url: String,
        /// What it is called
        name: String,
    },
    /// One phase of ours, in a process of its own, as the peers' drivers are
    #[command(hide = true)]
    Ours {
        /// The database
        url: String,
        /// setup, single, bulk, drain or pace
        step: String,
        /// How many jobs, or how many per second
        #[arg(default_value_t = 0)]
        a: usize,
        /// For how many seconds
        #[arg(default_value_t = 0)]
        b: usize,
    },
}

/// What is compared, and how long.
#[derive(Debug, clap::Args)]
struct Compare {
    /// Rounds; medians are shown
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Jobs per phase
    #[arg(long, default_value_t = 20_000)]
    jobs: usize,
    /// Jobs per second at the fixed rate
    #[arg(long, default_value_t = 500)]
    rate: usize,
    /// Seconds at the fixed rate
    #[arg(long, default_value_t = 10)]
    seconds: usize,
    /// Where the peers are or will be installed
    #[arg(long, default_value = "target/bench-jobs-peers")]
    peers: PathBuf,
    /// Who takes part
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "seaworthy,seaworthy-sqlite,graphile-worker,pg-boss,procrastinate"
    )]
    who: Vec<String>,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Compare(options) => compare(&options),
        Command::Deep { waiting } => deep::run(waiting),
        Command::Campaign(options) => campaign::run(&options),
        Command::CampaignWorker { url, name, folder } => campaign::worker(&url, &name, &folder),
        Command::CampaignScheduler { url, name } => campaign::scheduler(&url, &name),
        Command::Ours { url, step, a, b } => ours::run(url, &step, a, b),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Compare) -> Result<(), Error> {
    let contestants = driver::prepare(&options.peers, &options.who)?;
    let mut report = report::Report::new(options.who.clone());
    for round in 0..options.rounds {
        for turn in 0..contestants.len() {
            // whoever is first in one round is last in the next
            let contestant = &contestants[(turn + round) % contestants.len()];
            say(&format!("round {} of {}: {}", round + 1, options.rounds, contestant.name));
            report.add(&contestant.name, driver::round(contestant, options)?);
        }
    }
    print(&report.table())
}

/// Progress, beside the result.
pub(crate) fn say(line: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}

pub(crate) fn print(text: &str) -> Result<(), Error> {
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| Error::new("output", error))
}
