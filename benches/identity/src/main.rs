//! What it costs to know who calls: requests/s with credentials against without, a verification against the
//! cryptography alone, valid callers beside a flood of unknown keys, an audit log of a million entries. `README.md` says
//! how it is measured.
//!
//! It builds nothing and downloads nothing.

mod audit;
mod error;
mod flood;
mod gateway;
mod http;
mod load;
mod median;
mod options;
mod paced;
mod process;
mod provider;
mod tokens;
mod upstream;
mod verify;
mod workdir;

use clap::Parser;
use error::Error;
use options::{Options, Part};
use std::io::Write;
use std::process::ExitCode;
use workdir::WorkDir;

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Error> {
    let dir = WorkDir::create()?;
    for part in &options.parts {
        // load stays off the gateway's core; what is measured in this process may use all of them
        if matches!(part, Part::Gateway | Part::Flood) {
            process::pin_self(options.load_core)?;
        } else {
            process::unpin_self()?;
        }
        let table = match part {
            Part::Audit => audit::measure(&dir, options)?,
            Part::Verify => verify::measure(options)?,
            Part::Gateway => gateway::measure(&dir, options)?,
            Part::Flood => flood::measure(&dir, options)?,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{table}").map_err(Error::Output)?;
    }
    dir.remove()
}

/// Tells whoever waits how far it is; the result alone goes to standard output.
fn say(line: std::fmt::Arguments<'_>) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}
