//! All services of this machine: the door to everything else.
//!
//! Each service has a task that owns its replicas (`service`); orders and news come to it over bounded channels, and
//! it never waits for anything but them. Whatever takes time (processes, probes, the gateway) has a task of its own.

mod adopt;
mod context;
mod instance;
mod labels;
mod order;
mod ports;
mod publish;
mod run;
mod running;
mod sample;
mod service;
mod snapshot;
mod stray;

use crate::error::Error;
use crate::events::Event;
use crate::logs::{Follow, LogLine};
use crate::metrics::Metrics;
use crate::settings::{self, Service};
use crate::status::ServiceStatus;
use crate::traffic::Traffic;
pub(crate) use context::Context;
use context::Shared;
use futures_util::FutureExt as _;
use order::{Order, Orders};
use running::Running;
use seaworthy_process::{Folder, Process};
use seaworthy_telemetry::metrics::Registry;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What a fleet is made of.
pub struct Parts {
    /// Where processes live.
    pub folder: Folder,
    /// What [`Folder::open`] found there.
    pub survivors: Vec<Process>,
    /// Who sends requests.
    pub traffic: Arc<dyn Traffic>,
    /// Where metrics go.
    pub registry: Registry,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("survivors", &self.survivors.len()).finish_non_exhaustive()
    }
}

/// All services of this machine. Clones share them.
///
/// Dropped without [`shutdown`](Self::shutdown) it leaves the processes as a crash of Seaworthy does.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    context: Arc<Context>,
    services: Mutex<BTreeMap<String, Entry>>,
    /// One change of the set of services at a time. `true`: no more of them.
    changing: tokio::sync::Mutex<bool>,
    /// Services that were left out, while they end. One that comes back waits for it.
    retired: Mutex<BTreeMap<String, Running>>,
    /// Survivors that nobody wants, while they end.
    strays: Mutex<Vec<Running>>,
}

struct Entry {
    shared: Arc<Shared>,
    orders: Orders,
    needs: Vec<String>,
    task: Running,
}

impl Fleet {
    /// Takes over what survived and starts what is wanted. To be called within a runtime of tokio, which everything here
    /// then runs on.
    ///
    /// # Errors
    /// [`Error::Settings`] with everything that is wrong with the services.
    pub fn open(parts: Parts, services: Vec<Service>) -> Result<Self, Error> {
        Self::open_held(parts, services, watch::channel(false).1)
    }

    /// The same, but no replica is ended for another or because there are too many while `held` says so: a predecessor still
    /// sends requests to them. What ends by itself is started again meanwhile.
    ///
    /// # Errors
    /// [`Error::Settings`] with everything that is wrong with the services.
    pub fn open_held(
        parts: Parts,
        services: Vec<Service>,
        held: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        check(&services)?;
        let Parts { folder, survivors, traffic, registry } = parts;
        let context = Arc::new(Context::new(folder, traffic, Metrics::new(&registry), held));
        let mut survivors = adopt::sort(survivors, &services);
        let inner = Inner {
            context,
            services: Mutex::default(),
            changing: tokio::sync::Mutex::new(false),
            retired: Mutex::default(),
            strays: Mutex::default(),
        };
        let fleet = Self(Arc::new(inner));
        let held = &fleet.0.context.held;
        let strays = std::mem::take(&mut survivors.strays).into_iter();
        let strays = strays.map(|process| stray::end(process, held.clone())).collect();
        *fleet.0.strays.lock().unwrap_or_else(PoisonError::into_inner) = strays;
        // before anybody looks for a free one
        let theirs = survivors.by_service.values().flatten().map(|survivor| survivor.labels.port);
        theirs.for_each(|port| fleet.0.context.ports.reserve(port));
        fleet.0.reserve(&services);
        for service in services {
            let adopted = survivors.by_service.remove(&service.name).unwrap_or_default();
            fleet.0.begin(service, adopted, None);
        }
        crate::metrics::collect(&registry, &fleet.0.context);
        Ok(fleet)
    }

