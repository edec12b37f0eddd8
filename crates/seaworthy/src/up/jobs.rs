//! Jobs beside the gateway: on a thread of their own, so that neither waits for the other. The store may be away at any
//! time, the start included: it is tried again, and traffic flows.

mod identities;
mod member;
mod telling;

use std::time::Duration;

use seaworthy_alerts::Alerts;
use seaworthy_api::{IdentityDoor, IdentityState, JobsDoor, JobsState, OpenJobs};
use seaworthy_jobs::schedule::Definition;
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::traces::Tracer;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Jobs;
use member::Member;

/// Between two tries to open the store, at first and at the most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Orders that may wait: a reload, a stop.
const ORDERS: usize = 8;

/// The thread that takes part in jobs, where the configuration says so.
pub(super) struct JobsThread {
    registry: Registry,
    tracer: Tracer,
    state: watch::Sender<JobsState>,
    identity: watch::Sender<IdentityState>,
    declared: watch::Sender<Vec<Definition>>,
    /// Who uses the store for messages.
    alerts: Option<Alerts>,
    orders: Option<mpsc::Sender<Order>>,
}

enum Order {
    Change(Box<Jobs>),
    Stop(oneshot::Sender<()>),
}

impl JobsThread {
    pub(super) fn new(registry: &Registry, tracer: &Tracer, alerts: Option<Alerts>) -> Self {
        let (state, declared) = (watch::Sender::new(JobsState::Off), watch::Sender::new(Vec::new()));
        let identity = watch::Sender::new(IdentityState::Off);
        let (registry, tracer) = (registry.clone(), tracer.clone());
        Self { registry, tracer, state, identity, declared, alerts, orders: None }
    }

    /// The way to identities, which are in the same store.
    pub(super) fn identities(&self) -> IdentityDoor {
        IdentityDoor::new(self.identity.subscribe())
    }

    /// What the API goes through.
    pub(super) fn door(&self) -> JobsDoor {
        JobsDoor::new(self.state.subscribe(), self.declared.subscribe())
    }

    /// Follows the configuration: at the start, and at every reload.
    pub(super) fn apply(&mut self, wanted: Option<&Jobs>) {
        self.declared.send_replace(wanted.map(|jobs| jobs.schedules.clone()).unwrap_or_default());
        let sent = match (&self.orders, wanted) {
            (Some(orders), Some(jobs)) => orders.try_send(Order::Change(Box::new(jobs.clone()))).is_ok(),
            (None, Some(jobs)) => self.begin(jobs.clone()),
            // switched off at the next start: the reload has said so
            (_, None) => true,
        };
        if !sent {
            tracing::error!("jobs cannot follow the new configuration; restart to apply it");
        }
    }

    fn begin(&mut self, jobs: Jobs) -> bool {
        let (sender, orders) = mpsc::channel(ORDERS);
        let (state, registry, tracer) = (self.state.clone(), self.registry.clone(), self.tracer.clone());
        let (identity, alerts) = (self.identity.clone(), self.alerts.clone());
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return tracing::error!(%error, "jobs cannot run"),
            };
            runtime.block_on(live(jobs, orders, (&state, &identity), alerts, registry, tracer));
            runtime.shutdown_background();
        };
        match std::thread::Builder::new().name("jobs".to_owned()).spawn(run) {
            Ok(_) => {
                self.orders = Some(sender);
                true
            }
            Err(error) => {
                tracing::error!(%error, "jobs cannot run");
                false
            }
        }
    }

    /// What ends its part in jobs. Nothing changes until it is asked to.
    pub(super) fn ending(&mut self) -> Ending {
        Ending { orders: self.orders.take() }
    }
}

/// Ends this process's part in jobs.
pub(super) struct Ending {
    orders: Option<mpsc::Sender<Order>>,
}

impl Ending {
    /// Takes no more jobs and lets those under way finish, as long as the configuration allows. What comes back resolves
    /// when that is done.
    pub(super) fn stop(self) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        if let Some(orders) = self.orders {
            // a full channel loses the receiver's sender: the wait ends at once
            let _ = orders.try_send(Order::Stop(done));
        }
        wait
    }
}

async fn live(
    mut wanted: Jobs,
    mut orders: mpsc::Receiver<Order>,
    (state, identity): (&watch::Sender<JobsState>, &watch::Sender<IdentityState>),
    alerts: Option<Alerts>,
    registry: Registry,
    tracer: Tracer,
) {
    identity.send_replace(IdentityState::Opening("the store is being opened".to_owned()));
    let stopped = match open(&mut wanted, &mut orders, state).await {
        Ok((jobs, open)) => {
            let people =
                tokio::spawn(identities::keep(jobs.store().clone(), wanted.clone(), identity.clone()));
            let (stop, stopping) = oneshot::channel();
            let telling = alerts.map(|alerts| {
                let name = wanted.name.clone();
                tokio::spawn(telling::keep(jobs.clone(), alerts, name, registry.clone(), stopping))
            });
            let mut member = Member::new(jobs, wanted, registry, tracer);
            state.send_replace(JobsState::Open(open));
            let stopped = take_part(&mut member, &mut orders).await;
            let _ = stop.send(());
            if let Some(telling) = telling {
                let _ = telling.await;
            }
            // the audit log is ended while there is a store to end it in
            people.abort();
            identities::close(identity).await;
            member.stop().await;
            stopped
        }
        Err(stopped) => stopped,
    };
    state.send_replace(JobsState::Off);
    if let Some(stopped) = stopped {
        let _ = stopped.send(());
    }
}

type Stopped = Option<oneshot::Sender<()>>;

/// Opens the store, however long it takes; ends early where told to stop.
async fn open(
    wanted: &mut Jobs,
    orders: &mut mpsc::Receiver<Order>,
    state: &watch::Sender<JobsState>,
) -> Result<(seaworthy_jobs::Jobs, OpenJobs), Stopped> {
    let mut pause = FIRST_PAUSE;
    state.send_replace(JobsState::Opening("the store is being opened".to_owned()));
    loop {
        let opened = async {
            let store = seaworthy_store::Store::open(&wanted.url, wanted.store.clone()).await?;
            let jobs = seaworthy_jobs::Jobs::open(store, wanted.settings.clone()).await?;
            Ok::<_, seaworthy_jobs::Error>((jobs.clone(), OpenJobs::new(jobs).await?))
        };
        let error = match opened.await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        tracing::error!(%error, retry_in = ?pause, "the store cannot be opened; jobs wait, traffic does not");
        state.send_replace(JobsState::Opening(error.to_string()));
        let again = tokio::time::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = again => {}
            order = orders.recv() => match order {
                Some(Order::Change(changed)) => *wanted = *changed,
                Some(Order::Stop(stopped)) => return Err(Some(stopped)),
                None => return Err(None),
            },
        }
    }
}

async fn take_part(member: &mut Member, orders: &mut mpsc::Receiver<Order>) -> Stopped {
    let mut pause = FIRST_PAUSE;
    loop {
        let again = match member.follow().await {
            Ok(()) => {
                pause = FIRST_PAUSE;
                None
            }
            Err(error) => {
                tracing::error!(%error, retry_in = ?pause, "jobs cannot follow the configuration yet");
                pause = (pause * 2).min(LONGEST_PAUSE);
                Some(pause)
            }
        };
        let wait = async {
            match again {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            order = orders.recv() => match order {
                Some(Order::Change(changed)) => member.change(*changed),
                Some(Order::Stop(stopped)) => return Some(stopped),
                None => return None,
            },
        }
    }
}
