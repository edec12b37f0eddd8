//! The handle on a running data plane.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use seaworthy_telemetry::access::AccessLog;
use seaworthy_telemetry::metrics::{Registry, Samples};
use seaworthy_telemetry::story::Recorder;
use seaworthy_telemetry::traces::Tracer;
use tokio::sync::{mpsc, watch};

use crate::cache::Store;
use crate::metrics::Meters;
use crate::plan::{Plan, PlanError};
use crate::sandbox::Passes;
use crate::settings::{Settings, Upstream};
use crate::status::{self, ServicePolicies, Workload};
use crate::wanted::{Leaving, Wanted};
use crate::worker::{self, Socket, Stage, Start};

/// What a gateway needs besides settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cores to use. Each runs its own accept loop on its own socket.
    pub threads: usize,
    /// Most bytes of cached responses.
    pub cache_bytes: u64,
    /// Where metrics go.
    pub metrics: Registry,
    /// Where finished requests are written.
    pub access: Option<AccessLog>,
    /// Where spans go.
    pub tracer: Tracer,
    /// What single requests went through, kept for a while.
    pub stories: Option<Recorder>,
}

/// A running data plane. Dropping it does not stop it; [`drain`](Self::drain) does.
pub struct Gateway {
    /// What was configured, and where managed services are now.
    wanted: Mutex<Wanted>,
    /// Whether it has drained.
    over: AtomicBool,
    /// Per core, the number of the plan in force.
    applied: Vec<Arc<AtomicU64>>,
    passes: Arc<Passes>,
    plan: watch::Sender<Arc<Plan>>,
    stage: watch::Sender<Stage>,
    sockets: Vec<mpsc::UnboundedSender<Socket>>,
    threads: Mutex<Vec<JoinHandle<io::Result<()>>>>,
    cache: Arc<Store>,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings cannot be applied.
    #[error("the settings cannot be applied: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Plan(Vec<PlanError>),
    /// The machine gives no random numbers.
    #[error("the system's random numbers cannot be read")]
    Random,
    /// A thread could not be started.
    #[error("a core could not be started: {0}")]
    Thread(#[source] io::Error),
}

impl Gateway {
    /// Starts a thread per core. It accepts connections once [`listen`](Self::listen) gives it sockets.
    pub fn start(settings: Settings, options: Options) -> Result<Self, StartError> {
        let wanted = Wanted { settings, ..Wanted::default() };
        let plan = Plan::new(wanted.settings(), &Plan::default()).map_err(StartError::Plan)?;
        let (plan, _) = watch::channel(Arc::new(plan));
        let (stage, _) = watch::channel(Stage::Serving);
        let cache = Arc::new(Store::new(options.cache_bytes));
        let passes = Arc::new(Passes::new().map_err(|_| StartError::Random)?);
        let (sockets, wanted) = (Vec::new(), Mutex::new(wanted));
        let applied = (0..options.threads.max(1)).map(|_| Arc::default()).collect();
        let mut gateway = Self {
            wanted,
            over: AtomicBool::new(false),
            applied,
            passes,
            plan,
            stage,
            sockets,
            threads: Mutex::default(),
            cache,
        };
        for index in 0..options.threads.max(1) {
            gateway.start_core(index, &options).map_err(StartError::Thread)?;
        }
        gateway.export(&options.metrics);
        Ok(gateway)
    }

    fn start_core(&mut self, index: usize, options: &Options) -> io::Result<()> {
        let (sender, sockets) = mpsc::unbounded_channel();
        let (plan, stage) = (self.plan.subscribe(), self.stage.subscribe());
        let (access, tracer) = (options.access.clone(), options.tracer.clone());
        let stories = options.stories.clone();
        let (registry, cache) = (options.metrics.clone(), Arc::clone(&self.cache));
        let passes = Arc::clone(&self.passes);
        let applied = self.applied.get(index).cloned().unwrap_or_default();
        let run = move || {
            let meters = Meters::new(&registry);
            let start = Start {
                index,
                sockets,
                plan,
                stage,
                access,
                tracer,
                stories,
                meters,
                cache,
                passes,
                applied,
            };
            worker::run(start).inspect_err(|error| tracing::error!(core = index, %error, "core stopped"))
        };
        let thread = std::thread::Builder::new().name(format!("core-{index}")).spawn(run)?;
        self.sockets.push(sender);
        self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Checks settings without starting anything. Says what they describe.
    pub fn check(settings: Settings) -> Result<String, Vec<PlanError>> {
        let plan = Plan::new(settings, &Plan::default())?;
        let (listeners, services, routes) = (plan.listeners.len(), plan.services.len(), plan.routes.len());
        Ok(format!("listeners: {listeners}, services: {services}, routes: {routes}"))
    }

    /// The addresses of the settings in force.
    pub fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.plan.borrow().listeners.iter().map(|listener| listener.settings.address).collect()
    }

    /// How many cores there are: as many sockets per address can be used.
    pub fn cores(&self) -> usize {
        self.sockets.len()
    }

    /// Gives cores sockets to accept on, in turn.
    pub fn listen(&self, sockets: impl IntoIterator<Item = Socket>) {
        for (at, socket) in sockets.into_iter().enumerate() {
            // a core that is gone has logged why
            let _ = self.sockets[at % self.sockets.len()].send(socket);
        }
    }

    /// Applies new settings to all that comes after. Requests under way keep what they began with. On an error nothing
    /// changes.
    pub fn apply(&self, settings: Settings) -> Result<(), Vec<PlanError>> {
        self.change(Plan::new, |wanted| wanted.settings = settings)
    }

