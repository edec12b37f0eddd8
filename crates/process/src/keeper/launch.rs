//! The stage between keeper and program: the same binary once more, which makes of itself what the program shall find
//! and then becomes the program. Everything the keeper would have to do between `fork` and `exec` is done here, where
//! ordinary code may run.
//!
//! Its standard input is a socket to the keeper. Over it come the instructions (they hold secrets, so they are never
//! arguments), and on it an error goes back; it closes when the program begins.

use super::accounts::{self, Account};
use crate::exit::Stage;
use crate::protocol::{self, Decoder, Failure, Program};
use rustix::io::{dup2, fcntl_dupfd_cloexec};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use signal_hook::consts::*;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where `sd_listen_fds(3)` has the first socket.
const LISTEN_FD: i32 = 3;
/// Every signal that can be ignored; SIGPIPE is seen to by the standard library.
const HEEDED: [i32; 21] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTRAP, SIGABRT, SIGBUS, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD, SIGCONT,
    SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH,
];

pub(super) fn main(keeper: u32) -> ExitCode {
    match prepare_channel() {
        Ok((mut channel, slot)) => {
            let Err(failure) = become_program(&mut channel, slot, keeper);
            let body = serde_json::to_vec(&failure).unwrap_or_default();
            // nobody left to hear it: then nobody needs it
            let _ = channel.write_all(&protocol::frame(protocol::FAILED, &body));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// The socket to the keeper, and a file descriptor that keeps the place of the program's socket.
fn prepare_channel() -> io::Result<(UnixStream, OwnedFd)> {
    let stdin = io::stdin();
    let slot = fcntl_dupfd_cloexec(&stdin, LISTEN_FD)?;
    Ok((UnixStream::from(stdin.as_fd().try_clone_to_owned()?), slot))
}

enum Never {}

fn become_program(channel: &mut UnixStream, slot: OwnedFd, keeper: u32) -> Result<Never, Failure> {
    let (program, socket) = receive(channel).map_err(at(Stage::Keeper))?;
    join(&program)?;
    raise(&program).map_err(at(Stage::Limits))?;
    let account = accounts::resolve(program.user.as_deref(), program.group.as_deref())
        .map_err(|error| Failure { stage: Stage::User, error })?;
    become_user(&account).map_err(at(Stage::User))?;
    die_with(keeper).map_err(at(Stage::Keeper))?;
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o022));
    std::env::set_current_dir(&program.folder).map_err(|error| Failure {
        stage: Stage::Folder,
        error: format!("{}: {error}", program.folder.display()),
    })?;
    let mut command = command(&program, &account, socket, slot)?;
    heed_signals().map_err(at(Stage::Program))?;
    channel.write_all(&protocol::frame(protocol::READY, &[])).map_err(at(Stage::Keeper))?;
    // this stage itself may need more than the program shall have
    limit(&program).map_err(at(Stage::Limits))?;
    let error = command.exec();
    let name = program.argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Err(Failure { stage: Stage::Program, error: explain(&name, &error) })
}

fn at(stage: Stage) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure { stage, error: error.to_string() }
}

fn explain(name: &str, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound if name.contains('/') => {
            "there is no such file, or its interpreter is missing"
        }
        io::ErrorKind::NotFound => "command not found in its PATH",
        io::ErrorKind::PermissionDenied => "it may not be executed",
        _ => return format!("{}: {error}", name.escape_debug()),
    };
    format!("{}: {why}", name.escape_debug())
}

fn receive(channel: &UnixStream) -> io::Result<(Program, Option<OwnedFd>)> {
    let mut decoder = Decoder::default();
    let mut sockets = Vec::new();
    loop {
        while let Some((kind, body)) = decoder.next()? {
            if kind == protocol::PROGRAM {
                return Ok((serde_json::from_slice(&body)?, sockets.pop()));
            }
        }
        let bytes = protocol::receive_with(channel, &mut sockets)?;
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the keeper is gone"));
        }
        decoder.push(&bytes);
    }
}

