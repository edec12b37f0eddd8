//! Finding again what an earlier Seaworthy started.

use super::place::{Place, SOCKET};
use super::{Inner, blocking};
use crate::error::Error;
use crate::launch::valid_id;
use crate::process::{Connection, Keeper, Process, handle_on};
use crate::protocol;
use crate::signal::Signal;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long a keeper may take to answer or to end, before it is killed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to be gone then.
const DYING: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub(super) async fn all(folder: &Arc<Inner>) -> Result<Vec<Process>, Error> {
    let own = Arc::clone(folder);
    let places = blocking(move || list(&own)).await??;
    let mut tasks = JoinSet::new();
    for place in places {
        let own = Arc::clone(folder);
        tasks.spawn(async move { adopt(&own, place).await });
    }
    let mut processes = Vec::new();
    while let Some(adopted) = tasks.join_next().await {
        processes.extend(adopted.map_err(|_| Error::Timeout("adopting a process"))??);
    }
    processes.sort_by(|a, b| a.id().cmp(b.id()));
    let living: BTreeSet<String> = processes.iter().map(|process| process.id().to_owned()).collect();
    let own = Arc::clone(folder);
    blocking(move || own.cgroups.sweep(&living)).await?;
    Ok(processes)
}

fn list(folder: &Inner) -> Result<Vec<Place>, Error> {
    let replicas = folder.replicas();
    let entries = fs::read_dir(&replicas).map_err(Error::file(&replicas))?;
    let mut places = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::file(&replicas))?;
        let name = entry.file_name();
        let id = name.to_str().filter(|name| valid_id(name));
        match id {
            // a link is no folder of ours
            Some(id) if entry.file_type().is_ok_and(|kind| kind.is_dir()) => places.push(folder.place(id)),
            _ => folder.set_aside(&entry.path(), "this is no replica"),
        }
    }
    Ok(places)
}

/// What is found at a place.
enum Found {
    /// No keeper lives there, and none can come to life while this lock is held.
    Dead(File),
    /// Something has the lock.
    Alive,
}

async fn adopt(folder: &Arc<Inner>, place: Place) -> Result<Option<Process>, Error> {
    let mut deadline = Instant::now() + PATIENCE;
    let mut killed = false;
    loop {
        let here = place.clone();
        let found = blocking(move || here.lock().map(|lock| lock.map_or(Found::Alive, Found::Dead))).await?;
        match found {
            Ok(Found::Dead(lock)) => return bury(folder, place, lock).await,
            Ok(Found::Alive) => {}
            Err(error) => {
                folder.set_aside(place.path(), &error.to_string());
                return Ok(None);
            }
        }
        if let Ok(Some(process)) =
            timeout(deadline.saturating_duration_since(Instant::now()), meet(folder, &place)).await
        {
            return Ok(Some(process));
        }
        if Instant::now() >= deadline {
            if killed || !kill(&place) {
                folder.problem(format!(
                    "{}: its lock is held by something that is no keeper; left as it is",
                    place.path().display()
                ));
                return Ok(None);
            }
            killed = true;
            deadline = Instant::now() + DYING;
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// A keeper that does not answer cannot be worked with.
fn kill(place: &Place) -> bool {
    place.keeper().is_some_and(|keeper| keeper.signal(Signal::KILL).is_ok_and(|there| there))
}

/// Talks to the keeper; `None` if it is not ready to, or about to end.
async fn meet(folder: &Arc<Inner>, place: &Place) -> Option<Process> {
    let mut connection = Connection::new(connect(place).ok()?).ok()?;
    let started = connection.started().await?;
    let pid = connection.stream().peer_cred().ok()?.pid()?;
    let pid = u32::try_from(pid).ok()?;
    let handle = handle_on(pid)?;
    // it lives still, so the number was its own when the handle was made
    if place.lock().ok()?.is_some() {
        return None;
    }
    match place.description(folder) {
        Ok(description) => {
            let keeper = Keeper::adopted(folder, pid, handle).ok()?;
            if !folder.take(place.id()) {
                return None;
            }
            Some(Process::living(folder, place.clone(), description, started, keeper, connection, true))
        }
        // nobody knows what it is for: it ends, and what is left of it is looked at after that
        Err(_) => {
            let _ = connection.stream().try_write(&protocol::frame(protocol::KILL, &[]));
            while connection.fill().await {}
            None
        }
    }
}

/// By way of the folder itself: the path of a socket may not be longer than 107 bytes, that of a folder may.
fn connect(place: &Place) -> io::Result<UnixStream> {
    let folder = File::open(place.path())?;
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
}

/// No keeper is there any more, or none ever was.
async fn bury(folder: &Arc<Inner>, place: Place, lock: File) -> Result<Option<Process>, Error> {
    let own = Arc::clone(folder);
    blocking(move || {
        let description = place.description(&own);
        let record = place.record();
        let ended = record.as_ref().map_or_else(|| place.started().is_some(), |record| record.confirmed);
        let groups = match &description {
            Ok(description) => description.groups.clone(),
            Err(_) => own.cgroups.of(place.id()),
        };
        if record.is_none() {
            own.sweep(&place, &groups);
        }
        match description {
            Ok(description) if ended && own.take(place.id()) => Some(Process::dead(&own, place, description)),
            Ok(_) => {
                groups.remove(Duration::from_secs(2));
                place.remove();
                drop(lock);
                None
            }
            Err(why) => {
                groups.remove(Duration::from_secs(2));
                own.set_aside(place.path(), &why);
                None
            }
        }
    })
    .await
}
