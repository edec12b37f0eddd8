//! Detectors next to PyOD's: `--data DIR` compares scores with recorded ones, `speed` runs both side by side.

mod data;
mod error;
mod parity;
mod quality;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use error::Error;

#[derive(Parser)]
#[command(about = "Anomaly detection next to PyOD")]
struct Options {
    /// A folder of NAME.csv.gz (features and `label`), NAME.pyod.csv.gz (PyOD's scores) and pyod_baseline.csv.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Only data sets whose name contains this.
    #[arg(long, global = true, default_value = "")]
    only: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Are the scores PyOD's?
    Parity,
    /// How well are anomalies told apart?
    Quality,
}

fn main() {
    if let Err(error) = run(&Options::parse()) {
        #[expect(clippy::print_stderr, reason = "a program's error")]
        {
            eprintln!("bench-detect: {error}");
        }
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let folder = options.data.as_ref().ok_or(Error::NoData)?;
    let sets = || data::all(folder, &options.only);
    match options.command {
        Some(Command::Parity) => parity::run(&sets()?),
        Some(Command::Quality) => quality::run(&sets()?),
        None => {
            parity::run(&sets()?)?;
            quality::run(&sets()?)
        }
    }
}
