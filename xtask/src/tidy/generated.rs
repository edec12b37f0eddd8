//! Files that are made from code and committed, so that readers need not run anything.

use crate::run::{self, Result, say};

/// What is generated, by which command.
const GENERATED: [(&str, &[&str]); 3] = [
    ("docs/configuration.md", &["config", "reference"]),
    ("docs/seaworthy.schema.json", &["config", "schema"]),
    ("crates/api/openapi.json", &["config", "openapi"]),
];

fn current(args: &[&str]) -> Result<String> {
    let mut all = vec!["run", "--quiet", "--package", "seaworthy", "--"];
    all.extend(args);
    run::output("cargo", &all)
}

/// Which of them are stale.
pub(super) fn check() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (file, args) in GENERATED {
        let committed = std::fs::read_to_string(run::root().join(file)).unwrap_or_default();
        if committed != current(args)? {
            found.push(format!("{file} is stale: run `cargo xtask generate`"));
        }
    }
    Ok(found)
}

/// Writes all of them.
pub(crate) fn write() -> Result<()> {
    for (file, args) in GENERATED {
        std::fs::write(run::root().join(file), current(args)?).map_err(|error| format!("{file}: {error}"))?;
        say(&format!("wrote {file}"));
    }
    Ok(())
}
