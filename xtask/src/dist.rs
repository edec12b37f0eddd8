//! The binary that users get: built twice, the second time knowing how the first spent its time.
//!
//! Profile-guided optimisation (<https://doc.rust-lang.org/rustc/profile-guided-optimization.html>): an instrumented
//! build serves real load, its counts are merged, and the compiler lays the final build out accordingly.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::run::{self, Result};

/// How the release is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Counts of an earlier run (`target/pgo/merged.profdata`): nothing is measured anew
    #[arg(long)]
    profile: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let dir = run::root().join("target/pgo");
    let counts = match &options.profile {
        Some(counts) => counts.canonicalize().map_err(|error| format!("{}: {error}", counts.display()))?,
        None => measure(&dir)?,
    };
    build(&dir, &format!("-Cprofile-use={}", counts.display()))?;
    let (built, place) = (dir.join("dist/seaworthy"), run::root().join("target/dist"));
    let copied =
        std::fs::create_dir_all(&place).and_then(|()| std::fs::copy(&built, place.join("seaworthy")));
    copied.map_err(|error| format!("{}: {error}", place.display()))?;
    run::say(&format!("{} is ready", place.join("seaworthy").display()));
    Ok(())
}

/// Builds with counters, has the result serve, and merges what was counted.
fn measure(dir: &Path) -> Result<PathBuf> {
    let merge = merge_tool()?;
    let raw = dir.join("raw");
    let _ = std::fs::remove_dir_all(&raw);
    build(dir, &format!("-Cprofile-generate={}", raw.display()))?;
    let binary = dir.join("dist/seaworthy");
    // the main job under failures, then both ways through the data plane at full load
    run::must(Command::new(&binary).args(["demo", "--html"]).arg(dir.join("demo.html")))?;
    let load = Duration::from_secs(4);
    for configuration in ["seaworthy-bare", "seaworthy"] {
        let options = ["run", "--release", "--quiet", "-p", "bench-gateway", "--", "--rounds", "1"];
        let mut bench = run::command("cargo", &options);
        bench.args([
            "--idle",
            "200",
            "--proxies",
            configuration,
            "--duration",
            &format!("{}s", load.as_secs()),
        ]);
        run::must(bench.arg("--seaworthy").arg(&binary))?;
    }
    let merged = dir.join("merged.profdata");
    run::must(Command::new(merge).arg("merge").arg("-o").arg(&merged).arg(&raw))?;
    Ok(merged)
}

fn build(dir: &Path, flags: &str) -> Result<()> {
    let mut cargo = run::command("cargo", &["build", "--profile", "dist", "-p", "seaworthy", "--target-dir"]);
    run::must(cargo.arg(dir).env("RUSTFLAGS", flags))
}

/// `llvm-profdata` of the compiler's own LLVM: the format of the counts changes with it.
fn merge_tool() -> Result<PathBuf> {
    let version = run::output("rustc", &["--version", "--verbose"])?;
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let major = llvm.and_then(|llvm| llvm.split('.').next()).unwrap_or("?").to_owned();
    let sysroot = run::output("rustc", &["--print", "target-libdir"])?;
    let beside = Path::new(sysroot.trim()).with_file_name("bin").join("llvm-profdata");
    let candidates = [beside, format!("llvm-profdata-{major}").into(), "llvm-profdata".into()];
    let fits = |tool: &PathBuf| {
        let version = Command::new(tool).arg("--version").output();
        version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains(&format!("version {major}.")))
    };
    candidates.into_iter().find(fits).ok_or_else(|| {
        format!(
            "llvm-profdata of LLVM {major} is needed: `rustup component add llvm-tools`, \
             or install the package llvm-{major} of your distribution"
        )
    })
}
