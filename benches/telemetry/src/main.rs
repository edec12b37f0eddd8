//! What it costs to record a request, next to other libraries, on one thread and on two; and what the history of
//! metrics takes. `README.md` says how it is measured.

mod history;
mod ours;
mod peers;
mod rounds;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// As in the binary itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures what it costs to record; prints medians and ratios
#[derive(Debug, Parser)]
#[command(name = "bench-telemetry")]
struct Options {
    /// Interleaved rounds of recording; the tables show medians
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Requests that each thread records in one round
    #[arg(long, default_value_t = 400_000)]
    requests: u64,
    /// How many series each history has; none leaves it out
    #[arg(long, value_delimiter = ',', num_args = 0.., default_values_t = [1_000, 20_000])]
    series: Vec<usize>,
    /// Leave the recording out
    #[arg(long)]
    no_recording: bool,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("nothing can be measured: {0}")]
    Setup(String),
    #[error("the result could not be written: {0}")]
    Output(#[from] std::io::Error),
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    if !options.no_recording {
        let candidates = [peers::all()?, ours::all()].concat();
        for threads in [1, 2] {
            let results = rounds::run(&candidates, threads, options.rounds, options.requests);
            writeln!(out, "{}", rounds::table(&candidates, threads, &results))?;
        }
    }
    for series in &options.series {
        writeln!(out, "{}", history::measure(*series)?)?;
    }
    Ok(())
}
