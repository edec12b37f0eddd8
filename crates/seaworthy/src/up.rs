//! `seaworthy up`: from a configuration to a running gateway, through reloads and take-overs to its end.

mod authority;
mod callers;
mod defence;
mod jobs;
mod observe;
mod operator;
mod reload;
mod services;
mod sockets;
mod telemetry;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seaworthy_api::{
    AccessDoor, AccessParts, CertificatesDoor, Control, Guard, IdentityDoor, Lifecycle, OperatorToken, Phase,
};
use seaworthy_gateway::access::Authenticator;
use seaworthy_gateway::{Gateway, Options as GatewayOptions, StartError};
use seaworthy_identity::rbac::Policy;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::{self, Compiled};
use crate::takeover::{self, Heir};
use callers::Callers;
use defence::Defences;
use jobs::JobsThread;
use observe::Observer;
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

/// How long a stop waits for what was measured and noticed last to be written.
const OBSERVED_WITHIN: Duration = Duration::from_secs(2);

/// Why it did not run, or did not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The configuration.
    #[error("the configuration cannot be used\n{0}")]
    Config(#[from] config::Error),
    /// The log, metrics or traces.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
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
    /// Who may call.
    #[error("callers cannot be recognised: {0}")]
    Callers(String),
    /// Rules and receivers.
    #[error("alerts cannot be looked for: {0}")]
    Alerts(String),
    /// The certificate authority.
    #[error("{0}")]
    Authority(String),
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
    let told = telemetry::start(&compiled)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::Runtime)?;
    let done = runtime.block_on(main(options, compiled, told));
    // a drain that a second signal ended still waits for its cores: the process does not
    runtime.shutdown_background();
    done
}

async fn main(options: Options, mut compiled: Compiled, told: telemetry::Telemetry) -> Result<(), Error> {
    let metrics = told.metrics.clone();
    let mut heir = Heir::of(compiled.takeover.as_deref())?;
    let threads = compiled.threads;
    let mut observer = Observer::new(&compiled, &metrics).map_err(Error::Alerts)?;
    let gateway_options = GatewayOptions {
        stories: observer.insight().stories,
        threads,
        cache_bytes: compiled.cache_bytes,
        metrics: metrics.clone(),
        access: told.access.clone(),
        tracer: told.tracer.clone(),
    };
    let addresses: Vec<_> = compiled.gateway.listeners.iter().map(|listener| listener.address).collect();
    let mut jobs = JobsThread::new(&metrics, &told.tracer, observer.alerts());
    let mut callers = Callers::new(tokio::runtime::Handle::current(), jobs.identities(), &metrics);
    callers.dress(&mut compiled.gateway, &compiled.callers).map_err(Error::Callers)?;
    let authority =
        compiled.authority.as_ref().map(authority::Keeper::open).transpose().map_err(Error::Authority)?;
    if let (Some(keeper), Some(wanted)) = (&authority, &compiled.authority) {
        keeper.dress(&mut compiled.gateway, wanted);
        tokio::spawn(Arc::clone(keeper).keep());
    }
    let mut defences = Defences::new(&metrics);
    defences.dress(&mut compiled.gateway, &compiled.defences);
    let external = watch::Sender::new(callers.control(&compiled.callers));
    let gateway = Arc::new(Gateway::start(compiled.gateway.clone(), gateway_options)?);
    let mut sockets = Sockets::new(threads);
    // before anybody can know of this process by its sockets, and end it
    let mut signals = Signals::new().map_err(Error::Runtime)?;
    let opened = sockets.open(&addresses, &mut heir)?;
    let control_socket = sockets.open_control(compiled.control, &mut heir)?;
    let lifecycle = Lifecycle::default();
    let mut services = Services::new(&metrics, &gateway, &compiled.run_folder, heir.has_predecessor());
    let control = Control {
        gateway: Arc::clone(&gateway),
        fleet: services.door(),
        metrics: metrics.clone(),
        lifecycle: lifecycle.clone(),
        jobs: jobs.door(),
        guard: Guard::new(compiled.control, compiled.control_hosts.clone(), compiled.remote_changes),
        access: door(&compiled, external.subscribe(), jobs.identities()),
        identity: jobs.identities(),
        certificates: CertificatesDoor(authority.clone().map(|keeper| keeper as Arc<_>)),
        insight: observer.insight(),
    };
    let served = tokio::spawn(serve_control(control_socket, control));
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
    observer.start();
    let doors = reload::Doors { callers, defences, authority, external, observer };
    let mut reloads = Reloads::new(options, &compiled, Arc::clone(&gateway), sockets, jobs, services, doors);
    let why = live(&mut reloads, &mut signals, compiled.takeover.as_deref()).await?;
    tracing::info!(why, timeout = ?gateway.drain_timeout(), "draining");
    let observed = tokio::task::spawn_blocking(reloads.stop_observing());
    let jobs = reloads.take_jobs();
    let services = reloads.take_services();
    // closes our copies of the listening sockets: the kernel must not complete connections that nobody will serve
    drop(reloads);
    // before anybody is told: whoever sees that it is not ready finds that answers end their connections
    gateway.begin_drain();
    lifecycle.enter(Phase::Draining);
    if why == TAKEN_OVER {
        // the successor answers on the control listener now; two voices there would contradict each other
        served.abort();
    }
    let draining = Arc::clone(&gateway);
    let drained = tokio::task::spawn_blocking(move || draining.drain());
    let worked = async {
        // before the store is closed: what was noticed last is written there
        let _ = tokio::time::timeout(OBSERVED_WITHIN, observed).await;
        jobs.stop().await
    };
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
    let flushed = tokio::task::spawn_blocking(move || told.finish(patience));
    let _ = flushed.await;
    tracing::info!("stopped");
    Ok(())
}

/// Who may talk to the control listener.
fn door(
    compiled: &Compiled,
    external: watch::Receiver<Arc<[Arc<dyn Authenticator>]>>,
    identity: IdentityDoor,
) -> AccessDoor {
    let operator = match operator::token(&compiled.token_file) {
        Ok((token, new)) => {
            if new {
                tracing::info!(file = %compiled.token_file.display(), "the operator's token was made");
            }
            Some(OperatorToken::new(&token))
        }
        Err(error) => {
            tracing::warn!(error, "there is no operator's token: the command line cannot give orders here");
            None
        }
    };
    // a configuration whose roles cannot be is refused before
    let policy = Policy::new(compiled.roles.clone()).unwrap_or_default();
    let policy = watch::channel(Arc::new(policy)).1;
    AccessDoor::new(AccessParts {
        operator,
        policy,
        identity,
        anonymous: compiled.anonymous.clone(),
        external,
    })
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
