//! Bringing a keeper to life. At every point where Seaworthy can be killed, what is there is either nothing, or a
//! keeper that knows it was not confirmed and ends its tree.

use super::place::{Description, Place};
use super::{Inner, blocking};
use crate::cgroup::Groups;
use crate::error::Error;
use crate::exit::{Reason, Stage};
use crate::keeper;
use crate::launch::Launch;
use crate::process::{Connection, Keeper, Process};
use crate::protocol::{self, FORMAT, Keep, MARKER, Program, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use zeroize::Zeroizing;

/// How long it may take until the program runs.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the remains of an earlier process of the same name are waited for.
const REMAINS: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Where programs are looked for, if Seaworthy itself was not told.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) async fn start(folder: &Arc<Inner>, launch: Launch) -> Result<Process, Error> {
    launch.validate()?;
    if !folder.take(&launch.id) {
        return Err(Error::Exists(launch.id));
    }
    let taken = Taken { folder: Arc::clone(folder), id: Some(launch.id.clone()) };
    let own = Arc::clone(folder);
    let mut born = blocking(move || bear(&own, launch, taken)).await??;
    let started = tokio::time::timeout(PATIENCE, born.connection.started()).await;
    let Ok(started) = started else {
        born.keeper.kill();
        born.fail().await;
        return Err(Error::Timeout("starting the program"));
    };
    let Some(started) = started else { return Err(born.fail().await) };
    let Born { place, description, keeper, connection, mut taken } = born;
    taken.id = None;
    // if nobody hears it, the program has ended already, and its record will tell
    let _ = connection.stream().try_write(&protocol::frame(protocol::CONFIRM, &[]));
    Ok(Process::living(folder, place, description, started, keeper, connection, false))
}

/// An id that is given back unless a process takes it over.
struct Taken {
    folder: Arc<Inner>,
    id: Option<String>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.folder.give_back(id);
        }
    }
}

/// A keeper whose program may not run yet.
struct Born {
    place: Place,
    description: Description,
    keeper: Keeper,
    connection: Connection,
    taken: Taken,
}

impl Born {
    /// Why it came to nothing. Leaves nothing behind.
    async fn fail(self) -> Error {
        self.keeper.gone().await;
        let Self { place, description, taken, .. } = self;
        let reason = blocking(move || {
            let reason = place.record().map(|record| record.exit.reason);
            let complaint = place.complaint();
            if reason.is_none() {
                taken.folder.sweep(&place, &description.groups);
            }
            description.groups.remove(Duration::from_secs(2));
            place.remove();
            drop(taken);
            (reason, complaint)
        });
        match reason.await {
            Ok((Some(Reason::FailedToStart { stage, error }), _)) => Error::FailedToStart { stage, error },
            Ok((_, complaint)) => Error::FailedToStart {
                stage: Stage::Keeper,
                error: complaint.unwrap_or_else(|| "the keeper ended without a word".to_owned()),
            },
            Err(error) => error,
        }
    }
}

/// What is taken away again if something goes wrong before there is a keeper.
struct Cradle {
    place: Place,
    groups: Groups,
    done: bool,
}

impl Drop for Cradle {
    fn drop(&mut self) {
        if !self.done {
            self.groups.remove(Duration::ZERO);
            self.place.remove();
        }
    }
}

fn bear(folder: &Arc<Inner>, launch: Launch, taken: Taken) -> Result<Born, Error> {
    let place = folder.place(&launch.id);
    make_room(folder, &place)?;
    let mut cradle = Cradle { place: place.clone(), groups: Groups::default(), done: false };
    let lock = place.lock()?.ok_or_else(|| Error::Exists(launch.id.clone()))?;
    cradle.groups = folder
        .cgroups
        .create(&launch.id, &launch.limits)
        .map_err(|error| Error::FailedToStart { stage: Stage::ControlGroup, error })?;
    let description = describe(folder, &launch, cradle.groups.clone());
    place.describe(&description)?;
    let (ours, theirs) = UnixStream::pair().map_err(Error::system("a socket to the keeper"))?;
    let child = spawn(folder, &place, lock, theirs)?;
    cradle.done = true;
    let keeper = Keeper::born(folder, child)?;
    // if it died at once, the connection tells so too
    let _ = instruct(&ours, folder, launch, &description);
    let connection = Connection::new(ours).map_err(Error::system("a socket to the keeper"))?;
    Ok(Born { place, description, keeper, connection, taken })
}

