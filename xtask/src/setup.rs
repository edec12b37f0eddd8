//! What the end-to-end tests need that cargo does not bring: clients that were not written here.

use std::path::PathBuf;

use crate::run::{self, Result};

/// From Python's index, pinned: clients for HTTP/1.1, HTTP/2, WebSocket and gRPC, a judge of JSON schemas, an
/// OpenTelemetry agent, another reader of cron expressions, what makes calls of an API's document, and a mail server.
const CLIENTS: [&str; 11] = [
    "httpx[http2]==0.28.1",
    "websockets==15.0.1",
    "grpcio==1.74.0",
    "requests==2.32.5",
    "h2==4.3.0",
    "jsonschema==4.25.1",
    "rotel==0.0.1a15",
    "croniter==7.0.0",
    "schemathesis==4.32.5",
    "aiosmtpd==1.4.6",
    "grafana-foundation-sdk==1769699998!10.1.0",
];
/// Programs, with the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 11] = [
    ("curl", "curl"),
    ("h2load", "nghttp2-client"),
    ("openssl", "openssl"),
    ("python3", "python3-venv"),
    ("setpriv", "util-linux"),
    // a server to be run, and an OpenID provider
    ("node", "nodejs"),
    ("npm", "npm"),
    // a browser that people use
    ("/usr/bin/chromium", "chromium"),
    // a judge of rules and metrics
    ("promtool", "prometheus"),
    // real databases for the tests of the store and of what stands on it
    ("/usr/sbin/pgbouncer", "pgbouncer"),
    ("pg_lsclusters", "postgresql"),
];

/// Where the Python clients live.
pub(crate) fn clients() -> PathBuf {
    run::root().join("target/e2e-clients")
}

/// Where the packages of npm live: an OpenID provider, and what drives a browser.
pub(crate) fn packages() -> PathBuf {
    run::root().join("target/e2e-node")
}

/// The OpenTelemetry agent among them.
pub(crate) fn otel_agent(python: &str) -> Result<String> {
    let show = "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
    run::output(python, &["-c", show]).map(|path| path.trim().to_owned())
}

/// Installs what is missing; returns the Python interpreter that has the clients.
pub(crate) fn run() -> Result<PathBuf> {
    programs()?;
    npm()?;
    let python = clients().join("bin/python");
    let stamp = clients().join("installed.txt");
    let wanted = CLIENTS.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let folder = clients().display().to_string();
    run::run("python3", &["-m", "venv", &folder])?;
    let mut install = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    install.extend(CLIENTS);
    run::run(&python.display().to_string(), &install)?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

/// From npm, every package pinned by its digest. What they would run while they are installed is not run.
fn npm() -> Result<()> {
    let (from, to) = (run::root().join("crates/seaworthy/tests/clients/npm"), packages());
    let (pins, stamp) = (from.join("package-lock.json"), to.join("installed.json"));
    let failed = |error: std::io::Error| format!("{}: {error}", to.display());
    let wanted = std::fs::read(&pins).map_err(|error| format!("{}: {error}", pins.display()))?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(&to).map_err(failed)?;
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(from.join(name), to.join(name)).map_err(failed)?;
    }
    let folder = to.display().to_string();
    run::run("npm", &["ci", "--prefix", &folder, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])?;
    std::fs::write(&stamp, wanted).map_err(failed)
}

fn programs() -> Result<()> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    let names = packages.join(" ");
    if run::output("id", &["-u"])?.trim() != "0" {
        return Err(format!("the end-to-end tests need these Debian packages: {names}"));
    }
    run::run("apt-get", &["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&packages);
    run::run("apt-get", &install)
}

fn is_there(program: &str) -> bool {
    let probe = match program {
        "openssl" => "version",
        "pg_lsclusters" => "-h",
        _ => "--version",
    };
    std::process::Command::new(program).arg(probe).output().is_ok_and(|output| output.status.success())
}
