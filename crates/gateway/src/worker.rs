//! One core: a current-thread runtime, its own listening sockets, its own connections. Cores share only what a
//! [`Plan`] holds.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderName;
use seaworthy_telemetry::access::AccessLog;
use seaworthy_telemetry::story::Recorder;
use seaworthy_telemetry::traces::Tracer;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::cache::Store;
use crate::connection::{self, Slot};
use crate::metrics::Meters;
use crate::plan::{ListenerPlan, Plan};
use crate::quiet::Quiet;
use crate::sandbox::Passes;
use crate::upstream::health;
use crate::upstream::service::LocalService;

/// How often unused upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(5);
/// How long accepting rests after an error such as "too many open files".
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How far the gateway is on its way out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Serving.
    #[default]
    Serving,
    /// No new connections; those open are finished.
    Draining,
}

/// What a core is started with.
pub(crate) struct Start {
    pub(crate) index: usize,
    pub(crate) sockets: mpsc::UnboundedReceiver<Socket>,
    pub(crate) plan: watch::Receiver<Arc<Plan>>,
    pub(crate) stage: watch::Receiver<Stage>,
    pub(crate) access: Option<AccessLog>,
    pub(crate) tracer: Tracer,
    pub(crate) stories: Option<Recorder>,
    pub(crate) meters: Meters,
    pub(crate) cache: Arc<Store>,
    pub(crate) passes: Arc<Passes>,
    /// The number of the plan in force on this core.
    pub(crate) applied: Arc<AtomicU64>,
}

/// A bound socket for one core.
#[derive(Debug)]
pub struct Socket {
    /// The address its settings are found by.
    pub address: SocketAddr,
    /// The socket, listening and non-blocking.
    pub listener: std::net::TcpListener,
}

/// A plan with this core's own connections.
pub(crate) struct LocalPlan {
    pub(crate) shared: Arc<Plan>,
    pub(crate) services: Vec<Rc<LocalService>>,
}

/// What all connections of a core share.
pub(crate) struct Core {
    plan: RefCell<Rc<LocalPlan>>,
    stage: watch::Receiver<Stage>,
    connections: Cell<usize>,
    /// Sockets that are still accepted on.
    accepting: Cell<usize>,
    pub(crate) access: Option<AccessLog>,
    /// Request headers that the access log wants; usually none.
    pub(crate) logged: Vec<HeaderName>,
    pub(crate) tracer: Tracer,
    pub(crate) stories: Option<Recorder>,
    pub(crate) meters: Meters,
    pub(crate) cache: Arc<Store>,
    pub(crate) passes: Arc<Passes>,
    applied: Arc<AtomicU64>,
}

impl Core {
    /// The plan in force.
    pub(crate) fn plan(&self) -> Rc<LocalPlan> {
        Rc::clone(&self.plan.borrow())
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.stage.borrow() == Stage::Draining
    }

    /// How long an idle connection is kept while draining.
    pub(crate) fn drain_idle(&self) -> Duration {
        self.plan.borrow().shared.drain.idle
    }

    /// Resolves once the gateway drains.
    pub(crate) async fn drained(&self) {
        let mut stage = self.stage.clone();
        // the sender lives as long as the gateway; without it there is nothing to wait for
        if stage.wait_for(|stage| *stage == Stage::Draining).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn apply(&self, plan: Arc<Plan>) {
        let old = self.plan();
        let services = plan.services.iter().map(|service| {
            let same = old.services.iter().find(|local| Arc::ptr_eq(&local.shared, service));
            if let Some(same) = same {
                return Rc::clone(same);
            }
            let name = &service.settings.name;
            let before = old.services.iter().find(|local| local.shared.settings.name == *name);
            Rc::new(LocalService::new(Arc::clone(service), before.map(Rc::as_ref), &self.meters))
        });
        let services = services.collect();
        self.meters.plan_changed();
        let number = plan.number;
        *self.plan.borrow_mut() = Rc::new(LocalPlan { shared: plan, services });
        // no request of this core begins with an older plan any more
        self.applied.store(number, Ordering::Release);
    }
}

/// Runs a core until it has drained.
pub(crate) fn run(start: Start) -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    runtime.block_on(main(start))
}

