//! A Seaworthy that runs services, in a folder of its own.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::error::Error;
use crate::http;

/// Longest wait for anything that should come about.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Up {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) address: SocketAddr,
    control: SocketAddr,
    child: Option<Child>,
}

fn free() -> Result<SocketAddr, Error> {
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(10_000..32_000)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
}

/// What replicas are started with.
pub(crate) fn command() -> Result<String, Error> {
    let own = std::env::current_exe().map_err(|error| Error::new("this program", error))?;
    Ok(format!("{} replica {{port}}", own.display()))
}

impl Up {
    /// A folder with a configuration of these services. Nothing is started yet.
    pub(crate) fn new(program: &Path, services: &str) -> Result<Self, Error> {
        let folder =
            std::env::temp_dir().join(format!("bench-services-{}-{}", std::process::id(), fastrand::u32(..)));
        std::fs::create_dir_all(&folder).map_err(|error| Error::new(folder.display().to_string(), error))?;
        let program = std::fs::canonicalize(program)
            .map_err(|error| Error::new(format!("{} (cargo build --release)", program.display()), error))?;
        let up = Self { program, folder, address: free()?, control: free()?, child: None };
        up.configure(services)?;
        Ok(up)
    }

    pub(crate) fn configure(&self, services: &str) -> Result<(), Error> {
        let services = services.replace("\"MARK\"", &format!("\"{}\"", self.mark()));
        let text = format!(
            "[control]\nlisten = \"{}\"\n[telemetry]\naccess = false\n[[listener]]\naddress = \"{}\"\n{services}\n",
            self.control, self.address
        );
        let (fresh, path) = (self.folder.join("fresh"), self.folder.join("seaworthy.toml"));
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(|error| Error::new("configuration", error))
    }

    /// What all that it runs has in its environment.
    fn mark(&self) -> String {
        self.folder.display().to_string()
    }

    pub(crate) fn start(&mut self) -> Result<(), Error> {
        let fail = |error| Error::new("start", error);
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.join("log")).map_err(fail)?;
        let mut command = Command::new(&self.program);
        command.arg("up").arg("--config").arg(self.folder.join("seaworthy.toml")).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().map_err(fail)?).stderr(log).spawn().map_err(fail)?;
        self.child = Some(child);
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Waits until it answers that it is ready.
    pub(crate) fn ready(&mut self) -> Result<(), Error> {
        self.until("ready", |up| {
            http::ask(up.control, "GET", "/healthz/ready", "").is_ok_and(|answer| answer.status == 200)
        })
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it as an operator would. How long that took.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        if let Some(mut child) = self.child.take() {
            signal(child.id(), Signal::TERM);
            child.wait().map_err(|error| Error::new("stop", error))?;
        }
        Ok(())
    }

    pub(crate) fn order(&self, method: &str, path: &str, body: &str) -> Result<Value, Error> {
        let token = std::fs::read_to_string(self.folder.join("seaworthy.token")).unwrap_or_default();
        let mut connection = http::Connection::open(self.control).map_err(|error| Error::new(path, error))?;
        let answer = connection.ask_as(token.trim(), method, path, body);
        let answer = answer.map_err(|error| Error::new(path, error))?;
        match answer.status {
            200..=299 => serde_json::from_str(&answer.body).map_err(|error| Error::new(path, error)),
            status => Err(Error::new(path, format!("{status} {}", answer.body))),
        }
    }

    pub(crate) fn status(&self, service: &str) -> Result<Value, Error> {
        self.order("GET", &format!("/api/v1/services/{service}/replicas"), "")
    }

    /// Waits until so many replicas run, all as wanted now and ready.
    pub(crate) fn settles(&mut self, service: &str, replicas: u64) -> Result<(), Error> {
        self.until(&format!("{service} has {replicas} replicas"), |up| {
            up.status(service).is_ok_and(|status| {
                status["ready"] == replicas
                    && status["updated"] == replicas
                    && status["instances"].as_array().is_some_and(|all| all.len() as u64 == replicas)
                    && status["rollout"]["state"] == "Complete"
            })
        })
    }

    pub(crate) fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        while !is(self) {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(20).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(Error::new(what, format!("never came about\n{last}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The replicas that there are by the kernel's word.
    pub(crate) fn alive(&self) -> BTreeSet<u32> {
        let wanted = format!("BENCH_MARK={}", self.mark());
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers
            .filter(|pid| {
                let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
            })
            .collect()
    }
}

pub(crate) fn pids(status: &Value) -> BTreeSet<u32> {
    let instances = status["instances"].as_array().into_iter().flatten();
    instances.filter_map(|replica| u32::try_from(replica["pid"].as_u64()?).ok()).collect()
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // it may have ended by itself just now
    let _ = pid.map(|pid| kill_process(pid, signal));
}

impl Drop for Up {
    fn drop(&mut self) {
        self.kill();
        for _ in 0..50 {
            let left = self.alive();
            if left.is_empty() {
                break;
            }
            left.into_iter().for_each(|pid| signal(pid, Signal::KILL));
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A service `shop` of these replicas.
pub(crate) fn shop(replicas: u32) -> Result<String, Error> {
    Ok(format!(
        "[service.shop]\ncommand = \"{}\"\nreplicas = {replicas}\nenvironment = {{ BENCH_MARK = \"MARK\" }}\n\
         backoff = {{ initial = \"50ms\", max = \"1s\" }}\n",
        command()?
    ))
}
