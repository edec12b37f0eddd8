//! Children that are pinned to a core and never outlive the measurement.

use crate::error::Error;
use crate::http;
use crate::workdir::WorkDir;
use std::ffi::OsStr;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(10);

pub(crate) struct Process {
    child: Child,
    program: String,
    log: PathBuf,
}

impl Process {
    /// Starts `program` on one core, with everything it says in a log.
    pub(crate) fn start<A: AsRef<OsStr>>(
        dir: &WorkDir,
        name: &str,
        core: usize,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Self, Error> {
        let log = dir.path().join(format!("{name}.log"));
        let output = File::create(&log).map_err(Error::Files)?;
        let errors = output.try_clone().map_err(Error::Files)?;
        let child = pinned(core, program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Start { program: program.display().to_string(), source })?;
        Ok(Self { child, program: name.to_owned(), log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks until the answer is the upstream's.
    pub(crate) fn await_ready(&mut self, address: SocketAddr) -> Result<(), Error> {
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Ended { program: self.program.clone(), status, log: self.log.clone() });
            }
            match http::get(address) {
                Ok(answer) if answer.status == 200 => return self.check(&answer),
                // not listening yet, or its upstream is not connected yet
                _ => std::thread::sleep(POLL),
            }
        }
        let (program, log) = (self.program.clone(), self.log.clone());
        Err(Error::NotReady { program, seconds: READY_WITHIN.as_secs(), log })
    }

    fn check(&self, answer: &http::Answer) -> Result<(), Error> {
        if answer.body == crate::upstream::body() {
            return Ok(());
        }
        let got = format!("{} bytes", answer.body.len());
        Err(Error::WrongAnswer { program: self.program.clone(), got })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let family = crate::proc::descendants(self.child.id());
        // asked kindly, a master ends its workers and waits for them
        signal("-TERM", self.child.id());
        let asked = Instant::now();
        while asked.elapsed() < STOPPED_WITHIN && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        for id in family {
            signal("-KILL", id);
        }
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn signal(signal: &str, id: u32) {
    // that it is gone already is what we want
    let _gone = Command::new("kill").args([signal, &id.to_string()]).stderr(Stdio::null()).status();
}

/// A command that will run on one core.
pub(crate) fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Puts this process, and what it starts without a core of its own, on one core.
pub(crate) fn pin_self(core: usize) -> Result<(), Error> {
    let status = Command::new("taskset")
        .args(["-acp", &core.to_string(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    let failed = |source| Error::Start { program: "taskset".to_owned(), source };
    if status.map_err(failed)?.success() {
        Ok(())
    } else {
        Err(failed(std::io::Error::other(format!("core {core} can't be had"))))
    }
}

/// An address nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr, Error> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(Error::Port)
}
