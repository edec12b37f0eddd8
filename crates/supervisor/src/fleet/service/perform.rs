//! What the state machines say is done here.

use super::Task;
use crate::events::Reason;
use crate::fleet::labels::Labels;
use crate::fleet::ports::Lease;
use crate::fleet::run::{End, Key, News};
use crate::launch;
use crate::probe;
use crate::replica::{Action, Input, Which};
use crate::settings::Port;
use std::net::TcpListener;
use tokio::time::Instant;

impl Task {
    /// Gives a replica an input and does what it says.
    pub(super) fn step(&mut self, key: Key, now: Instant, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let Some(instance) = self.instance(key) else { return };
            for action in instance.step(now, input) {
                inputs.extend(self.perform(key, action));
            }
        }
    }

    /// Does it; what fails at once comes back as an input.
    fn perform(&mut self, key: Key, action: Action) -> Option<Input> {
        match action {
            Action::Launch { run } => return self.launch(key, run),
            Action::Probe { run, which } => self.probe(key, run, which),
            Action::Drain { run } => {
                if let Some(addr) = self.instance(key)?.addr() {
                    self.drains.push((key, run, addr));
                }
            }
            Action::Terminate => {
                let handle = self.instance(key)?.live.clone()?.handle;
                self.chores.spawn(async move {
                    // one that has ended says so itself
                    let _ = handle.stop().await;
                });
            }
            Action::Kill => {
                let handle = self.instance(key)?.live.clone()?.handle;
                self.chores.spawn(async move {
                    let _ = handle.kill().await;
                });
            }
            Action::Unhealthy { which, why } => {
                self.context.metrics.probe_failed(&self.shared.name, which);
                self.note(key, Reason::Unhealthy, &format!("{} probe failed: {why}", which.as_str()));
            }
            Action::Note(reason, message) => self.note(key, reason, &message),
        }
        None
    }

    fn note(&mut self, key: Key, reason: Reason, message: &str) {
        let Some(instance) = self.instance(key) else { return };
        let name = instance.name.clone();
        self.shared.note(reason, Some(&name), message);
    }

    fn launch(&mut self, key: Key, run: u64) -> Option<Input> {
        let instance = self.instance(key)?;
        // that of its last run: a fixed port is its own again
        instance.lease = None;
        let port = instance.replica.service().port;
        let place = self.place(port);
        let instance = self.instance(key)?;
        if run > 1
            && let Some(reason) = instance.replica.last_ending().map(|ending| ending.reason)
        {
            self.context.metrics.restarted(&self.shared.name, reason);
        }
        let instance = self.instance(key)?;
        let (lease, socket) = match place {
            Ok(place) => place,
            Err(words) => return Some(Input::Exited { run, ending: End::unborn(words).ending }),
        };
        let labels = Labels {
            service: instance.replica.service().name.clone(),
            revision: instance.revision.clone(),
            port: lease.port(),
            place: instance.place,
        };
        let id = format!("{}-{:05x}", instance.name, fastrand::u32(..1 << 20));
        let launch = launch::replica(instance.replica.service(), id, lease.port(), socket, labels.write());
        instance.lease = Some(lease);
        instance.adopted = false;
        let key = instance.key;
        let runner =
            self.instances().find(|instance| instance.key == key).map(|instance| self.runner(instance))?;
        self.runners.spawn(runner.start(self.context.folder.clone(), launch));
        None
    }

    /// Where a new process is to listen.
    fn place(&self, port: Port) -> Result<(Lease, Option<TcpListener>), String> {
        let ports = &self.context.ports;
        let none = |error: std::io::Error| format!("there is no free port: {error}");
        match port {
            Port::Free => ports.free().map(|lease| (lease, None)).map_err(none),
            Port::Socket => ports.listening().map(|(lease, socket)| (lease, Some(socket))).map_err(none),
            Port::Fixed(port) => {
                let lease = ports.this(port).ok_or_else(|| format!("another replica has port {port}"))?;
                // else the probes would ask whoever it is
                let taken = |error| format!("port {port} is taken: {error}");
                TcpListener::bind(lease.addr()).map_err(taken)?;
                Ok((lease, None))
            }
        }
    }

    fn probe(&mut self, key: Key, run: u64, which: Which) {
        let folder = self.context.folder.clone();
        let tell = self.tell.clone();
        let Some(instance) = self.instance(key) else { return };
        let service = instance.replica.service().clone();
        let probes = &service.probes;
        let probe = match which {
            Which::Startup => &probes.startup,
            Which::Liveness => &probes.liveness,
            Which::Readiness => &probes.readiness,
        };
        let (Some(probe), Some(addr)) = (probe.clone(), instance.addr()) else { return };
        let target = probe::Target { addr, folder, service };
        self.chores.spawn(async move {
            let result = probe::ask(&probe, &target).await;
            let _ = tell.send(News::Probed { key, run, which, result }).await;
        });
    }
}
