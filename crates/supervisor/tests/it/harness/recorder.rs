//! A gateway that only takes note.

use super::{PATIENCE, eventually};
use futures_util::future::BoxFuture;
use seaworthy_supervisor::traffic::{Endpoint, Load, Traffic};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::watch;

pub(crate) struct Recorder {
    known: Mutex<Known>,
    /// Whether requests are in flight wherever somebody asks.
    busy: watch::Sender<bool>,
}

#[derive(Default)]
struct Known {
    /// Everything that was ever published, in order.
    history: HashMap<String, Vec<Vec<Endpoint>>>,
    sandboxes: HashMap<String, Option<Endpoint>>,
    load: HashMap<String, Load>,
    drained: Vec<SocketAddr>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { known: Mutex::default(), busy: watch::Sender::new(false) }
    }
}

impl Recorder {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no panic")
    }

    /// The endpoints now, by name.
    pub(crate) fn now(&self, service: &str) -> Vec<String> {
        let known = self.known();
        let last = known.history.get(service).and_then(|history| history.last()).cloned().unwrap_or_default();
        last.into_iter().map(|endpoint| endpoint.replica.to_string()).collect()
    }

    pub(crate) fn addresses(&self, service: &str) -> Vec<SocketAddr> {
        let known = self.known();
        let last = known.history.get(service).and_then(|history| history.last()).cloned().unwrap_or_default();
        last.into_iter().map(|endpoint| endpoint.addr).collect()
    }

    /// Everything that was published, in order.
    pub(crate) fn history(&self, service: &str) -> Vec<Vec<Endpoint>> {
        self.known().history.get(service).cloned().unwrap_or_default()
    }

    pub(crate) fn sandbox(&self, service: &str) -> Option<Endpoint> {
        self.known().sandboxes.get(service).cloned().flatten()
    }

    pub(crate) fn set_load(&self, service: &str, load: Load) {
        self.known().load.insert(service.to_owned(), load);
    }

    /// From now on requests are in flight, or no more.
    pub(crate) fn busy(&self, busy: bool) {
        self.busy.send_replace(busy);
    }

    /// Where somebody asked whether requests are in flight.
    pub(crate) fn asked(&self) -> Vec<SocketAddr> {
        self.known().drained.clone()
    }

    pub(crate) async fn until(&self, service: &str, names: &[&str]) {
        let what = format!("{service} at {names:?} within {PATIENCE:?}");
        eventually(&what, || self.now(service) == names).await;
    }
}

impl Traffic for Recorder {
    fn set_endpoints(&self, service: &str, endpoints: Vec<Endpoint>) -> BoxFuture<'static, ()> {
        self.known().history.entry(service.to_owned()).or_default().push(endpoints);
        Box::pin(std::future::ready(()))
    }

    fn set_sandbox(&self, service: &str, sandbox: Option<Endpoint>) -> BoxFuture<'static, ()> {
        self.known().sandboxes.insert(service.to_owned(), sandbox);
        Box::pin(std::future::ready(()))
    }

    fn drained(&self, _service: &str, addr: SocketAddr) -> BoxFuture<'static, ()> {
        self.known().drained.push(addr);
        let mut busy = self.busy.subscribe();
        Box::pin(async move {
            let _ = busy.wait_for(|busy| !*busy).await;
        })
    }

    fn load(&self, service: &str) -> Load {
        self.known().load.get(service).cloned().unwrap_or_default()
    }
}