async fn main(start: Start) -> io::Result<()> {
    let Start {
        index,
        mut sockets,
        mut plan,
        stage,
        access,
        tracer,
        stories,
        meters,
        cache,
        passes,
        applied,
    } = start;
    let empty = Rc::new(LocalPlan { shared: Arc::default(), services: Vec::new() });
    let (plan_in_force, connections) = (RefCell::new(empty), Cell::new(0));
    let logged = access.iter().flat_map(AccessLog::headers).filter_map(|name| name.parse().ok()).collect();
    let core = Rc::new(Core {
        plan: plan_in_force,
        stage,
        connections,
        accepting: Cell::new(0),
        access,
        logged,
        tracer,
        stories,
        meters,
        cache,
        passes,
        applied,
    });
    core.apply(plan.borrow_and_update().clone());
    let mut checks = health::Checks::default();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        if index == 0 {
            checks.follow(&core.plan().shared);
        }
        tokio::select! {
            Some(socket) = sockets.recv() => {
                let listener = TcpListener::from_std(socket.listener)?;
                tokio::task::spawn_local(accept(Rc::clone(&core), socket.address, listener, plan.clone()));
            }
            Ok(()) = plan.changed() => core.apply(plan.borrow_and_update().clone()),
            _ = sweep.tick() => {
                for service in &core.plan().services {
                    service.sweep();
                }
            }
            () = core.drained() => break,
        }
    }
    drain(&core).await;
    Ok(())
}

/// Waits for open connections, at most for the configured time.
async fn drain(core: &Core) {
    let timeout = core.plan().shared.drain.timeout;
    let finished = async {
        while core.connections.get() > 0 || core.accepting.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(timeout, finished).await.is_err() {
        tracing::warn!(connections = core.connections.get(), "drain time is over; open connections are cut");
    }
}

/// Accepts on one socket until its address leaves the plan or the gateway drains.
async fn accept(
    core: Rc<Core>,
    address: SocketAddr,
    socket: TcpListener,
    mut plan: watch::Receiver<Arc<Plan>>,
) {
    core.accepting.set(core.accepting.get() + 1);
    let failures = Quiet::default();
    loop {
        // from this task's own view of the plan: another task's may be a moment older
        let Some(listener) = listener_in(&plan.borrow_and_update(), address) else {
            tracing::info!(%address, "listener was removed; no longer accepting");
            core.accepting.set(core.accepting.get() - 1);
            return;
        };
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((tcp, peer)) => admit(&core, listener, tcp, peer),
                Err(error) => {
                    core.meters.accept_failed();
                    if let Some(held_back) = failures.may_speak(tokio::time::Instant::now()) {
                        tracing::warn!(%address, %error, held_back, "accepting a connection failed");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Ok(()) = plan.changed() => {}
            () = core.drained() => break,
        }
    }
    // connections the kernel completed before we stopped are ours to serve
    while let Some(Ok((tcp, peer))) = futures_util::FutureExt::now_or_never(socket.accept()) {
        if let Some(listener) = listener_in(&plan.borrow(), address) {
            admit(&core, listener, tcp, peer);
        }
    }
    core.accepting.set(core.accepting.get() - 1);
}

fn listener_in(plan: &Plan, address: SocketAddr) -> Option<Arc<ListenerPlan>> {
    plan.listeners.iter().find(|l| l.settings.address == address).map(Arc::clone)
}

fn admit(core: &Rc<Core>, listener: Arc<ListenerPlan>, tcp: tokio::net::TcpStream, peer: SocketAddr) {
    let Some(slot) = Slot::take(&listener) else {
        core.meters.connection_refused();
        return; // dropping it closes it: the client sees a closed connection, nobody else is slowed
    };
    let open = OpenConnection::new(core);
    let core = Rc::clone(core);
    tokio::task::spawn_local(async move {
        let _held = (slot, open);
        connection::serve(core, listener, tcp, peer).await;
    });
}

/// Counts a connection on this core for as long as it lives.
struct OpenConnection(Rc<Core>);

impl OpenConnection {
    fn new(core: &Rc<Core>) -> Self {
        core.connections.set(core.connections.get() + 1);
        core.meters.connection_opened();
        Self(Rc::clone(core))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.meters.connection_closed();
    }
}
