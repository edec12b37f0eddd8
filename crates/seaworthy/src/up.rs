//! `seaworthy up`: from a configuration to a running gateway, through reloads and take-overs to its end.

mod jobs;
mod reload;
mod services;
mod sockets;
mod telemetry;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seaworthy_api::{Control, Guard, Lifecycle, Phase};
use seaworthy_gateway::{Gateway, Options as GatewayOptions, StartError};
use seaworthy_telemetry::metrics::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{self, Compiled};
use crate::takeover::{self, Heir};
use jobs::JobsThread;
use reload::Reloads;
pub(crate) use services::KEEPER;
use services::Services;
pub(crate) use sockets::Sockets;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Stand in front of this service, with no configuration file
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    upstream: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "seaworthy.toml")]
    config: PathBuf,
    /// Listen here instead of 0.0.0.0:8080; only with --upstream (a file has listener.address)
    #[arg(long, value_name = "ADDRESS", requires = "upstream", conflicts_with = "config")]
    listen: Option<String>,
    /// Put the control listener here instead of 127.0.0.1:7700; only with --upstream (a file has control.listen)
    #[arg(long, value_name = "ADDRESS", requires = "upstream", conflicts_with = "config")]
    control: Option<String>,
}

/// Why it did not run, or did not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The configuration.
    #[error("the configuration cannot be used\n{0}")]
    Config(#[from] config::Error),
    /// The logs.
    #[error("{0}")]
    Logs(#[from] seaworthy_telemetry::logs::Error),
    /// The traces.
    #[error("{0}")]
    Traces(#[from] seaworthy_telemetry::traces::Error),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The data plane.
    #[error("{0}")]
    Start(#[from] StartError),
    /// Taking over from a predecessor.
    #[error("{0}")]
    Takeover(#[from] takeover::Error),
    /// Services that are to be run here.
    #[error("services cannot be run: {0}")]
    Services(String),
    /// The control runtime.
    #[error("the control runtime failed: {0}")]
    Runtime(#[source] io::Error),
}

impl Options {
    /// The configuration these options lead to. Called again at every reload.
    fn load(&self) -> Result<Compiled, config::Error> {
        let environment = crate::environment();
        match &self.upstream {
            None => config::load(&self.config, &environment),
            Some(url) => {
                let text = config::text_for_upstream(url, self.listen.as_deref(), self.control.as_deref());
                config::parse(&text, "command line", std::path::Path::new(""), &environment)
                    .map_err(config::Error::Problems)
            }
        }
    }
}

/// Runs until told to stop.
pub(crate) fn run(options: Options) -> Result<(), Error> {
    let compiled = options.load()?;
    seaworthy_telemetry::logs::init(compiled.logs.0, &compiled.logs.1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::Runtime)?;
    let done = runtime.block_on(main(options, compiled));
    // a drain that a second signal ended still waits for its cores: the process does not
    runtime.shutdown_background();
    done
}

async fn main(options: Options, compiled: Compiled) -> Result<(), Error> {
    let metrics = Registry::new();
    metrics.collect_process();
    let (access, tracer) = telemetry::start(&compiled, &metrics)?;
    let mut heir = Heir::of(compiled.takeover.as_deref())?;
    let threads = compiled.threads;
    let gateway_options = GatewayOptions {
        threads,
        cache_bytes: compiled.cache_bytes,
        metrics: metrics.clone(),
        access: access.clone(),
        tracer: tracer.clone(),
    };
    let addresses: Vec<_> = compiled.gateway.listeners.iter().map(|listener| listener.address).collect();
    let gateway = Arc::new(Gateway::start(compiled.gateway.clone(), gateway_options)?);
    let mut sockets = Sockets::new(threads);
    let opened = sockets.open(&addresses, &mut heir)?;
    let control_socket = sockets.open_control(compiled.control, &mut heir)?;
    let lifecycle = Lifecycle::default();
    let mut jobs = JobsThread::new(&metrics, &tracer);
    let mut services = Services::new(&metrics, &gateway, &compiled.run_folder, heir.has_predecessor());
    let control = Control {
        gateway: Arc::clone(&gateway),
        fleet: services.door(),
        metrics: metrics.clone(),
        lifecycle: lifecycle.clone(),
        jobs: jobs.door(),
        guard: Guard::new(compiled.control, compiled.control_hosts.clone(), compiled.remote_changes),
    };
    let served = tokio::spawn(serve_control(control_socket, control));
    let mut signals = Signals::new().map_err(Error::Runtime)?;
    // what still runs of an earlier life is back in place before the first request
    let started = tokio::select! {
        started = services.start(&compiled.processes) => Some(started),
        why = signals.end() => {
            tracing::info!(why, "told to end before it had started");
            None
        }
    };
    match started {
        Some(started) => started?,
        None => {
            let _ = services.stop().await;
            return Ok(());
        }
    }
    gateway.listen(opened);
    lifecycle.enter(Phase::Ready);
    for address in &addresses {
        tracing::info!(%address, threads, "listening");
    }
    tracing::info!(address = %compiled.control, "control listener: /healthz/ready, /metrics, /api/v1");
    match heir.announce_ready() {
        Ok(gone) => {
            let release = services.release();
            tokio::spawn(async move {
                gone.await;
                release();
            });
        }
        Err(error) => {
            // the predecessor goes on, and takes its replicas back
            services.leave().await;
            return Err(error.into());
        }
    }
    // what the new configuration does not listen on any more must not be left open with nobody behind it
    drop(heir);
    jobs.apply(compiled.jobs.as_ref());
    let mut reloads = Reloads::new(options, &compiled, Arc::clone(&gateway), sockets, jobs, services);
    let why = live(&mut reloads, &mut signals, compiled.takeover.as_deref()).await?;
    tracing::info!(why, timeout = ?gateway.drain_timeout(), "draining");
    lifecycle.enter(Phase::Draining);
    let worked = reloads.stop_jobs();
    let services = reloads.take_services();
    // closes our copies of the listening sockets: the kernel must not complete connections that nobody will serve
    drop(reloads);
    if why == TAKEN_OVER {
        // the successor answers on the control listener now; two voices there would contradict each other
        served.abort();
    }
    let draining = Arc::clone(&gateway);
    let drained = tokio::task::spawn_blocking(move || draining.drain());
    let finished = tokio::spawn(async move {
        let _ = tokio::join!(drained, worked);
        // replicas answer what is under way, and jobs may call them
        if let Some(mut services) = services {
            if why == TAKEN_OVER {
                // the successor has them, unless it was told to keep its own elsewhere
                services.claim().await;
            }
            let _ = services.stop().await;
        }
    });
    finish(finished, &mut signals).await;
    served.abort();
    let patience = Duration::from_secs(2);
    let flushed = tokio::task::spawn_blocking(move || {
        if let Some(access) = access {
            access.flush(patience);
        }
        if let Err(error) = tracer.shutdown(patience) {
            tracing::warn!(%error, "traces were lost at the end");
        }
    });
    let _ = flushed.await;
    tracing::info!("stopped");
    Ok(())
}

const TAKEN_OVER: &str = "a successor took over";

/// What ends this process, or has it read its configuration again. Heard from before anything is started that would
/// outlive it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Resolves when it is told to end.
    async fn end(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// What comes so soon after a signal is the same one once more.
const SAME_SIGNAL: std::time::Duration = std::time::Duration::from_millis(200);

/// Waits for the drain; a second signal ends the wait.
async fn finish(drained: tokio::task::JoinHandle<()>, signals: &mut Signals) {
    let second = async {
        // wrappers send the same signal to a process and to its group
        let _ = tokio::time::timeout(SAME_SIGNAL, signals.end()).await;
        signals.end().await
    };
    tokio::select! {
        _ = drained => {}
        _ = second => tracing::warn!(
            "second signal: open connections and jobs are cut; replicas that have not ended go on, and the next start \
             takes them over"
        ),
    }
}

async fn serve_control(socket: std::net::TcpListener, control: Control) -> io::Result<()> {
    seaworthy_api::serve(tokio::net::TcpListener::from_std(socket)?, control).await
}

/// Serves until a reason to stop comes. Reloads happen in between.
async fn live(
    reloads: &mut Reloads,
    signals: &mut Signals,
    takeover: Option<&std::path::Path>,
) -> Result<&'static str, Error> {
    let mut successor = takeover::Estate::offer(takeover)?;
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return Ok("SIGTERM"),
            _ = signals.interrupt.recv() => return Ok("SIGINT"),
            _ = signals.hangup.recv() => reloads.reload("SIGHUP"),
            () = reloads.file_changed() => reloads.reload("file change"),
            asked = successor.asked() => match asked {
                Ok(ask) => {
                    // the successor needs them before it is ready; until then requests go where replicas are now
                    reloads.leave_services().await;
                    match takeover::hand_over(ask, reloads.sockets()).await {
                        Ok(()) => return Ok(TAKEN_OVER),
                        Err(error) => {
                            tracing::warn!(%error, "a successor failed to take over; going on");
                            reloads.take_services_back().await;
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "take-over socket failed"),
            },
        }
    }
}
