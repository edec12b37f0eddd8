//! What can be done to a process, from anywhere.

use super::Shared;
use crate::error::Error;
use crate::folder::blocking;
use crate::procfs;
use crate::protocol;
use crate::signal::Signal;
use crate::usage::Usage;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long a keeper may take to do what it is told, before it is ended and its work is done without it.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a killed process may take to be gone.
const DYING: Duration = Duration::from_secs(30);

/// A process as something to act upon. Clones mean the same process, and never another one that got its number.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("id", &self.id()).field("pid", &self.pid()).finish_non_exhaustive()
    }
}

impl Handle {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Its name in the folder.
    pub fn id(&self) -> &str {
        self.shared.place.id()
    }

    /// The program's number.
    pub fn pid(&self) -> Option<u32> {
        self.shared.started.as_ref().map(|started| started.program.pid)
    }

    /// Signals the program itself, not its children.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        let program = self.shared.program.as_ref().ok_or(Error::Gone)?;
        match procfs::send(program, signal) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Gone),
            Err(error) => Err(Error::system("signalling the program")(error)),
        }
    }

    /// Ends it by its [`StopPlan`](crate::StopPlan) and returns when nothing is left of the tree.
    pub async fn stop(&self) -> Result<(), Error> {
        let grace = self.shared.description.stop.grace;
        self.end(protocol::STOP, grace.saturating_add(PATIENCE)).await
    }

    /// Kills the whole tree and returns when nothing is left of it. A keeper that does not answer is killed as well.
    pub async fn kill(&self) -> Result<(), Error> {
        self.end(protocol::KILL, PATIENCE).await
    }

    async fn end(&self, order: u8, patience: Duration) -> Result<(), Error> {
        let Some(keeper) = &self.shared.keeper else { return Ok(()) };
        let obeyed = async {
            if self.say(order, &[]).await.is_err() {
                // it is ending, or it is broken
                return tokio::time::timeout(PATIENCE, keeper.gone()).await.is_ok();
            }
            tokio::time::timeout(patience, keeper.gone()).await.is_ok()
        };
        if !obeyed.await {
            keeper.kill();
            let gone = tokio::time::timeout(DYING, keeper.gone()).await;
            gone.map_err(|_| Error::Timeout("ending a keeper"))?;
        }
        self.nothing_left().await
    }

    async fn nothing_left(&self) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let empty = blocking(move || shared.sweep_if_lost()).await?;
        if empty { Ok(()) } else { Err(Error::Timeout("ending what a keeper left behind")) }
    }

    /// Returns when nothing is left of the tree, however that comes about.
    pub async fn gone(&self) -> Result<(), Error> {
        self.keeper_gone().await;
        self.nothing_left().await
    }

    pub(super) async fn keeper_gone(&self) {
        if let Some(keeper) = &self.shared.keeper {
            keeper.gone().await;
        }
    }

    /// Tells the keeper something.
    pub(super) async fn say(&self, kind: u8, body: &[u8]) -> Result<(), Error> {
        let stream = self.shared.stream.as_ref().ok_or(Error::Gone)?;
        let frame = protocol::frame(kind, body);
        let write = async {
            loop {
                stream.writable().await?;
                // a few bytes go whole or not at all
                match stream.try_write(&frame) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other.map(drop),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::Gone),
            Err(_) => Err(Error::Timeout("telling the keeper")),
        }
    }

    /// What the tree uses now: a few small files are read.
    pub fn usage(&self) -> Result<Usage, Error> {
        let keeper = self.shared.keeper.as_ref().filter(|keeper| !keeper.is_gone()).ok_or(Error::Gone)?;
        let groups = &self.shared.description.groups;
        let members = groups.members().unwrap_or_else(|| procfs::descendants(keeper.pid));
        let of_each = |count: fn(u32) -> u64| members.iter().map(|pid| count(*pid)).sum::<u64>();
        Ok(Usage {
            cpu: groups.cpu().unwrap_or_else(|| cpu(keeper.pid, &members)),
            memory: groups.memory().unwrap_or_else(|| of_each(procfs::resident)),
            open_files: of_each(procfs::open_files),
            processes: members.len() as u64,
        })
    }
}

/// Of those who live, of those they waited for, and of those the keeper waited for in their place.
fn cpu(keeper: u32, members: &[u32]) -> Duration {
    let living: u64 =
        members.iter().filter_map(|pid| procfs::stat(*pid)).map(|stat| stat.own + stat.waited).sum();
    let waited = procfs::stat(keeper).map_or(0, |stat| stat.waited);
    procfs::ticks(living.saturating_add(waited))
}
