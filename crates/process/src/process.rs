//! A process tree in the hands of its Seaworthy.

mod collect;
mod connection;
mod handle;
mod keeper;

use crate::error::Error;
use crate::event::Event;
use crate::exit::{Exit, Reason};
use crate::folder::place::{Description, Place};
use crate::folder::{Inner, locked};
use crate::procfs::pid;
use crate::protocol::{self, LAST_LINES, Started};
use crate::signal::Signal;
use crate::usage::Usage;
use collect::Collected;
use rustix::process::{PidfdFlags, pidfd_open};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::task::JoinHandle;

pub(crate) use connection::Connection;
pub use handle::Handle;
pub(crate) use keeper::Keeper;

/// A process tree: one program and all that it forks.
///
/// Dropping it (and its handles) without having taken [`Event::Exited`] is what a crash of Seaworthy is: the
/// [`Orphan`](crate::Orphan) policy decides.
#[derive(Debug)]
pub struct Process {
    handle: Handle,
    adopted: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The keeper talks.
    Reading(Connection),
    /// The keeper has said everything, and is ending.
    Ending,
    /// Its record is being read and its traces are taken away.
    Collecting(JoinHandle<Collected>),
    /// What is left to be told.
    Telling(VecDeque<Event>),
}

/// What a process and its handles share.
pub(crate) struct Shared {
    folder: Arc<Inner>,
    place: Place,
    description: Description,
    started: Option<Started>,
    /// The program, whatever becomes of its number.
    program: Option<OwnedFd>,
    keeper: Option<Keeper>,
    /// To the keeper.
    stream: Option<Arc<tokio::net::UnixStream>>,
    last: Mutex<VecDeque<String>>,
    /// Whether its traces have been taken away: its id may be another's since.
    collected: Mutex<bool>,
}

impl Process {
    /// One that runs.
    pub(crate) fn living(
        folder: &Arc<Inner>,
        place: Place,
        description: Description,
        started: Started,
        keeper: Keeper,
        connection: Connection,
        adopted: bool,
    ) -> Self {
        let shared = Shared {
            folder: Arc::clone(folder),
            place,
            description,
            program: started.program.open(),
            started: Some(started),
            keeper: Some(keeper),
            stream: Some(connection.stream()),
            last: Mutex::default(),
            collected: Mutex::new(false),
        };
        let mut process = Self { handle: Handle::new(shared), adopted, state: State::Reading(connection) };
        process.remember_past();
        process
    }

    /// One that ended while no Seaworthy was there.
    pub(crate) fn dead(folder: &Arc<Inner>, place: Place, description: Description) -> Self {
        let shared = Shared {
            folder: Arc::clone(folder),
            started: place.started(),
            place,
            description,
            program: None,
            keeper: None,
            stream: None,
            last: Mutex::default(),
            collected: Mutex::new(false),
        };
        Self { handle: Handle::new(shared), adopted: true, state: State::Ending }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.handle.shared()
    }

    /// Its name in the folder.
    pub fn id(&self) -> &str {
        self.handle.id()
    }

    /// The program's number. `None` if it was never known, for one that ended before it was adopted.
    pub fn pid(&self) -> Option<u32> {
        self.handle.pid()
    }

    /// When it was started.
    pub fn started_at(&self) -> SystemTime {
        self.shared().started.as_ref().map_or(self.shared().description.created_at, |started| started.at)
    }