/// A name that was used by a process whose record nobody took can be used again; one that lives cannot.
fn make_room(folder: &Inner, place: &Place) -> Result<(), Error> {
    let deadline = Instant::now() + REMAINS;
    while !place.make()? {
        if place.lock()?.is_some() {
            let groups = folder.cgroups.of(place.id());
            folder.sweep(place, &groups);
            place.remove();
        } else if Instant::now() >= deadline {
            return Err(Error::Exists(place.id().to_owned()));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

fn describe(folder: &Inner, launch: &Launch, groups: Groups) -> Description {
    let (memory, _) = folder.cgroups.needs_rlimits();
    Description {
        format: FORMAT,
        id: launch.id.clone(),
        labels: launch.labels.clone(),
        limits: launch.limits,
        orphan: launch.orphan,
        stop: launch.stop,
        address_space: memory && launch.limits.memory.is_some(),
        groups,
        created_at: SystemTime::now(),
    }
}

/// Its standard input is the lock that says it lives, its standard output the socket to us: it has both from its first
/// moment on, and neither can be seen by its program.
fn spawn(folder: &Inner, place: &Place, lock: File, control: UnixStream) -> Result<Child, Error> {
    let log = place.file(super::place::LOG);
    let stderr =
        OpenOptions::new().append(true).create(true).mode(0o600).open(&log).map_err(Error::file(&log))?;
    let mut command = Command::new(&folder.keeper.program);
    command.args(&folder.keeper.arguments).arg(keeper::KEEP).arg(place.id());
    command.current_dir(place.path()).env_clear();
    command.stdin(lock).stdout(OwnedFd::from(control)).stderr(stderr);
    command.spawn().map_err(|error| Error::FailedToStart {
        stage: Stage::Keeper,
        error: format!("{}: {error}", folder.keeper.program.display()),
    })
}

fn instruct(
    stream: &UnixStream,
    folder: &Inner,
    mut launch: Launch,
    description: &Description,
) -> std::io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let keep = Keep {
        format: FORMAT,
        orphan: launch.orphan,
        stop: launch.stop,
        output: launch.output,
        limits: launch.limits,
        address_space: description.address_space,
        groups: description.groups.clone(),
        marker: folder.marker(&launch.id),
    };
    let keep = protocol::frame(protocol::KEEP, &serde_json::to_vec(&keep)?);
    protocol::send_with(stream.as_fd(), &keep, None)?;
    let socket = launch.socket.take();
    if let Some(socket) = &socket {
        // what async programs set, and others do not expect
        socket.set_nonblocking(false)?;
    }
    let program = encode(&program(folder, launch, description, socket.as_ref()))?;
    protocol::send_with(stream.as_fd(), &program, socket.as_ref().map(TcpListener::as_fd))
}

/// In one buffer that does not grow, so that no copy is left behind.
fn encode(program: &Program) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let size: usize = program.env.iter().map(|(name, value)| name.len() + value.expose().len()).sum();
    let rest: usize = program.argv.iter().map(|argument| argument.len()).sum();
    let mut body = Zeroizing::new(Vec::with_capacity((size + rest) * 4 + (64 << 10)));
    serde_json::to_writer(&mut *body, program)?;
    Ok(Zeroizing::new(protocol::frame(protocol::PROGRAM, &body)))
}

fn program(
    folder: &Inner,
    launch: Launch,
    description: &Description,
    socket: Option<&TcpListener>,
) -> Program {
    let (memory, processes) = folder.cgroups.needs_rlimits();
    let limits = launch.limits;
    let env = environment(folder, &launch);
    let here = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    Program {
        argv: launch.argv,
        env,
        folder: launch.folder.unwrap_or_else(here),
        user: launch.user,
        group: launch.group,
        join: description.groups.paths().into_iter().collect(),
        open_files: limits.open_files,
        processes: limits.processes.filter(|_| processes).map(u64::from),
        address_space: limits.memory.filter(|_| memory),
        socket: socket.is_some(),
    }
}

/// Later ones win: a clean minimum, what is passed on, what is given, and the mark.
fn environment(folder: &Inner, launch: &Launch) -> Vec<(Vec<u8>, Value)> {
    let mut env: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
    env.insert(b"PATH".to_vec(), Value::new(PATH.as_bytes().to_vec()));
    let minimum = ["PATH", "HOME", "LANG", "TZ"].map(str::to_owned);
    // the home of another user is found by the launch stage
    let minimum = minimum.iter().filter(|name| launch.user.is_none() || *name != "HOME");
    for name in minimum.chain(&launch.inherit_env) {
        if let Some(value) = std::env::var_os(name) {
            env.insert(OsString::from(name).into_vec(), Value::new(value.into_vec()));
        }
    }
    for (name, value) in &launch.env {
        env.insert(name.as_bytes().to_vec(), Value::new(value.expose().as_bytes().to_vec()));
    }
    let marker = Value::new(folder.marker(&launch.id).into_bytes());
    env.insert(std::ffi::OsStr::new(MARKER).as_bytes().to_vec(), marker);
    env.into_iter().collect()
}
