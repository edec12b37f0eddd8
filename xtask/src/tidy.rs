//! Rules of the house that no compiler checks.

pub(crate) mod examples;
pub(crate) mod generated;
mod layers;
pub(crate) mod readme;
mod text;

use crate::run::{Result, say};

/// All rules; every violation is reported before it fails.
pub(crate) fn run() -> Result<()> {
    let mut found = layers::check()?;
    found.extend(text::check()?);
    found.extend(generated::check()?);
    if found.is_empty() {
        say("tidy: fine");
        return Ok(());
    }
    Err(format!("tidy:\n{}", found.join("\n")))
}
