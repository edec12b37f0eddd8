//! The gateway, as a user would run it: a process with a configuration file, asked with its operator's token.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use seaworthy_core::Secret;
use serde::Deserialize;
use tokio::process::Child;
use tokio::time::Instant;

use super::{Error, free_address, http, ourselves};

const READY_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
/// How much of its output goes into an error.
const LAST_LINES: usize = 20;

pub(super) struct Gateway {
    address: SocketAddr,
    control: SocketAddr,
    child: Child,
    files: Files,
}

/// What the gateway did, by its own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counters {
    /// Attempts beyond the first.
    pub(super) retries: u64,
    /// Requests that a retry saved.
    pub(super) recovered: u64,
    /// How often a circuit breaker opened.
    pub(super) trips: u64,
}

impl Gateway {
    pub(super) fn start(upstreams: &[SocketAddr]) -> Result<Self, Error> {
        let (address, control) = (free_address()?, free_address()?);
        let files = Files::make()?;
        fs::write(&files.config, config(address, control, &files.token, upstreams))
            .map_err(Error::io("the configuration could not be written"))?;
        let log = File::create(&files.log).map_err(Error::io("the gateway's log could not be made"))?;
        let errors = log.try_clone().map_err(Error::io("the gateway's log could not be made"))?;
        let child = ourselves()?
            .args(["up", "--config"])
            .arg(&files.config)
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(Error::io("the gateway could not be started"))?;
        Ok(Self { address, control, child, files })
    }

    /// Waits until it runs.
    pub(super) async fn live(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Ok(Some(status)) = self.child.try_wait() {
                let what = "the gateway".to_owned();
                return Err(Error::Ended { what, status, output: self.files.last_lines() });
            }
            if matches!(http::get(self.control, "/healthz/live").await, Ok((200, _))) {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Error::NotReady { what: "the gateway".to_owned(), seconds: READY_WITHIN.as_secs() })
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks the control listener.
    pub(super) async fn counters(&self) -> Result<Counters, Error> {
        let token = fs::read_to_string(&self.files.token).map(|token| Secret::new(token.trim().to_owned()));
        let token = token.map_err(Error::io("the operator's token could not be read"))?;
        let path = "/api/v1/services/shop/policies";
        let answer = http::get_as(self.control, path, Some(&token)).await;
        match answer.map_err(Error::io("the control listener did not answer"))? {
            (200, body) => counters(&body),
            (status, body) => Err(Error::Policies(format!("status {status}: {body}"))),
        }
    }
}

fn config(address: SocketAddr, control: SocketAddr, token: &Path, upstreams: &[SocketAddr]) -> String {
    let token = toml::Value::from(token.display().to_string());
    let upstreams: Vec<String> = upstreams.iter().map(|upstream| format!("\"http://{upstream}\"")).collect();
    format!(
        r#"[[listener]]
address = "{address}"

[control]
listen = "{control}"
token_file = {token}

[service.shop]
upstreams = [{}]
health = {{ path = "/health", interval = "500ms", timeout = "300ms" }}
timeout = {{ total = "5s", attempt = "400ms" }}
retry = {{ attempts = 4 }}
"#,
        upstreams.join(", ")
    )
}

#[derive(Deserialize)]
struct Policies {
    policies: Vec<Policy>,
}

#[derive(Deserialize)]
struct Policy {
    kind: String,
    effects: std::collections::BTreeMap<String, u64>,
}

pub(super) fn counters(body: &str) -> Result<Counters, Error> {
    let read: Policies = serde_json::from_str(body).map_err(|error| Error::Policies(error.to_string()))?;
    let sum = |kind: &str, effect: &str| {
        let own = read.policies.iter().filter(|policy| policy.kind == kind);
        own.filter_map(|policy| policy.effects.get(effect)).sum()
    };
    Ok(Counters {
        retries: sum("retry", "retries"),
        recovered: sum("retry", "recovered"),
        trips: sum("breaker", "opened"),
    })
}

/// Configuration, log and the operator's token, in a folder for us alone that is gone with the gateway.
struct Files {
    folder: PathBuf,
    config: PathBuf,
    log: PathBuf,
    token: PathBuf,
}

impl Files {
    fn make() -> Result<Self, Error> {
        let name = format!("seaworthy-demo-{}-{:x}", std::process::id(), fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(Error::io("a folder for the gateway's files could not be made"))?;
        let [config, log, token] = ["seaworthy.toml", "log", "token"].map(|name| folder.join(name));
        Ok(Self { folder, config, log, token })
    }

    fn last_lines(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| format!("\n  {line}")).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // left in the system's folder for temporary files at worst
        let _left_behind = fs::remove_dir_all(&self.folder);
    }
}
