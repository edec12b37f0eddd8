//! Runs contestants: each phase in a process of its own, on a fresh server.

use crate::error::Error;
use crate::{Compare, proc};
use seaworthy_store::testing::{Folder, Postgres};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Somebody who takes part.
pub(crate) struct Contestant {
    pub(crate) name: String,
    command: Vec<String>,
    sqlite: bool,
}

/// What a driver tells of a phase.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Told {
    pub(crate) jobs: f64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

/// A phase, with what the database needed for it.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) told: Told,
    pub(crate) database_cpu: f64,
}

/// One round of one contestant.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) single: Phase,
    pub(crate) bulk: Phase,
    pub(crate) drain: Phase,
    pub(crate) pace: Phase,
}

/// Installs what is missing.
pub(crate) fn prepare(folder: &Path, who: &[String]) -> Result<Vec<Contestant>, Error> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    std::fs::create_dir_all(folder).map_err(|error| Error::new(folder.display().to_string(), error))?;
    for file in ["package.json", "report.mjs", "graphile.mjs", "pgboss.mjs", "procrastinate_driver.py"] {
        std::fs::copy(sources.join(file), folder.join(file)).map_err(|error| Error::new(file, error))?;
    }
    let node = who.iter().any(|name| name == "graphile-worker" || name == "pg-boss");
    if node && !folder.join("node_modules/pg-boss").exists() {
        let install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix"];
        run(Command::new(install[0]).args(&install[1..]).arg(folder))?;
    }
    let python = folder.join("venv/bin/python");
    if who.iter().any(|name| name == "procrastinate") && !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
        let packages = ["-m", "pip", "install", "--quiet", "procrastinate==3.10.0", "psycopg[binary]==3.3.9"];
        run(Command::new(&python).args(packages))?;
    }
    who.iter().map(|name| contestant(name, folder, &python)).collect()
}

fn contestant(name: &str, folder: &Path, python: &Path) -> Result<Contestant, Error> {
    let text = |path: PathBuf| path.display().to_string();
    let own = || std::env::current_exe().map(text).map_err(|error| Error::new("own path", error));
    let command = match name {
        "seaworthy" | "seaworthy-sqlite" => vec![own()?, "ours".to_owned()],
        "graphile-worker" => vec!["node".to_owned(), text(folder.join("graphile.mjs"))],
        "pg-boss" => vec!["node".to_owned(), text(folder.join("pgboss.mjs"))],
        "procrastinate" => vec![text(python.to_owned()), text(folder.join("procrastinate_driver.py"))],
        other => return Err(Error::new(other, "nobody of this name takes part")),
    };
    Ok(Contestant { name: name.to_owned(), command, sqlite: name == "seaworthy-sqlite" })
}

/// A server as it comes, waiting for the disk at every commit, for everybody; our SQLite file waits likewise.
pub(crate) fn round(contestant: &Contestant, options: &Compare) -> Result<Round, Error> {
    let server =
        (!contestant.sqlite).then(|| Postgres::start_with(&["shared_buffers=256MB", "max_wal_size=4GB"]));
    let folder = Folder::new("bench");
    let url = match &server {
        Some(server) => server.url("postgres"),
        None => format!("sqlite://{}/jobs.db", folder.path().display()),
    };
    let jobs = options.jobs.to_string();
    let few = (options.jobs / 4).to_string();
    let step = |arguments: &[&str]| step(contestant, &url, server.as_ref(), arguments);
    step(&["setup"])?;
    let single = step(&["single", &few])?;
    let cleared = step(&["drain", &few])?;
    let bulk = step(&["bulk", &jobs])?;
    let drain = step(&["drain", &jobs])?;
    let pace = step(&["pace", &options.rate.to_string(), &options.seconds.to_string()])?;
    let _warm = cleared;
    let told = |phase: Option<Phase>| phase.ok_or_else(|| Error::new(&contestant.name, "told nothing"));
    Ok(Round { single: told(single)?, bulk: told(bulk)?, drain: told(drain)?, pace: told(pace)? })
}

fn step(
    contestant: &Contestant,
    url: &str,
    server: Option<&Postgres>,
    arguments: &[&str],
) -> Result<Option<Phase>, Error> {
    let database = || server.and_then(Postgres::pid).map_or(0.0, proc::family);
    let before = database();
    let mut command = Command::new(&contestant.command[0]);
    command.args(&contestant.command[1..]).arg(url).args(arguments).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| Error::new(&contestant.name, error))?;
    let database_cpu = database() - before;
    if !output.status.success() {
        return Err(Error::new(format!("{} {arguments:?}", contestant.name), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(line) = text.lines().rev().find(|line| line.starts_with('{')) else { return Ok(None) };
    let told = serde_json::from_str(line).map_err(|error| Error::new(&contestant.name, error))?;
    Ok(Some(Phase { told, database_cpu }))
}

fn run(command: &mut Command) -> Result<(), Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::new(name, status)),
        Err(error) => Err(Error::new(name, error)),
    }
}
