//! Everything CI checks, in the order in which a mistake shows soonest.

use std::process::Command;

use crate::run::{self, Result};
use crate::{setup, tidy};

/// What to leave out while working.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the tests: no format, lints, documentation or examples
    #[arg(long)]
    only_tests: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let python = setup::run()?;
    if !options.only_tests {
        run::run("cargo", &["fmt", "--all", "--check"])?;
        run::run("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
        documentation()?;
    }
    run::run("cargo", &["build", "--workspace", "--quiet"])?;
    if !options.only_tests {
        tidy::run()?;
        tidy::examples::run()?;
        tidy::readme::run()?;
    }
    run::run("cargo", &["test", "--workspace", "--doc", "--quiet"])?;
    if !options.only_tests {
        // the README's first command, as a newcomer types it
        let page = run::root().join("target/demo.html").display().to_string();
        run::run("cargo", &["run", "--release", "--quiet", "--", "demo", "--html", &page])?;
    }
    tests(&python.display().to_string())
}

fn documentation() -> Result<()> {
    let mut doc = run::command("cargo", &["doc", "--workspace", "--no-deps", "--quiet"]);
    run::must(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// nextest where it is, `cargo test` where it is not: both run the same tests.
fn tests(python: &str) -> Result<()> {
    let nextest = run::output("cargo", &["nextest", "--version"]).is_ok();
    let args: &[&str] = if nextest {
        &["nextest", "run", "--workspace", "--run-ignored", "all"]
    } else {
        &["test", "--workspace", "--tests", "--", "--include-ignored"]
    };
    let mut tests: Command = run::command("cargo", args);
    let agent = setup::otel_agent(python)?;
    tests.env("SEAWORTHY_E2E_PYTHON", python).env("SEAWORTHY_E2E_NODE", setup::packages());
    run::must(tests.env("ROTEL_AGENT", agent))
}
