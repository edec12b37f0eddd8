//! A gateway that is pinned to a core and does not outlive the measurement.

use crate::error::Error;
use crate::http;
use crate::workdir::WorkDir;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);
/// The kernel's unit of processor time towards programs, on every architecture Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) control: SocketAddr,
    token: PathBuf,
    log: PathBuf,
}

impl Gateway {
    /// Starts one with `rest` behind its listener, and waits until it is ready.
    pub(crate) fn start(
        dir: &WorkDir,
        name: &str,
        (core, program): (usize, &Path),
        rest: &str,
    ) -> Result<Self, Error> {
        let (address, control) = (free_address()?, free_address()?);
        let folder = dir.path().join(name);
        std::fs::create_dir_all(&folder).map_err(Error::Files)?;
        let config = folder.join("seaworthy.toml");
        let text = format!(
            "[gateway]\nthreads = 1\n[control]\nlisten = \"{control}\"\n[telemetry]\naccess = {{ sample = 0.0 }}\n\
             [[listener]]\naddress = \"{address}\"\n{rest}"
        );
        std::fs::write(&config, text).map_err(Error::Files)?;
        let log = folder.join("log");
        let output = File::create(&log).map_err(Error::Files)?;
        let errors = output.try_clone().map_err(Error::Files)?;
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(program).args(["up", "--config"]).arg(&config);
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child =
            child.map_err(|source| Error::Start { program: program.display().to_string(), source })?;
        let mut this = Self { child, address, control, token: folder.join("seaworthy.token"), log };
        this.until("it is not ready", |this| {
            Ok(http::send(this.control, "GET", "/healthz/ready", &[], "")
                .is_ok_and(|answer| answer.status == 200))
        })?;
        Ok(this)
    }

    /// Asks again and again until it is so.
    pub(crate) fn until(
        &mut self,
        what: &'static str,
        mut is: impl FnMut(&Self) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Ended { status, log: self.log.clone() });
            }
            if is(self)? {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        Err(Error::NotReady { what, seconds: PATIENCE.as_secs(), log: self.log.clone() })
    }

    /// An order to its control listener, as the operator.
    pub(crate) fn order(&self, method: &'static str, path: &str, body: &str) -> Result<http::Answer, Error> {
        let token = std::fs::read_to_string(&self.token).map_err(Error::Files)?;
        let bearer = format!("Bearer {}", token.trim());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        http::send(self.control, method, path, &headers, body).map_err(Error::Connection)
    }

    /// Processor time so far, in seconds, of all its threads.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, Error> {
        let id = self.child.id();
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).map_err(|_| Error::Proc(id))?;
        // the second field is the program's name in brackets and may hold anything
        let fields: Vec<&str> =
            text.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).ok_or(Error::Proc(id));
        Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Puts this process on one core.
pub(crate) fn pin_self(core: usize) -> Result<(), Error> {
    taskset(&core.to_string())
}

/// Lets it run on all cores again.
pub(crate) fn unpin_self() -> Result<(), Error> {
    taskset("0-1023")
}

fn taskset(cores: &str) -> Result<(), Error> {
    let mut command = Command::new("taskset");
    command.args(["-acp", cores, &std::process::id().to_string()]).stdout(Stdio::null());
    let failed = |source| Error::Start { program: "taskset".to_owned(), source };
    if command.status().map_err(failed)?.success() {
        Ok(())
    } else {
        Err(failed(std::io::Error::other(format!("core {cores} can't be had"))))
    }
}

fn free_address() -> Result<SocketAddr, Error> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(Error::Port)
}
