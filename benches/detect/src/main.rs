//! Detectors next to PyOD's: `--data DIR` compares scores with recorded ones, `speed` runs both side by side.

mod data;
mod error;
mod memory;
mod parity;
mod quality;
mod speed;

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
    /// How much memory do fitting and scoring take?
    Memory {
        /// Which detector.
        #[arg(long, default_value = "IForest")]
        detector: String,
        /// Rows of made-up data.
        #[arg(long, default_value_t = 1_000_000)]
        rows: usize,
        /// Columns of made-up data.
        #[arg(long, default_value_t = 16)]
        columns: usize,
    },
    /// How much sooner than a live PyOD?
    Speed {
        /// A Python that has PyOD: `python -m venv V && V/bin/pip install pyod`.
        #[arg(long, default_value = "target/bench-detect-venv/bin/python")]
        python: PathBuf,
        /// Times each is measured; the least counts.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Threads for both; all there are unless set.
        #[arg(long, default_value_t = 0)]
        threads: usize,
        /// Only these detectors, separated by commas.
        #[arg(long, default_value = "")]
        detectors: String,
    },
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
    if let Some(Command::Memory { detector, rows, columns }) = &options.command {
        return memory::run(detector, *rows, *columns);
    }
    let folder = options.data.as_ref().ok_or(Error::NoData)?;
    let sets = || data::all(folder, &options.only);
    match &options.command {
        Some(Command::Speed { python, rounds, threads, detectors }) => {
            rayon::ThreadPoolBuilder::new()
                .num_threads(*threads)
                .build_global()
                .map_err(|_| Error::Threads)?;
            speed::run(&sets()?, python, *rounds, detectors)
        }
        Some(Command::Parity) => parity::run(&sets()?),
        Some(Command::Quality) => quality::run(&sets()?),
        Some(Command::Memory { .. }) => Ok(()),
        None => {
            parity::run(&sets()?)?;
            quality::run(&sets()?)
        }
    }
}
