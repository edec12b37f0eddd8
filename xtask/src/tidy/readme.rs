//! The README's configuration examples are checked, so that they stay true.

use std::process::Command;

use crate::run::{self, Result, say};

pub(crate) fn run() -> Result<()> {
    let readme = std::fs::read_to_string(run::root().join("README.md")).map_err(|error| error.to_string())?;
    let folder = run::root().join("target/readme");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut count = 0;
    for block in readme.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        let file = folder.join(format!("{count}.toml"));
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        run::must(Command::new(run::seaworthy()?).arg("check").arg(&file))?;
        count += 1;
    }
    if count == 0 {
        return Err("README.md has no configuration example".to_owned());
    }
    say(&format!("README.md: {count} configuration examples are fine"));
    Ok(())
}
