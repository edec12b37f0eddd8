//! Services that are run here, on a thread of their own: a replica that floods its output, or many probes, must not make
//! the control listener slow.

mod traffic;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seaworthy_api::FleetDoor;
use seaworthy_gateway::Gateway;
use seaworthy_process::{Folder, KeeperCommand, Process};
use seaworthy_supervisor::fleet::{Fleet, Parts};
use seaworthy_supervisor::settings::Service;
use seaworthy_supervisor::status::ServiceStatus;
use seaworthy_telemetry::metrics::Registry;
use tokio::sync::{mpsc, oneshot, watch};

use super::Error;
use traffic::GatewayTraffic;

/// The hidden subcommand that a keeper is.
pub(crate) const KEEPER: &str = "keeper";
/// Orders that may wait: a reload, a stop.
const ORDERS: usize = 8;
/// How long another process may take to let go of the folder: one that was killed takes none.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long replicas of an earlier life are waited for.
const BACK: Duration = Duration::from_secs(5);
/// How long the start waits for all that.
const START: Duration = Duration::from_secs(20);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// The thread that runs services, where the configuration says so.
pub(super) struct Services {
    registry: Registry,
    gateway: Arc<Gateway>,
    folder: PathBuf,
    fleet: watch::Sender<Option<Fleet>>,
    wanted: watch::Sender<Vec<Service>>,
    /// Whether a predecessor still sends requests to replicas.
    held: watch::Sender<bool>,
    orders: Option<mpsc::Sender<Order>>,
}

enum Order {
    /// Other services are wanted now.
    Change,
    /// Let go of them for a successor.
    Leave(oneshot::Sender<()>),
    /// The successor did not come: take them back.
    Return,
    /// Take those that the successor did not take, to end them.
    Claim(oneshot::Sender<()>),
    /// End them.
    Stop(oneshot::Sender<()>),
}

impl Services {
    /// `held`: a predecessor still sends requests to replicas.
    pub(super) fn new(registry: &Registry, gateway: &Arc<Gateway>, folder: &Path, held: bool) -> Self {
        Self {
            registry: registry.clone(),
            gateway: Arc::clone(gateway),
            folder: folder.to_owned(),
            fleet: watch::Sender::new(None),
            wanted: watch::Sender::new(Vec::new()),
            held: watch::Sender::new(held),
            orders: None,
        }
    }

    /// To be called when the predecessor has gone.
    pub(super) fn release(&self) -> impl FnOnce() + Send + 'static {
        let held = self.held.clone();
        move || {
            held.send_replace(false);
        }
    }

    /// What the API goes through.
    pub(super) fn door(&self) -> FleetDoor {
        FleetDoor::new(self.fleet.subscribe())
    }

    /// Starts what the configuration wants, at the start of the process. Where nothing is to be run, and nothing is left of
    /// an earlier life, nothing is started.
    pub(super) async fn start(&mut self, wanted: &[Service]) -> Result<(), Error> {
        if wanted.is_empty() && !self.has_survivors() {
            return Ok(());
        }
        let (opened, done) = oneshot::channel();
        self.begin(wanted.to_vec(), opened)?;
        match tokio::time::timeout(START, done).await {
            Ok(Ok(opened)) => opened.map_err(Error::Services),
            Ok(Err(_)) => Err(Error::Services("the thread that runs services ended".to_owned())),
            // traffic to others must not wait for it
            Err(_) => {
                tracing::warn!("the services that are run here are not open yet; going on");
                Ok(())
            }
        }
    }

    /// Whether replicas of an earlier life may be there, of services that are not wanted any more.
    fn has_survivors(&self) -> bool {
        std::fs::read_dir(self.folder.join("replicas")).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Follows a new configuration.
    pub(super) fn apply(&mut self, wanted: &[Service]) {
        let sent = match &self.orders {
            Some(orders) => {
                self.wanted.send_replace(wanted.to_vec());
                // a full channel: an order is on its way that will see it
                !matches!(orders.try_send(Order::Change), Err(mpsc::error::TrySendError::Closed(_)))
            }
            None if wanted.is_empty() => true,
            None => self.begin(wanted.to_vec(), oneshot::channel().0).is_ok(),
        };
        if !sent {
            tracing::error!("services cannot follow the new configuration; restart to apply it");
        }
    }

    fn begin(
        &mut self,
        wanted: Vec<Service>,
        opened: oneshot::Sender<Result<(), String>>,
    ) -> Result<(), Error> {
        let (sender, orders) = mpsc::channel(ORDERS);
        let (registry, folder, fleet) = (self.registry.clone(), self.folder.clone(), self.fleet.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Error::Runtime)?;
        let traffic = Arc::new(GatewayTraffic::new(Arc::clone(&self.gateway)));
        self.wanted.send_replace(wanted);
        let (wanted, held) = (self.wanted.subscribe(), self.held.subscribe());
        let run = move || {
            let thread = Thread { folder, traffic, registry, door: fleet, wanted, held };
            runtime.block_on(thread.live(orders, opened));
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("services".to_owned()).spawn(run).map_err(Error::Runtime)?;
        self.orders = Some(sender);
        Ok(())
    }

    /// Lets go of all replicas, which go on: a successor takes them over.
    pub(super) async fn leave(&self) {
        let (done, left) = oneshot::channel();
        let Some(orders) = &self.orders else { return };
        if orders.send(Order::Leave(done)).await.is_ok() {
            let _ = left.await;
        }
    }

    /// Takes them back: the successor did not come.
    pub(super) async fn take_back(&self) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(Order::Return).await;
        }
    }

    /// Takes back what a successor with another folder left, with nothing wanted any more: it is ended.
    pub(super) async fn claim(&self) {
        let (done, claimed) = oneshot::channel();
        let Some(orders) = &self.orders else { return };
        if orders.send(Order::Claim(done)).await.is_ok() {
            let _ = claimed.await;
        }
    }

    /// Ends all replicas, each service within its grace. What comes back resolves when that is done.
    pub(super) fn stop(&mut self) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        if let Some(orders) = self.orders.take() {
            // waits for room: an order that is lost would leave replicas behind
            tokio::spawn(async move { orders.send(Order::Stop(done)).await });
        }
        wait
    }
}