    /// Makes these the services: new ones are started, those left out are ended, and of the others only what changed is
    /// touched. Resolves once everybody has been told, not once it is done.
    ///
    /// # Errors
    /// [`Error::Settings`] with everything that is wrong with the services: then nothing changes.
    pub async fn apply(&self, services: Vec<Service>) -> Result<(), Error> {
        check(&services)?;
        let over = self.0.changing.lock().await;
        if *over {
            return Err(Error::ShuttingDown);
        }
        let gone: Vec<String> = {
            let known = self.0.services();
            known.keys().filter(|name| !services.iter().any(|s| s.name == **name)).cloned().collect()
        };
        for name in gone {
            self.0.retire(&name);
        }
        self.0.reserve(&services);
        for service in services {
            self.0.renew(service);
        }
        Ok(())
    }

    /// How all services are, by name.
    pub fn list(&self) -> Vec<Arc<ServiceStatus>> {
        self.0.services().values().map(|entry| entry.shared.status()).collect()
    }

    /// How a service is.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn show(&self, service: &str) -> Result<Arc<ServiceStatus>, Error> {
        self.0.with(service, |entry| entry.shared.status())
    }

    /// How a service is, whenever that changes.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn watch(&self, service: &str) -> Result<watch::Receiver<Arc<ServiceStatus>>, Error> {
        self.0.with(service, |entry| entry.shared.watch())
    }

    /// What happened to a service, in the order in which it happened last.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn events(&self, service: &str) -> Result<Vec<Event>, Error> {
        self.0.with(service, |entry| entry.shared.events())
    }

    /// What the replicas of a service, or one of them, said last: `most` lines at the most.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn logs(
        &self,
        service: &str,
        replica: Option<&str>,
        most: usize,
    ) -> Result<Vec<Arc<LogLine>>, Error> {
        self.0.with(service, |entry| entry.shared.logs.latest(replica, most))
    }

    /// The same, and whatever all of its replicas say from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn follow(
        &self,
        service: &str,
        replica: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Arc<LogLine>>, Follow), Error> {
        self.0.with(service, |entry| entry.shared.logs.follow(replica, most))
    }

    /// Replaces all replicas, in the bounds of the service's rollout. Resolves once it has begun.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for a service that is stopped; [`Error::Busy`].
    pub async fn restart(&self, service: &str) -> Result<(), Error> {
        self.order(service, Order::Restart).await
    }

    /// Ends all replicas until [`start`](Self::start) is ordered or Seaworthy starts anew. Resolves once it has begun.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Busy`].
    pub async fn stop(&self, service: &str) -> Result<(), Error> {
        self.order(service, Order::Stop).await
    }

    /// Starts a service that was stopped. Resolves once it has begun.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Busy`].
    pub async fn start(&self, service: &str) -> Result<(), Error> {
        self.order(service, Order::Start).await
    }

    /// Has so many replicas run, until the configured number changes or Seaworthy starts anew. A service that is scaled by
    /// load goes on from there. Resolves once it has begun.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for a number that the service cannot have; [`Error::Busy`].
    pub async fn scale(&self, service: &str, replicas: u32) -> Result<(), Error> {
        self.order(service, Order::Scale(replicas)).await
    }

    /// Starts (or ends) an extra replica of what is wanted now, which no ordinary request reaches. Resolves once it has
    /// begun.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for a service with a fixed port; [`Error::Busy`].
    pub async fn sandbox(&self, service: &str, wanted: bool) -> Result<(), Error> {
        self.order(service, Order::Sandbox(wanted)).await
    }

    /// By what each limit is enforced on this machine, one line each.
    pub fn capabilities(&self) -> Vec<String> {
        self.0.context.folder.capabilities().words()
    }

    /// Ends everything: what others depend on after those that depend on it. Takes as long as the services' drain and
    /// grace allow.
    pub async fn shutdown(&self) {
        *self.0.changing.lock().await = true;
        let mut left = std::mem::take(&mut *self.0.services());
        let needs = left.iter().map(|(name, entry)| (name.clone(), entry.needs.clone())).collect();
        for level in settings::levels(&needs).into_iter().rev() {
            let entries: Vec<Entry> = level.iter().filter_map(|name| left.remove(name)).collect();
            entries.iter().for_each(|entry| entry.orders.end());
            for entry in entries {
                entry.task.ended().await;
            }
        }
        for task in self.0.take_ending() {
            task.ended().await;
        }
    }

    /// Lets go of everything: processes that are kept go on, for the next Seaworthy to take over. Endpoints are left as
    /// they are.
    pub async fn leave(&self) {
        *self.0.changing.lock().await = true;
        let left = std::mem::take(&mut *self.0.services());
        for entry in left.values() {
            entry.orders.leave();
        }
        for entry in left.into_values() {
            entry.task.ended().await;
        }
        drop(self.0.take_ending());
    }

    async fn order(&self, service: &str, order: Order) -> Result<(), Error> {
        let orders = self.0.with(service, |entry| entry.orders.clone())?;
        orders.give(service, order).await
    }
}

