//! New configurations while running: all or nothing, and loudly.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use seaworthy_core::Secret;
use seaworthy_gateway::Gateway;
use seaworthy_gateway::access::Authenticator;
use tokio::sync::{mpsc, watch};

use super::Options;
use super::authority::Keeper;
use super::callers::Callers;
use super::defence::Defences;
use super::jobs::JobsThread;
use super::observe::Observer;
use super::services::Services;
use super::sockets::Sockets;
use crate::config::Compiled;
use crate::takeover::Heir;

/// Editors write a file in several steps: a reload waits until it has been quiet for this long.
const QUIET: Duration = Duration::from_millis(200);
/// … but not longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who recognises callers, of the data plane and of the control listener.
pub(super) struct Doors {
    pub(super) callers: Callers,
    pub(super) defences: Defences,
    pub(super) authority: Option<Arc<Keeper>>,
    pub(super) external: watch::Sender<Arc<[Arc<dyn Authenticator>]>>,
    pub(super) observer: Observer,
}

/// Watches the configuration and applies it.
pub(crate) struct Reloads {
    options: Options,
    gateway: Arc<Gateway>,
    sockets: Sockets,
    jobs: JobsThread,
    services: Option<Services>,
    doors: Doors,
    changes: mpsc::Receiver<()>,
    watcher: Option<notify::RecommendedWatcher>,
    watched: Vec<PathBuf>,
    /// What the watched files held when they were last looked at.
    contents: Vec<Option<Vec<u8>>>,
    fixed: Fixed,
}

/// Settings that are read once, at the start.
#[derive(Debug)]
struct Fixed {
    threads: usize,
    cache_bytes: u64,
    control: std::net::SocketAddr,
    takeover: Option<PathBuf>,
    run_folder: PathBuf,
    telemetry: String,
    guard: (Vec<String>, bool, String),
    authority: Option<(PathBuf, String)>,
    /// With the store's address, which may hold a password: never shown.
    jobs: Option<Secret<String>>,
}

impl Fixed {
    fn of(compiled: &Compiled) -> Self {
        Self {
            threads: compiled.threads,
            cache_bytes: compiled.cache_bytes,
            control: compiled.control,
            takeover: compiled.takeover.clone(),
            run_folder: compiled.run_folder.clone(),
            guard: (
                compiled.control_hosts.clone(),
                compiled.remote_changes,
                format!("{:?} {:?}", compiled.anonymous, compiled.token_file),
            ),
            authority: compiled.authority.as_ref().map(|one| (one.folder.clone(), one.domain.clone())),
            jobs: compiled.jobs.as_ref().map(|jobs| Secret::new(jobs.fixed())),
            telemetry: format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
                compiled.logs,
                compiled.access,
                compiled.traces,
                compiled.metrics_otlp,
                compiled.logs_otlp,
                compiled.history,
                compiled.stories,
                compiled.alerts.is_some()
            ),
        }
    }
}

impl Fixed {
    /// Jobs that were off may be switched on.
    fn differs(&self, other: &Self) -> bool {
        let jobs = |fixed: &Self| fixed.jobs.as_ref().map(|jobs| jobs.expose().clone());
        let same = (self.threads, self.cache_bytes, self.control)
            == (other.threads, other.cache_bytes, other.control)
            && (&self.takeover, &self.run_folder, &self.telemetry, &self.guard)
                == (&other.takeover, &other.run_folder, &other.telemetry, &other.guard);
        !same || self.authority != other.authority || (self.jobs.is_some() && jobs(self) != jobs(other))
    }
}

