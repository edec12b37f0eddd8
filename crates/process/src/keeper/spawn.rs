//! Starting the launch stage.

use super::LAUNCH;
use crate::procfs::Identity;
use crate::protocol::{self, MARKER};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

/// How long the launch stage may take to read its instructions.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is left in the keeper's hands.
pub(super) struct Spawned {
    pub(super) program: Identity,
    /// Where errors come from; closed when the program begins.
    pub(super) channel: UnixStream,
    pub(super) stdout: PipeReader,
    pub(super) stderr: PipeReader,
}

pub(super) fn spawn(marker: &str, program: &[u8], socket: Option<OwnedFd>) -> io::Result<Spawned> {
    let (channel, theirs) = UnixStream::pair()?;
    let (stdout, stdout_of_program) = io::pipe()?;
    let (stderr, stderr_of_program) = io::pipe()?;
    for pipe in [&stdout, &stderr] {
        fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
    }
    let mut child = command()
        // it is found by this from its first moment on
        .env(MARKER, marker)
        .stdin(OwnedFd::from(theirs))
        .stdout(stdout_of_program)
        .stderr(stderr_of_program)
        .spawn()?;
    let Some(identity) = Identity::of(child.id()) else {
        let _ = child.kill();
        return Err(io::Error::other("/proc does not know the new process"));
    };
    channel.set_write_timeout(Some(PATIENCE))?;
    let frame = zeroize::Zeroizing::new(protocol::frame(protocol::PROGRAM, program));
    let socket = socket.as_ref().map(|socket| socket.as_fd());
    // if it died at once, the channel tells so too
    let _ = protocol::send_with(channel.as_fd(), &frame, socket);
    channel.set_nonblocking(true)?;
    Ok(Spawned { program: identity, channel, stdout, stderr })
}

/// The same binary with the same subcommand: the one that runs, even if the file was replaced.
fn command() -> Command {
    let mut own = std::env::args_os();
    let name = own.next().unwrap_or_default();
    let mut arguments: Vec<OsString> = own.collect();
    let id = arguments.pop().unwrap_or_default();
    // the word that made this process a keeper
    arguments.pop();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(name).args(arguments).arg(LAUNCH).arg(std::process::id().to_string()).arg(id);
    command.env_clear().process_group(0);
    command
}