impl Inner {
    fn services(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retired(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fixed ports are their services' own.
    fn reserve(&self, services: &[Service]) {
        for service in services {
            if let settings::Port::Fixed(port) = service.port {
                self.context.ports.reserve(port);
            }
        }
    }

    /// Everything that is being ended.
    fn take_ending(&self) -> Vec<Running> {
        let strays = std::mem::take(&mut *self.strays.lock().unwrap_or_else(PoisonError::into_inner));
        std::mem::take(&mut *self.retired()).into_values().chain(strays).collect()
    }

    fn with<T>(&self, service: &str, look: impl FnOnce(&Entry) -> T) -> Result<T, Error> {
        self.services().get(service).map(look).ok_or_else(|| Error::NotFound(service.to_owned()))
    }

    /// Begins with a service, once its predecessor of the same name has ended.
    fn begin(&self, service: Service, adopted: Vec<adopt::Survivor>, predecessor: Option<Running>) {
        let name = service.name.clone();
        let needs = service.depends_on.clone();
        let shared = Arc::new(Shared::new(&service, &self.context.key));
        let (orders, heard) = order::channel(service);
        let task = service::Task::new(Arc::clone(&self.context), Arc::clone(&shared), heard, adopted);
        let named = name.clone();
        let task = Running::spawn(async move {
            if let Some(predecessor) = predecessor {
                predecessor.ended().await;
            }
            if AssertUnwindSafe(task.run()).catch_unwind().await.is_err() {
                let service = named.as_str();
                tracing::error!(
                    service,
                    "its supervisor broke; replicas go on unwatched until seaworthy is restarted"
                );
            }
        });
        self.services().insert(name, Entry { shared, orders, needs, task });
    }

    /// Takes over new settings of a service, or begins with it.
    fn renew(&self, service: Service) {
        if let Some(entry) = self.services().get_mut(&service.name) {
            entry.needs.clone_from(&service.depends_on);
            entry.orders.renew(service);
            return;
        }
        let predecessor = self.retired().remove(&service.name);
        self.begin(service, Vec::new(), predecessor);
    }

    /// Ends a service that is wanted no more.
    fn retire(&self, name: &str) {
        let Some(entry) = self.services().remove(name) else { return };
        entry.orders.end();
        let mut retired = self.retired();
        retired.retain(|_, task| !task.is_finished());
        retired.insert(name.to_owned(), entry.task);
    }
}

fn check(services: &[Service]) -> Result<(), Error> {
    let found = settings::validate_all(services);
    if found.is_empty() { Ok(()) } else { Err(Error::Settings(found)) }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.0.services().keys().cloned().collect();
        f.debug_struct("Fleet").field("services", &names).finish_non_exhaustive()
    }
}