    /// Says where a managed service answers from now on. Endpoints that stay keep their connections and what is known of
    /// them; those that go get no new request, and what is under way there is finished: see
    /// [`has_left`](Self::has_left).
    pub fn set_endpoints(&self, service: &str, endpoints: Vec<Upstream>) -> Result<(), Vec<PlanError>> {
        self.change(Plan::moved, |wanted| drop(wanted.endpoints.insert(service.into(), endpoints)))
    }

    /// Says where a managed service's sandbox is; `None`: it has none.
    pub fn set_sandbox(&self, service: &str, sandbox: Option<Upstream>) -> Result<(), Vec<PlanError>> {
        self.change(Plan::moved, |wanted| match sandbox {
            Some(sandbox) => drop(wanted.sandboxes.insert(service.into(), sandbox)),
            None => drop(wanted.sandboxes.remove(service)),
        })
    }

    /// Makes a plan of what is wanted then and puts it in force, or changes nothing.
    fn change(
        &self,
        plan: fn(Settings, &Plan) -> Result<Plan, Vec<PlanError>>,
        change: impl FnOnce(&mut Wanted),
    ) -> Result<(), Vec<PlanError>> {
        // held to the end: plans follow each other in the order of the wishes
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut then = wanted.clone();
        change(&mut then);
        let old = self.plan.borrow().clone();
        let plan = Arc::new(plan(then.settings(), &old)?);
        then.note_who_left(&old, &plan);
        then.leaving.retain(|leaving| !self.is_over(leaving));
        *wanted = then;
        self.plan.send_replace(plan);
        Ok(())
    }

    /// Whether every core follows the endpoints and settings that were given last.
    pub fn is_in_force(&self) -> bool {
        self.follows(self.plan.borrow().number)
    }

    fn follows(&self, number: u64) -> bool {
        self.applied.iter().all(|core| core.load(Ordering::Acquire) >= number)
    }

    fn is_over(&self, leaving: &Leaving) -> bool {
        self.follows(leaving.since) && leaving.endpoint.is_idle()
    }

    /// Whether nothing is under way any more at an endpoint that was taken out, and nothing more will come.
    pub fn has_left(&self, service: &str, endpoint: &Upstream) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = self.plan.borrow().clone();
        let mut of_service = plan.services.iter().filter(|known| *known.settings.name == *service);
        let here = of_service.any(|known| known.endpoints.iter().any(|known| known.is(endpoint)));
        let known = |leaving: &&Leaving| &*leaving.service == service && leaving.endpoint.is(endpoint);
        let over = self.over.load(Ordering::Acquire);
        over || (!here && wanted.leaving.iter().filter(known).all(|leaving| self.is_over(leaving)))
    }

    /// A value for the header [`HEADER`](crate::sandbox::HEADER), good for some time: see [`sandbox`](crate::sandbox).
    pub fn sandbox_pass(&self, service: &str, valid: Duration) -> String {
        self.passes.issue(service, valid, SystemTime::now())
    }

    /// Whether there is such a service, and its endpoints come at run time.
    pub fn is_managed(&self, service: &str) -> bool {
        let plan = self.plan.borrow();
        plan.services.iter().any(|known| *known.settings.name == *service && known.settings.managed)
    }

    /// What the endpoints of a managed service have to do, and how long their answers took since this was last asked;
    /// `None` where there is no such service.
    pub fn workload(&self, service: &str) -> Option<Workload> {
        let plan = self.plan.borrow().clone();
        let known = plan.services.iter().find(|known| &*known.settings.name == service)?;
        Some(Workload::of(&known.endpoints))
    }

    /// Stops accepting and begins to finish what is under way: answers end their connections from now on.
    pub fn begin_drain(&self) {
        self.stage.send_replace(Stage::Draining);
    }

    /// Stops accepting, finishes what is under way (bounded by the drain time) and waits for it.
    pub fn drain(&self) {
        self.begin_drain();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a core panicked");
            }
        }
        // nothing is under way any more, and no core follows plans
        self.applied.iter().for_each(|core| core.store(u64::MAX, Ordering::Release));
        self.over.store(true, Ordering::Release);
    }

    /// Longest time [`drain`](Self::drain) can take.
    pub fn drain_timeout(&self) -> Duration {
        self.plan.borrow().drain.timeout
    }

    /// Every policy of a service, its state and what it did; `None` where there is no such service.
    pub fn policies(&self, service: &str) -> Option<ServicePolicies> {
        self.cache.tidy();
        status::policies(&self.plan.borrow(), service)
    }

    /// All services with their endpoints.
    pub fn services(&self) -> Vec<status::ServiceStatus> {
        status::services(&self.plan.borrow())
    }

    /// Forgets cached answers whose path starts with `prefix`.
    pub fn purge_path(&self, prefix: &str) -> usize {
        self.cache.purge_path(prefix)
    }

    /// Forgets cached answers with this tag.
    pub fn purge_tag(&self, tag: &str) -> usize {
        self.cache.purge_tag(tag)
    }

    /// Shows policies, endpoints and the cache in the metrics, read when they are scraped.
    fn export(&self, registry: &Registry) {
        let (plan, cache) = (self.plan.subscribe(), Arc::clone(&self.cache));
        registry.collect_with(Box::new(move |samples| {
            let plan = plan.borrow().clone();
            cache.tidy();
            status::sample(&plan, samples);
            sample_cache(&cache, samples);
        }));
    }
}

fn sample_cache(cache: &Store, samples: &mut Samples) {
    let help = "bytes of cached responses";
    samples.gauge("seaworthy.cache.size.bytes", help, &[], cache.bytes() as f64);
    let help = "resources with a cached response";
    samples.gauge("seaworthy.cache.resources", help, &[], cache.resources() as f64);
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let services = self.plan.borrow().services.len();
        f.debug_struct("Gateway")
            .field("cores", &self.cores())
            .field("services", &services)
            .finish_non_exhaustive()
    }
}