struct Thread {
    folder: PathBuf,
    traffic: Arc<GatewayTraffic>,
    registry: Registry,
    door: watch::Sender<Option<Fleet>>,
    wanted: watch::Receiver<Vec<Service>>,
    held: watch::Receiver<bool>,
}

impl Thread {
    async fn live(self, mut orders: mpsc::Receiver<Order>, opened: oneshot::Sender<Result<(), String>>) {
        let mut fleet = match self.open().await {
            Ok(fleet) => {
                let _ = opened.send(Ok(()));
                Some(fleet)
            }
            Err(error) => {
                if let Err(Err(error)) = opened.send(Err(error)) {
                    // nobody waits for it any more: this was a reload, or took too long
                    tracing::error!(error, "services cannot be run; the next reload tries again");
                }
                None
            }
        };
        while let Some(order) = orders.recv().await {
            match order {
                Order::Change | Order::Return => self.change(&mut fleet).await,
                Order::Claim(done) => {
                    if fleet.is_none() {
                        fleet = self.claim().await;
                    }
                    let _ = done.send(());
                }
                Order::Leave(done) => {
                    self.door.send_replace(None);
                    if let Some(fleet) = fleet.take() {
                        fleet.leave().await;
                    }
                    let _ = done.send(());
                }
                Order::Stop(done) => {
                    if let Some(fleet) = fleet.take() {
                        fleet.shutdown().await;
                    }
                    self.door.send_replace(None);
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    fn wanted(&self) -> Vec<Service> {
        self.wanted.borrow().clone()
    }

    async fn change(&self, fleet: &mut Option<Fleet>) {
        let changed = match fleet {
            Some(fleet) => fleet.apply(self.wanted()).await.map_err(|error| error.to_string()),
            None => self.open().await.map(|opened| *fleet = Some(opened)),
        };
        if let Err(error) = changed {
            tracing::error!(
                error,
                "the new configuration of services cannot be followed; the next reload tries again"
            );
        }
    }

    async fn open(&self) -> Result<Fleet, String> {
        let (folder, survivors) = self.folder().await?;
        for line in folder.capabilities().words() {
            tracing::info!("{line}");
        }
        let parts = Parts {
            folder,
            survivors,
            traffic: Arc::clone(&self.traffic) as Arc<_>,
            registry: self.registry.clone(),
        };
        let again = !parts.survivors.is_empty();
        let fleet = Fleet::open_held(parts, self.wanted(), self.held.clone());
        let fleet = fleet.map_err(|error| error.to_string())?;
        if again {
            self.are_back(&fleet).await;
        }
        self.door.send_replace(Some(fleet.clone()));
        Ok(fleet)
    }

    async fn claim(&self) -> Option<Fleet> {
        let opened = Folder::open(&self.folder, KeeperCommand::this_program([KEEPER])).await;
        let (folder, survivors) = opened.ok().filter(|(_, survivors)| !survivors.is_empty())?;
        tracing::warn!("the successor has another folder: the replicas of this one are ended");
        let (traffic, registry) = (Arc::clone(&self.traffic) as Arc<_>, self.registry.clone());
        Fleet::open(Parts { folder, survivors, traffic, registry }, Vec::new()).ok()
    }

    /// Waits for those services that replicas are left of to take traffic again, for a moment.
    async fn are_back(&self, fleet: &Fleet) {
        let back = async {
            for service in self.wanted().iter().filter(|service| service.replicas > 0) {
                let Ok(mut status) = fleet.watch(&service.name) else { continue };
                let back = |status: &Arc<ServiceStatus>| {
                    let instances = &status.instances;
                    let adopted = instances.iter().any(|replica| replica.adopted);
                    // none yet: nobody has looked
                    status.ready > 0 || (!adopted && !instances.is_empty())
                };
                // an error: the service is gone
                let _ = status.wait_for(back).await;
                while !self.traffic.knows(&service.name, status.borrow().ready) {
                    tokio::time::sleep(LOOK).await;
                }
            }
        };
        if tokio::time::timeout(BACK, back).await.is_err() {
            tracing::warn!("replicas of an earlier life are not ready; going on without them");
        }
    }

    /// Opens the folder. A predecessor that is on its way out is waited for.
    async fn folder(&self) -> Result<(Folder, Vec<Process>), String> {
        let opened = Folder::open_within(&self.folder, KeeperCommand::this_program([KEEPER]), PATIENCE).await;
        let (folder, survivors) = opened.map_err(|error| error.to_string())?;
        for problem in folder.problems() {
            tracing::warn!(problem, "something in the folder of running services makes no sense");
        }
        Ok((folder, survivors))
    }
}
