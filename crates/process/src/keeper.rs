//! The process beside each program, and the stage between the two. [`main`] is all that the binary has to call.
//!
//! A keeper is one thread that sleeps in `poll`: it has no runtime, and nothing to do while its program is silent. It
//! leads a session of its own, so that no terminal ends it, and is the *subreaper* of everything that its program
//! forks, however it forks. It ends when nothing is left of the tree, and writes down how that came about.
//!
//! Told to end by SIGTERM, SIGINT or SIGHUP, a keeper ends its tree by the plan. So a service manager that signals
//! everything stops everything in order; one that shall leave the trees to the next Seaworthy has to signal Seaworthy
//! alone. For systemd that is `KillMode=process`; `Delegate=yes` and `DelegateSubgroup=seaworthy-leaf` give control
//! groups of version 2.

mod accounts;
mod launch;
mod limiter;
mod lines;
mod outbox;
mod peer;
mod record;
mod spawn;
mod tree;
mod watch;

use crate::protocol::{self, Decoder, Keep};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;
use zeroize::Zeroizing;

/// The words that stand behind the keeper's subcommand.
pub(crate) const KEEP: &str = "keep";
const LAUNCH: &str = "launch";
/// How long a keeper waits to be told what to keep.
const PATIENCE: Duration = Duration::from_secs(30);

/// A keeper, or the stage that becomes the program: what the arguments of this process say. Call it from the hidden
/// subcommand, before any thread is started, and return what it returns.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let word = |from_end: usize| arguments.len().checked_sub(from_end).and_then(|at| arguments.get(at));
    let is = |from_end, text: &str| word(from_end).is_some_and(|found| found == OsStr::new(text));
    if is(2, KEEP) {
        return keep();
    }
    let keeper = word(2).and_then(|word| word.to_str()?.parse::<u32>().ok());
    match keeper {
        Some(keeper) if is(3, LAUNCH) => launch::main(keeper),
        _ => {
            complain(
                "seaworthy itself starts this beside every program; there is nothing to do with it by hand",
            );
            ExitCode::from(64)
        }
    }
}

/// Standard error of a keeper is a file beside its socket.
fn complain(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(io::stderr(), "{text}");
}

fn keep() -> ExitCode {
    match try_keep() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn try_keep() -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    // what it holds for a moment must not be found on the disk
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // whatever is open here concerns no program
    close_fds::set_fds_cloexec(3, &[]);
    // shown by ps; nothing depends on it
    let _ = rustix::thread::set_name(c"sw-keeper");
    let owner = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    // who is gone before everything was said leaves nothing to keep
    let Some((keep, program, socket)) = instructions(&owner)? else { return Ok(()) };
    record::myself()?;
    watch::run(keep, program, socket, owner)
}

type Instructions = (Keep, Zeroizing<Vec<u8>>, Option<OwnedFd>);

fn instructions(owner: &UnixStream) -> io::Result<Option<Instructions>> {
    owner.set_read_timeout(Some(PATIENCE))?;
    let mut decoder = Decoder::default();
    let mut sockets = Vec::new();
    let mut keep = None;
    loop {
        while let Some((kind, body)) = decoder.next()? {
            match kind {
                protocol::KEEP => keep = Some(serde_json::from_slice(&body)?),
                protocol::PROGRAM => return Ok(keep.map(|keep| (keep, body, sockets.pop()))),
                _ => {}
            }
        }
        let bytes = protocol::receive_with(owner, &mut sockets)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        decoder.push(&bytes);
    }
}
