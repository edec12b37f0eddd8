//! A fleet whose processes do not outlive their test.

mod recorder;

pub(crate) use recorder::Recorder;

use seaworthy_process::{Folder, KeeperCommand, Process};
use seaworthy_supervisor::events::{Event, Reason};
use seaworthy_supervisor::fleet::{Fleet, Parts};
use seaworthy_supervisor::settings::{Backoff, Command, Probe, ProbeKind, Probes, Service};
use seaworthy_supervisor::status::{Health, ReplicaStatus, ServiceStatus};
use seaworthy_telemetry::metrics::Registry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longer than anything takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Short, for what is repeated until it succeeds.
pub(crate) const BEAT: Duration = Duration::from_millis(20);

pub(crate) struct Bed {
    path: PathBuf,
    pub(crate) traffic: Arc<Recorder>,
    pub(crate) registry: Registry,
}

impl Bed {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("supervisor-it-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("folder");
        Self { path, traffic: Arc::default(), registry: Registry::new() }
    }

    /// Where the processes of this bed live.
    pub(crate) fn run(&self) -> PathBuf {
        self.path.join("run")
    }

    async fn open(&self) -> (Folder, Vec<Process>) {
        let program = env!("CARGO_BIN_EXE_seaworthy-supervisor-fixture").into();
        let keeper = KeeperCommand { program, arguments: vec!["keeper".into()] };
        Folder::open_within(self.path.join("run"), keeper, PATIENCE).await.expect("the folder opens")
    }

    /// Drops a fleet, and waits until nothing of it looks after the processes any more.
    pub(crate) async fn desert(&self, fleet: Fleet) {
        drop(fleet);
        drop(self.open().await);
    }

    /// The fleet of this bed; an earlier one must have been dropped, shut down or left.
    pub(crate) async fn fleet(&self, services: Vec<Service>) -> Fleet {
        let (folder, survivors) = self.open().await;
        let traffic = Arc::clone(&self.traffic);
        let parts = Parts { folder, survivors, traffic, registry: self.registry.clone() };
        Fleet::open(parts, services).expect("settings that can be meant")
    }

    /// Where the services of this bed look for their switches.
    pub(crate) fn switch(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn set(&self, name: &str) {
        fs::write(self.switch(name), "").expect("a file");
    }

    pub(crate) fn clear(&self, name: &str) {
        fs::remove_file(self.switch(name)).expect("a file");
    }

    /// A server as in `tests/programs/server.py`, started quickly when it ends and asked often.
    pub(crate) fn server(&self, name: &str) -> Service {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/server.py");
        let argv =
            [python(), "-u", &script.display().to_string(), &self.path.display().to_string(), "{port}"];
        let mut service = Service::new(name, Command::Argv(argv.map(str::to_owned).into()));
        service.env.insert("NAME".into(), seaworthy_core::Secret::new(name.to_owned()));
        service.probes.readiness = Some(quick(http("/ready")));
        service.restart.backoff = quickly();
        service
    }

    /// Numbers of the processes that belong to this bed: keepers and what they keep.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let run = self.path.join("run");
        let tag = fs::read_to_string(run.join("tag")).unwrap_or_else(|_| "none".to_owned());
        let marker = format!("SEAWORTHY_REPLICA={tag}/");
        let ours = |pid: &u32| {
            let home = fs::read_link(format!("/proc/{pid}/cwd"));
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            home.is_ok_and(|cwd| cwd.starts_with(run.join("replicas")))
                || environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(marker.as_bytes()))
        };
        let numbers = fs::read_dir("/proc")
            .expect("/proc")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers.filter(ours).collect()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for _ in 0..1_000 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            left.into_iter().for_each(|pid| signal(pid, "KILL"));
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The interpreter itself, not a script that looks for it.
pub(crate) fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let asked =
            std::process::Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        String::from_utf8(asked.expect("python3").stdout).expect("a path").trim().to_owned()
    })
}

/// A service that is a line for the shell, ready as soon as it runs.
pub(crate) fn sh(name: &str, line: &str) -> Service {
    let mut service = Service::new(name, Command::Shell(line.to_owned()));
    service.probes = Probes::none();
    service.restart.backoff = quickly();
    service
}

pub(crate) fn quickly() -> Backoff {
    let (initial, max) = (Duration::from_millis(10), Duration::from_millis(80));
    Backoff { initial, max, reset_after: Duration::from_secs(600) }
}

pub(crate) fn http(path: &str) -> ProbeKind {
    ProbeKind::Http { path: path.to_owned(), headers: Vec::new() }
}

/// Asked often, with all the time in the world to answer.
pub(crate) fn quick(kind: ProbeKind) -> Probe {
    Probe { period: BEAT, timeout: Duration::from_secs(30), failure_threshold: 2, ..Probe::new(kind) }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let _ = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).output();
}

pub(crate) fn runs(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} takes for ever"))
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Waits until a service is in some state, and gives it.
pub(crate) async fn until(
    fleet: &Fleet,
    service: &str,
    what: &str,
    mut is: impl FnMut(&ServiceStatus) -> bool,
) -> ServiceStatus {
    let mut watch = fleet.watch(service).expect("the service");
    let found = tokio::time::timeout(PATIENCE, watch.wait_for(|status| is(status))).await;
    match found {
        Ok(Ok(status)) => ServiceStatus::clone(&status),
        Ok(Err(_)) => panic!("{service} ended before {what}"),
        Err(_) => panic!("{what} takes for ever: {:#?} {:#?}", fleet.show(service), fleet.events(service)),
    }
}

/// Waits until as many replicas are ready as are wanted, and nothing is being replaced.
pub(crate) async fn available(fleet: &Fleet, service: &str) -> ServiceStatus {
    until(fleet, service, "being available", |status| {
        status.health == Health::Available && status.instances.len() == status.replicas as usize
    })
    .await
}

pub(crate) async fn stopped(fleet: &Fleet, service: &str) -> ServiceStatus {
    until(fleet, service, "being stopped", |status| status.health == Health::Stopped).await
}

pub(crate) fn pids(status: &ServiceStatus) -> Vec<u32> {
    status.instances.iter().filter_map(|replica| replica.pid).collect()
}

pub(crate) fn replica<'a>(status: &'a ServiceStatus, name: &str) -> &'a ReplicaStatus {
    status
        .instances
        .iter()
        .find(|replica| &*replica.name == name)
        .unwrap_or_else(|| panic!("{name}: {status:#?}"))
}

pub(crate) fn events(fleet: &Fleet, service: &str, reason: Reason) -> Vec<Event> {
    let mut events = fleet.events(service).expect("the service");
    events.retain(|event| event.reason == reason);
    events
}
