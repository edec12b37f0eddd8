//! Budgets on size, and words that do not belong in the repository.

use std::path::Path;

use crate::run::{self, Result};

const ARCHITECTURE_LINES: usize = 300;
const CORE_LINES: usize = 2_000;
const FILE_LINES: usize = 600;

pub(super) fn check() -> Result<Vec<String>> {
    let mut found = Vec::new();
    let files = run::output("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    let mut core = 0;
    for name in files.lines().filter(|name| Path::new(&run::root().join(name)).is_file()) {
        let Ok(text) = std::fs::read_to_string(run::root().join(name)) else { continue };
        let lines = text.lines().count();
        let code = name.ends_with(".rs");
        if code && lines > FILE_LINES {
            found.push(format!("{name}: {lines} lines; a file that knows everything (limit {FILE_LINES})"));
        }
        if name.starts_with("crates/core/src/") {
            core += lines;
        }
        if name == "ARCHITECTURE.md" && lines > ARCHITECTURE_LINES {
            found.push(format!("{name}: {lines} lines (limit {ARCHITECTURE_LINES})"));
        }
        let module = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if code && ["util", "utils", "common", "helpers", "manager"].contains(&module) {
            found.push(format!("{name}: names nothing"));
        }
        if code && name.contains("/src/") && !name.starts_with("xtask/") {
            found.extend(stubs(name, &text));
        }
    }
    if core > CORE_LINES {
        found.push(format!("crates/core: {core} lines (limit {CORE_LINES})"));
    }
    Ok(found)
}

/// Words that say that something is not done.
fn stubs(name: &str, text: &str) -> Vec<String> {
    let words = ["todo!(", "unimplemented!(", "TODO", "FIXME", "XXX"];
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
        .map(|(at, line)| format!("{name}:{}: {}", at + 1, line.trim()))
        .collect()
}
