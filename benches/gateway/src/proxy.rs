//! The proxies under test, each with one worker and with what a production set-up would keep alive.

mod config;

use crate::error::Error;
use crate::options::Options;
use crate::process::{self, Process};
use crate::upstream::Upstream;
use crate::workdir::WorkDir;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Nginx,
    Haproxy,
    Envoy,
    /// With every policy off.
    SeaworthyBare,
    /// As it comes.
    Seaworthy,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nginx, Self::Haproxy, Self::Envoy, Self::SeaworthyBare, Self::Seaworthy];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::SeaworthyBare => "seaworthy-bare",
            Self::Seaworthy => "seaworthy",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// A proxy that runs.
pub(crate) struct Proxy {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Proxy {
    pub(crate) fn start(
        kind: Kind,
        dir: &WorkDir,
        options: &Options,
        upstream: &Upstream,
    ) -> Result<Self, Error> {
        let (address, control) = (process::free_address()?, process::free_address()?);
        let wiring = config::Wiring { address, control, upstream: upstream.address, dir: dir.path() };
        let (file, content) = config::of(kind, &wiring);
        let file = dir.file(file, content)?;
        let (program, args) = command(kind, options, &file);
        let mut process = Process::start(dir, kind.name(), options.proxy_core, program, args)?;
        process.await_ready(address)?;
        Ok(Self { kind, address, process })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn command<'a>(kind: Kind, options: &'a Options, config: &Path) -> (&'a PathBuf, Vec<String>) {
    let config = config.display().to_string();
    let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).chain([config]).collect();
    match kind {
        Kind::Nginx => (&options.nginx, args(&["-c"])),
        Kind::Haproxy => (&options.haproxy, args(&["-db", "-f"])),
        Kind::Envoy => {
            let quiet = ["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c"];
            (&options.envoy, args(&quiet))
        }
        Kind::SeaworthyBare | Kind::Seaworthy => (&options.seaworthy, args(&["up", "--config"])),
    }
}
