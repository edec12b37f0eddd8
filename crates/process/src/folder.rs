//! A folder of keepers, and the right to talk to them.
//!
//! ```text
//! lock          held by the Seaworthy that owns the folder
//! tag           tells its control groups from those of other folders
//! secret        32 random bytes for its owner
//! aside/        what made no sense
//! replicas/ID/  the working directory of one keeper
//!   alive             locked from before the keeper's birth until its death
//!   description.json  what was asked for; no environment, no arguments
//!   keeper.json       who the keeper is
//!   program.json      who the program is
//!   socket            where the keeper listens
//!   output, exit.json how it ended, until somebody takes it
//! ```

mod adopt;
mod aside;
mod lock;
pub(crate) mod place;
mod start;
mod sweep;

use crate::capabilities::Capabilities;
use crate::cgroup::Cgroups;
use crate::error::Error;
use crate::launch::Launch;
use crate::process::Process;
use seaworthy_core::Secret;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How keepers are started: a program that calls [`keeper::main`](crate::keeper::main), and its first arguments.
#[derive(Debug, Clone)]
pub struct KeeperCommand {
    /// The program.
    pub program: PathBuf,
    /// What leads to the call; the keeper adds its own words behind.
    pub arguments: Vec<OsString>,
}

impl KeeperCommand {
    /// The program that runs now, even if its file was replaced since.
    pub fn this_program<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self { program: "/proc/self/exe".into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }
}

/// A folder of keepers that belongs to this Seaworthy: until this, its clones and all its [`Process`]es are dropped.
#[derive(Debug, Clone)]
pub struct Folder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    path: PathBuf,
    /// Held for its lock.
    _lock: File,
    keeper: KeeperCommand,
    tag: String,
    secret: Secret<[u8; 32]>,
    cgroups: Cgroups,
    problems: Mutex<Vec<String>>,
    /// Ids that a [`Process`] of this Seaworthy has.
    taken: Mutex<BTreeSet<String>>,
    /// Keepers nobody waits for any more.
    retired: Mutex<Vec<Child>>,
}

impl Folder {
    /// Takes a folder, made if it is not there, and with it whatever an earlier Seaworthy left in it: processes that
    /// still run, and processes that ended meanwhile. What was not completely started is ended.
    pub async fn open(path: impl AsRef<Path>, keeper: KeeperCommand) -> Result<(Self, Vec<Process>), Error> {
        Self::open_within(path, keeper, Duration::ZERO).await
    }

    /// [`open`](Self::open) for a successor: waits this long for the owner to leave.
    pub async fn open_within(
        path: impl AsRef<Path>,
        keeper: KeeperCommand,
        patience: Duration,
    ) -> Result<(Self, Vec<Process>), Error> {
        let path = path.as_ref().to_owned();
        let lock = lock::acquire(&path, patience).await?;
        let inner = blocking(move || Inner::new(path, lock, keeper)).await??;
        let folder = Self { inner: Arc::new(inner) };
        let processes = adopt::all(&folder.inner).await?;
        Ok((folder, processes))
    }

    /// Starts a program. Returns once it runs; [`Error::FailedToStart`] if it does not come to that. Dropping the
    /// future before it is done leaves nothing running.
    pub async fn start(&self, launch: Launch) -> Result<Process, Error> {
        start::start(&self.inner, launch).await
    }

    /// How limits are enforced here.
    pub fn capabilities(&self) -> &Capabilities {
        &self.inner.cgroups.capabilities
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// A secret of this folder, the same for as long as it exists. Only its user can read it.
    pub fn secret(&self) -> &[u8] {
        self.inner.secret.expose()
    }

    /// What was found in the folder and made no sense, in words. It was moved to `aside/`, never used.
    pub fn problems(&self) -> Vec<String> {
        locked(&self.inner.problems).clone()
    }
}

impl Inner {
    fn new(path: PathBuf, lock: File, keeper: KeeperCommand) -> Result<Self, Error> {
        let tag = lock::tag(&path)?;
        let secret = lock::secret(&path)?;
        // what Seaworthy's own parent left open in it would stay open as long as a keeper lives
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        Ok(Self {
            cgroups: Cgroups::detect(&tag),
            path,
            _lock: lock,
            keeper,
            tag,
            secret: Secret::new(secret),
            problems: Mutex::default(),
            taken: Mutex::default(),
            retired: Mutex::default(),
        })
    }

    fn replicas(&self) -> PathBuf {
        self.path.join("replicas")
    }

    fn place(&self, id: &str) -> place::Place {
        place::Place::new(self.replicas().join(id), id)
    }

    pub(crate) fn problem(&self, text: String) {
        let mut problems = locked(&self.problems);
        if problems.len() < 100 {
            problems.push(text);
        }
    }

    fn take(&self, id: &str) -> bool {
        locked(&self.taken).insert(id.to_owned())
    }

    pub(crate) fn give_back(&self, id: &str) {
        locked(&self.taken).remove(id);
    }

    /// Somebody has to wait for every child, or it stays in the kernel's table.
    pub(crate) fn retire(&self, child: Child) {
        let mut retired = locked(&self.retired);
        retired.push(child);
        retired.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    /// The variable by which the processes of a tree are known without their keeper.
    pub(crate) fn marker(&self, id: &str) -> String {
        format!("{}/{id}", self.tag)
    }
}

/// What a panic left behind is still whole: no lock here is held over more than one change.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Files, `/proc` and control groups answer at once or not at all: not on a thread that serves.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::system("the runtime ends"))
}
