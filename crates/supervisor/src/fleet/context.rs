//! What all services share, and what a service shows to the outside.

use super::ports::Ports;
use crate::events::{Event, Reason, Ring};
use crate::logs;
use crate::metrics::Metrics;
use crate::rollout;
use crate::settings::Service;
use crate::status::{Health, ServiceStatus};
use crate::traffic::Traffic;
use aws_lc_rs::hmac;
use seaworthy_process::Folder;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::watch;

/// What all services share.
pub(crate) struct Context {
    pub(super) folder: Folder,
    pub(super) traffic: Arc<dyn Traffic>,
    pub(super) metrics: Metrics,
    pub(super) ports: Arc<Ports>,
    /// Whether a predecessor still sends requests to replicas.
    pub(super) held: watch::Receiver<bool>,
    /// What digests of settings are made with: they are shown, and settings hold secrets.
    pub(super) key: hmac::Key,
    /// The services of which a replica is ready.
    pub(super) ready: watch::Sender<BTreeSet<Arc<str>>>,
    /// What every service shows.
    shown: Mutex<Vec<watch::Receiver<Arc<ServiceStatus>>>>,
}

impl Context {
    pub(super) fn new(
        folder: Folder,
        traffic: Arc<dyn Traffic>,
        metrics: Metrics,
        held: watch::Receiver<bool>,
    ) -> Self {
        Self {
            held,
            key: hmac::Key::new(hmac::HMAC_SHA256, folder.secret()),
            folder,
            traffic,
            metrics,
            ports: Arc::default(),
            ready: watch::Sender::default(),
            shown: Mutex::default(),
        }
    }

    /// How all services are that have not ended.
    pub(crate) fn statuses(&self) -> Vec<Arc<ServiceStatus>> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.retain(|status| status.has_changed().is_ok());
        shown.iter().map(|status| Arc::clone(&status.borrow())).collect()
    }

    pub(super) fn show(&self, status: watch::Receiver<Arc<ServiceStatus>>) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).push(status);
    }

    /// Notes whether a replica of a service is ready.
    pub(super) fn note_ready(&self, service: &Arc<str>, ready: bool) {
        self.ready.send_if_modified(|services| match ready {
            true => services.insert(Arc::clone(service)),
            false => services.remove(service),
        });
    }
}

/// What a service shows to the outside.
pub(super) struct Shared {
    pub(super) name: Arc<str>,
    status: watch::Sender<Arc<ServiceStatus>>,
    events: Mutex<Ring>,
    pub(super) logs: logs::Ring,
}

impl Shared {
    pub(super) fn new(service: &Service, key: &hmac::Key) -> Self {
        let name: Arc<str> = service.name.as_str().into();
        let status = ServiceStatus {
            name: Arc::clone(&name),
            health: Health::Progressing,
            reason: None,
            stopped: false,
            replicas: service.replicas,
            ready: 0,
            updated: 0,
            template: service.template_digest(key),
            rollout: rollout::Status::Progressing,
            autoscale: None,
            instances: Vec::new(),
            sandbox: None,
        };
        let status = watch::Sender::new(Arc::new(status));
        Self { name, status, events: Mutex::default(), logs: logs::Ring::new() }
    }

    pub(super) fn status(&self) -> Arc<ServiceStatus> {
        Arc::clone(&self.status.borrow())
    }

    pub(super) fn watch(&self) -> watch::Receiver<Arc<ServiceStatus>> {
        self.status.subscribe()
    }

    pub(super) fn show(&self, status: ServiceStatus) {
        self.status.send_if_modified(|shown| {
            let news = **shown != status;
            if news {
                *shown = Arc::new(status);
            }
            news
        });
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).list()
    }

    /// Notes what happened, and logs it.
    pub(super) fn note(&self, reason: Reason, replica: Option<&Arc<str>>, message: &str) {
        let service = &*self.name;
        let shown = replica.map(|replica| &**replica);
        match reason.severity() {
            crate::events::Severity::Normal => {
                tracing::info!(service, replica = shown, %reason, "{message}");
            }
            crate::events::Severity::Warning => {
                tracing::warn!(service, replica = shown, %reason, "{message}");
            }
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.note(SystemTime::now(), reason, replica.cloned(), message);
    }
}