fn join(program: &Program) -> Result<(), Failure> {
    program.join.iter().try_for_each(|group| {
        std::fs::write(group.join("cgroup.procs"), "0").map_err(|error| Failure {
            stage: Stage::ControlGroup,
            error: format!("joining {}: {error}", group.display()),
        })
    })
}

fn wanted(program: &Program) -> impl Iterator<Item = (Resource, u64)> {
    let wanted = [
        (Resource::Core, Some(0)),
        (Resource::Nofile, program.open_files),
        (Resource::Nproc, program.processes),
        (Resource::As, program.address_space),
    ];
    wanted.into_iter().filter_map(|(resource, value)| Some((resource, value?)))
}

fn set(resource: Resource, value: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?)
}

/// What is more than the program's user could give itself.
fn raise(program: &Program) -> io::Result<()> {
    wanted(program)
        .filter(|(resource, value)| getrlimit(*resource).maximum.is_some_and(|now| now < *value))
        .try_for_each(|(resource, value)| set(resource, value))
}

fn limit(program: &Program) -> io::Result<()> {
    wanted(program).try_for_each(|(resource, value)| set(resource, value))
}

/// This process has one thread, so what is set for the thread holds for all of it. The user comes last: afterwards
/// nothing else may be changed.
fn become_user(account: &Account) -> io::Result<()> {
    if let Some(group) = account.group {
        set_thread_groups(&account.groups)?;
        set_thread_res_gid(group, group, group)?;
    }
    if let Some(user) = &account.user {
        set_thread_res_uid(user.id, user.id, user.id)?;
    }
    Ok(())
}

/// The kernel forgets this wish when the user changes, so it is made after that.
fn die_with(keeper: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // it may have died before the wish was made
    let parent = getppid().map(Pid::as_raw_nonzero).map(|pid| pid.get().unsigned_abs());
    if parent == Some(keeper) { Ok(()) } else { Err(io::Error::other("the keeper is gone")) }
}

fn command(
    program: &Program,
    account: &Account,
    socket: Option<OwnedFd>,
    mut slot: OwnedFd,
) -> Result<Command, Failure> {
    let mut argv = program.argv.iter();
    let name = argv.next().ok_or_else(|| at(Stage::Program)(io::ErrorKind::InvalidInput.into()))?;
    let mut command = Command::new(name);
    // opened now, because the program may be allowed fewer files than are open here
    let nothing = File::open("/dev/null").map_err(at(Stage::Program))?;
    command.args(argv).env_clear().stdin(nothing);
    if let Some((name, home)) = account.user.as_ref().and_then(|user| user.entry.as_ref()) {
        command.env("HOME", home).env("USER", name).env("LOGNAME", name);
    }
    for (name, value) in &program.env {
        command.env(OsString::from_vec(name.clone()), OsString::from_vec(value.expose().to_vec()));
    }
    let Some(socket) = socket.filter(|_| program.socket) else {
        // its place is given up when the program begins
        std::mem::forget(slot);
        return Ok(command);
    };
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", std::process::id().to_string());
    if slot.as_raw_fd() != LISTEN_FD {
        let taken = io::Error::other("the file descriptor of its place is taken");
        return Err(at(Stage::Socket)(taken));
    }
    dup2(&socket, &mut slot).map_err(|error| at(Stage::Socket)(error.into()))?;
    // stays open into the program
    std::mem::forget(slot);
    Ok(command)
}

/// Signals that Seaworthy was started to ignore (by `nohup`, by a shell in the background) would stay ignored. A
/// handler does not outlive the beginning of the program: the kernel puts the default in its place.
fn heed_signals() -> io::Result<()> {
    let flag = Arc::new(AtomicBool::new(false));
    for number in HEEDED {
        signal_hook::flag::register(number, Arc::clone(&flag))?;
    }
    Ok(())
}