impl Reloads {
    pub(super) fn new(
        options: Options,
        compiled: &Compiled,
        gateway: Arc<Gateway>,
        sockets: Sockets,
        jobs: JobsThread,
        services: Services,
        doors: Doors,
    ) -> Self {
        let (sender, changes) = mpsc::channel(1);
        let notice = move |event: notify::Result<notify::Event>| {
            // any event in a watched folder: secrets are often rotated by moving a link that no file is named after
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // full means that a look is due already
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(notice)
            .inspect_err(|error| tracing::warn!(%error, "cannot watch files; reload by SIGHUP"))
            .ok();
        let mut reloads = Self {
            options,
            gateway,
            sockets,
            jobs,
            services: Some(services),
            doors,
            changes,
            watcher,
            watched: Vec::new(),
            contents: Vec::new(),
            fixed: Fixed::of(compiled),
        };
        reloads.watch(files(&reloads.options, compiled));
        reloads
    }

    /// Watches these files, by their folders: an editor may replace a file rather than write it.
    fn watch(&mut self, files: Vec<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        let (before, now) = (folders(&self.watched), folders(&files));
        for folder in before.iter().filter(|folder| !now.contains(folder)) {
            let _ = watcher.unwatch(folder);
        }
        for folder in now.iter().filter(|folder| !before.contains(folder)) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "cannot watch this folder; reload by SIGHUP");
            }
        }
        self.watched = files;
        self.contents = self.read();
    }

    /// What the watched files hold now.
    fn read(&self) -> Vec<Option<Vec<u8>>> {
        self.watched.iter().map(|file| std::fs::read(file).ok()).collect()
    }

    /// Resolves once files hold something else and have been quiet for a moment.
    pub(super) async fn file_changed(&mut self) {
        loop {
            if self.watcher.is_none() || self.changes.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            // a folder may be busy with other files and never be quiet
            let enough = tokio::time::Instant::now() + PATIENCE;
            while tokio::time::Instant::now() < enough
                && tokio::time::timeout(QUIET, self.changes.recv()).await.is_ok_and(|change| change.is_some())
            {
            }
            let contents = self.read();
            if contents != self.contents {
                self.contents = contents;
                return;
            }
        }
    }

    /// Reads the configuration anew and applies it, or says why not and changes nothing.
    pub(super) fn reload(&mut self, why: &str) {
        // what changes from here on is another change
        let (watched, contents) = (self.watched.clone(), self.read());
        let mut compiled = match self.options.load() {
            Ok(compiled) => compiled,
            Err(error) => {
                tracing::error!(why, "the new configuration was refused; the old one stays\n{error}");
                return;
            }
        };
        if self.fixed.differs(&Fixed::of(&compiled)) {
            tracing::warn!(
                "threads, cache_size, control, takeover, supervisor, telemetry, store, authority, how long jobs are kept and whether there are \
                 any take effect at the next start, not on reload"
            );
        }
        let addresses: Vec<_> = compiled.gateway.listeners.iter().map(|listener| listener.address).collect();
        let opened = match self.sockets.open(&addresses, &mut Heir::none()) {
            Ok(opened) => opened,
            Err(error) => {
                self.sockets.keep(&self.gateway.addresses());
                tracing::error!(why, %error, "the new configuration was refused; the old one stays");
                return;
            }
        };
        let files = files(&self.options, &compiled);
        if let Err(error) = self.doors.callers.dress(&mut compiled.gateway, &compiled.callers) {
            drop(opened);
            self.sockets.keep(&self.gateway.addresses());
            tracing::error!(why, error, "the new configuration was refused; the old one stays");
            return;
        }
        let unready = compiled.authority.as_ref().filter(|wanted| !wanted.services.is_empty());
        if self.doors.authority.is_none() && unready.is_some() {
            // what is to be encrypted must not go out in clear
            drop(opened);
            self.sockets.keep(&self.gateway.addresses());
            let error = "`mutual_tls` needs an [authority] that was there at the start; restart";
            tracing::error!(why, error, "the new configuration was refused; the old one stays");
            return;
        }
        if let (Some(keeper), Some(wanted)) = (&self.doors.authority, &compiled.authority) {
            keeper.apply(wanted);
            keeper.dress(&mut compiled.gateway, wanted);
        }
        self.doors.defences.dress(&mut compiled.gateway, &compiled.defences);
        match self.gateway.apply(compiled.gateway) {
            Ok(()) => {
                self.doors.external.send_replace(self.doors.callers.control(&compiled.callers));
                self.gateway.listen(opened);
                self.sockets.keep(&addresses);
                self.watch(files);
                if self.watched == watched {
                    self.contents = contents;
                }
                self.jobs.apply(compiled.jobs.as_ref());
                self.doors.observer.apply(compiled.alerts.clone());
                if let Some(services) = &mut self.services {
                    services.apply(&compiled.processes);
                }
                tracing::info!(why, "a new configuration is in force");
            }
            Err(errors) => {
                drop(opened);
                self.sockets.keep(&self.gateway.addresses());
                let problems = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                tracing::error!(why, "the new configuration was refused; the old one stays\n{problems}");
            }
        }
    }

    /// Ends what watches and tells; what comes back blocks until it is done.
    pub(super) fn stop_observing(&mut self) -> impl FnOnce() + Send + 'static {
        self.doors.observer.stop()
    }

    /// Gives away what ends the part in jobs.
    pub(super) fn take_jobs(&mut self) -> super::jobs::Ending {
        self.jobs.ending()
    }

    /// Gives the services that are run here away, to be ended.
    pub(super) fn take_services(&mut self) -> Option<Services> {
        self.services.take()
    }

    /// Lets go of the services that are run here, for a successor.
    pub(super) async fn leave_services(&self) {
        if let Some(services) = &self.services {
            services.leave().await;
        }
    }

    /// Takes them back: the successor did not come.
    pub(super) async fn take_services_back(&self) {
        if let Some(services) = &self.services {
            services.take_back().await;
        }
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}

fn files(options: &Options, compiled: &Compiled) -> Vec<PathBuf> {
    let mut files = compiled.files.clone();
    if options.upstream.is_none() {
        files.push(options.config.clone());
    }
    files
}

fn folders(files: &[PathBuf]) -> Vec<PathBuf> {
    let folder = |file: &PathBuf| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders: Vec<_> = files.iter().map(folder).collect();
    folders.sort();
    folders.dedup();
    folders
}
