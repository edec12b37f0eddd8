//! `seaworthy check`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use seaworthy_gateway::Gateway;

use crate::config::{self, Error};

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The configuration
    #[arg(default_value = "seaworthy.toml")]
    config: PathBuf,
}

/// Reports everything. Exit code 0: usable; 1: not; 2: the file cannot be read.
pub(crate) fn run(options: &Options) -> ExitCode {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    match config::load(&options.config, &crate::environment()) {
        Ok(compiled) => match Gateway::check(compiled.gateway) {
            Ok(summary) => {
                let _ = writeln!(out, "{}: fine ({summary})", options.config.display());
                ExitCode::SUCCESS
            }
            Err(errors) => {
                for error in &errors {
                    let _ = writeln!(err, "{}: {error}", options.config.display());
                }
                let s = if errors.len() == 1 { "" } else { "s" };
                let _ = writeln!(err, "{} problem{s} found", errors.len());
                ExitCode::from(1)
            }
        },
        Err(error @ Error::Problems(_)) => {
            let _ = writeln!(err, "{error}");
            ExitCode::from(1)
        }
        Err(error) => {
            let _ = writeln!(err, "error: {error}");
            ExitCode::from(2)
        }
    }
}