    /// What its owner wanted to know it by.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.shared().description.labels
    }

    /// Whether an earlier Seaworthy started it.
    pub const fn adopted(&self) -> bool {
        self.adopted
    }

    /// What can be done to it, from anywhere.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What happens next; `None` after [`Event::Exited`]. Loses nothing when the future is dropped. Who never asks is
    /// told how many lines were dropped when he does.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            // it comes before everything else, with the greeting
            self.remember_past();
            if let Some(event) = self.state.queued() {
                self.remember(&event);
                return Some(event);
            }
            match &mut self.state {
                State::Reading(connection) => {
                    if !connection.fill().await {
                        self.state = State::Ending;
                    }
                }
                State::Ending => {
                    self.handle.keeper_gone().await;
                    let shared = Arc::clone(self.shared());
                    let task = tokio::task::spawn_blocking(move || collect::collect(&shared));
                    self.state = State::Collecting(task);
                }
                State::Collecting(task) => {
                    let collected = task.await.unwrap_or_else(|_| Collected::unknown());
                    self.state = State::Telling(collected.events());
                }
                State::Telling(_) => return None,
            }
        }
    }

    fn remember_past(&mut self) {
        let State::Reading(connection) = &mut self.state else { return };
        let past = connection.take_past();
        let mut last = locked(&self.handle.shared().last);
        past.into_iter().for_each(|text| keep_last(&mut last, text));
    }

    fn remember(&self, event: &Event) {
        let mut last = locked(&self.shared().last);
        match event {
            Event::Line(line) => keep_last(&mut last, line.text.clone()),
            // the keeper knows them all, those too that nobody read
            Event::Exited(exit) if !exit.last_lines.is_empty() => {
                *last = exit.last_lines.iter().cloned().collect()
            }
            _ => {}
        }
    }

    /// The last lines it said, 50 at most, oldest first; after an adoption those of its earlier life too.
    pub fn last_lines(&self) -> Vec<String> {
        locked(&self.shared().last).iter().cloned().collect()
    }

    /// Signals the program; see [`Handle::signal`].
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.handle.signal(signal)
    }

    /// Ends it by its [`StopPlan`](crate::StopPlan); see [`Handle::stop`].
    pub async fn stop(&self) -> Result<(), Error> {
        self.handle.stop().await
    }

    /// Kills the whole tree; see [`Handle::kill`].
    pub async fn kill(&self) -> Result<(), Error> {
        self.handle.kill().await
    }

    /// What the tree uses; see [`Handle::usage`].
    pub fn usage(&self) -> Result<Usage, Error> {
        self.handle.usage()
    }

    /// Leaves it to a successor, who is waited for this long before it counts as an orphan.
    pub async fn leave(self, patience: Duration) {
        let millis = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        // a keeper that does not hear it is ending anyway
        let _ = self.handle.say(protocol::LEAVE, &millis.to_be_bytes()).await;
    }
}

fn keep_last(last: &mut VecDeque<String>, text: String) {
    last.push_back(text);
    if last.len() > LAST_LINES {
        last.pop_front();
    }
}

impl State {
    fn queued(&mut self) -> Option<Event> {
        match self {
            Self::Reading(connection) => connection.event(),
            Self::Telling(events) => events.pop_front(),
            Self::Ending | Self::Collecting(_) => None,
        }
    }
}

impl Shared {
    /// Takes its traces away, if its keeper was killed ends what is left of it, and gives its record; once.
    fn clear(&self) -> Option<Exit> {
        let mut collected = locked(&self.collected);
        if *collected {
            return None;
        }
        *collected = true;
        let exit = self.exit_or_sweep();
        self.description.groups.remove(Duration::from_secs(2));
        self.place.remove();
        self.folder.give_back(self.place.id());
        Some(exit)
    }

    fn exit_or_sweep(&self) -> Exit {
        if let Some(record) = self.place.record() {
            return record.exit;
        }
        self.folder.sweep(&self.place, &self.description.groups);
        let mut exit = Exit::new(Reason::Lost);
        exit.memory_limit = self.description.limits.memory;
        exit.last_lines = locked(&self.last).iter().cloned().collect();
        exit
    }

    /// Ends what a killed keeper left behind, without taking the record away. Says whether nothing is left.
    fn sweep_if_lost(&self) -> bool {
        let collected = locked(&self.collected);
        *collected
            || self.place.record().is_some()
            || self.folder.sweep(&self.place, &self.description.groups)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !*locked(&self.collected) {
            self.folder.give_back(self.place.id());
        }
    }
}

/// A handle on exactly this process, as long as it is there.
pub(crate) fn handle_on(number: u32) -> Option<OwnedFd> {
    pidfd_open(pid(number)?, PidfdFlags::empty()).ok()
}
