//! The project's own chores. `cargo xtask test` is what CI runs.

mod dist;
mod run;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything CI checks: format, lints, layering, generated files, documentation, all tests, the examples
    Test(test::Options),
    /// Layering, budgets and words that do not belong in the repository
    Tidy,
    /// Write the generated files anew: configuration reference, JSON schema, OpenAPI document
    Generate,
    /// Build the release that users get, guided by a profile of real load, into target/dist
    Dist(dist::Options),
    /// Install what the end-to-end tests need (Python clients in a virtual environment; checks for curl and nghttp2)
    Setup,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Generate => tidy::generated::write(),
        Command::Dist(options) => dist::run(&options),
        Command::Setup => setup::run().map(|_| ()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
