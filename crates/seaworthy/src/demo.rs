//! `seaworthy demo`: a service that fails on purpose, under the same load directly and through the gateway.
//!
//! Nothing here is staged: replicas and gateway are processes of their own, the load is real traffic over sockets, and
//! what the gateway did is read from its own control listener.

mod compare;
mod drive;
mod gateway;
mod http;
mod page;
mod replicas;

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use compare::{Comparison, Side};
use gateway::Gateway;
use replicas::Replicas;
use seaworthy_trials::load;
use tokio::signal::unix::{SignalKind, signal};

/// How long after the replicas' start the load begins, the same in both halves: their timelines count from there.
const LOAD_AFTER: Duration = Duration::from_millis(1_200);

/// What to show.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Seed of the service's failures; another seed is another day
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Requests per second
    #[arg(long, default_value_t = 150)]
    rate: u32,
    /// How long each half is under load
    #[arg(long, default_value = "18s", value_parser = seaworthy_core::duration::parse)]
    duration: Duration,
    /// Where the page with the charts goes
    #[arg(long, value_name = "FILE", default_value = "seaworthy-demo.html")]
    html: PathBuf,
}

/// Why there was nothing to show. Failures of the fragile service are the show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The system.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A child that ended as it should not.
    #[error("{what} ended unexpectedly ({status}){output}")]
    Ended {
        /// Which child.
        what: String,
        /// How.
        status: std::process::ExitStatus,
        /// What it said last.
        output: String,
    },
    /// A child that does not answer.
    #[error("{what} was not ready within {seconds} s")]
    NotReady {
        /// Which child.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The control listener's answer.
    #[error("the gateway's policies could not be read: {0}")]
    Policies(String),
    /// The load.
    #[error("{0}")]
    Load(#[from] load::Error),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// Runs both halves, prints the table and writes the page. Children end with it, however it ends.
pub(crate) fn run(options: Options) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::io("the runtime could not be started"))?.block_on(async {
        tokio::select! {
            result = show(&options) => result,
            result = interrupted() => result,
        }
    })
}

async fn show(options: &Options) -> Result<(), Error> {
    // before the show rather than after it; nothing is changed that may be there already
    let page = std::fs::OpenOptions::new().append(true).create(true).open(&options.html);
    page.map_err(Error::io("the page cannot be written there"))?;
    let direct = direct(options).await?;
    let (gateway, counters) = through_gateway(options).await?;
    let comparison = Comparison { seed: options.seed, direct, gateway, counters };
    let mut out = io::stdout().lock();
    let colours = out.is_terminal();
    let unprinted = || Error::io("the table could not be printed");
    writeln!(out, "\n{}", compare::table(&comparison, colours)).map_err(unprinted())?;
    let written = std::fs::write(&options.html, page::render(&comparison));
    written.map_err(Error::io("the page could not be written"))?;
    writeln!(out, "charts: {}", options.html.display()).map_err(unprinted())
}

async fn direct(options: &Options) -> Result<Side, Error> {
    let mut replicas = Replicas::start(options.seed)?;
    replicas.ready(LOAD_AFTER).await?;
    let report = drive::drive("direct", &replicas.bases(), options, &mut replicas).await?;
    Ok(Side { name: "direct", report, restarts: replicas.restarts(LOAD_AFTER + options.duration) })
}

async fn through_gateway(options: &Options) -> Result<(Side, gateway::Counters), Error> {
    let addresses = replicas::addresses()?;
    let mut gateway = Gateway::start(&addresses)?;
    gateway.live().await?;
    let mut replicas = Replicas::start_on(options.seed, addresses)?;
    replicas.ready(LOAD_AFTER).await?;
    let report = drive::drive("through seaworthy", &[gateway.base()], options, &mut replicas).await?;
    let counters = gateway.counters().await?;
    Ok((
        Side {
            name: "through seaworthy",
            report,
            restarts: replicas.restarts(LOAD_AFTER + options.duration),
        },
        counters,
    ))
}

async fn interrupted() -> Result<(), Error> {
    let listen = |kind| signal(kind).map_err(Error::io("signals can't be received"));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Err(Error::Interrupted)
}

fn free_address() -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0");
    listener.and_then(|listener| listener.local_addr()).map_err(Error::io("no free port"))
}

/// A command of this very program, in a process group of its own: Ctrl-C on the terminal reaches only us, and we end
/// the children in order.
fn ourselves() -> Result<tokio::process::Command, Error> {
    let program = std::env::current_exe().map_err(Error::io("the path of this program is unknown"))?;
    let mut command = tokio::process::Command::new(program);
    command.stdin(std::process::Stdio::null()).process_group(0).kill_on_drop(true);
    Ok(command)
}
