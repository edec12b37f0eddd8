//! What is wanted of a service: finished settings, made by the binary from a configuration file, by tests by hand.
//!
//! Names and defaults are Kubernetes' where one exists; where a default differs, its comment says so and why.

mod autoscale;
mod command;
mod digest;
mod graph;
mod probe;
mod restart;
mod rollout;
mod validate;

#[cfg(test)]
mod tests;

pub use autoscale::Autoscale;
pub(crate) use command::Places;
pub use command::{Command, SOCKET_DESCRIPTOR};
pub(crate) use graph::levels;
pub use graph::validate_all;
pub use probe::{Probe, ProbeKind, Probes};
pub use restart::{Backoff, Restart, RestartPolicy};
pub use rollout::{CountOrPercent, NotAnAmount, Rollout};

use seaworthy_core::Secret;
use seaworthy_process::{Limits, Orphan, OutputLimits};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How a replica learns where to listen. It always listens on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Port {
    /// A free port of this machine, a new one at every start: `{port}` in the command and in values of the environment,
    /// and the variable `PORT`.
    #[default]
    Free,
    /// A socket that already listens, passed as `LISTEN_FDS` (sd_listen_fds(3)): descriptor 3, `{socket}` in the command.
    /// `{port}` and `PORT` say which port it has. Connections are accepted, and wait, from the first moment on: a TCP probe
    /// says nothing about the program.
    Socket,
    /// Always this port. There can be one replica at a time, and a rollout stops the old one before it starts the new
    /// one: requests in between wait or fail.
    Fixed(u16),
}

/// A service: what to run, how often, and how to look after it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name, unique: 1–48 of `a–z A–Z 0–9 - _ .`, the first a letter or digit.
    pub name: String,
    /// What is run.
    pub command: Command,
    /// How many replicas, unless scaled by order or by load. 1.
    pub replicas: u32,
    /// How a replica learns where to listen. A free port.
    pub port: Port,
    /// Variables of the environment, besides the few that every process has. Their values are secrets.
    pub env: BTreeMap<String, Secret<String>>,
    /// Variables taken over from Seaworthy's own environment.
    pub inherit_env: Vec<String>,
    /// Working directory. Seaworthy's own.
    pub folder: Option<PathBuf>,
    /// User, by name or number. Seaworthy's own.
    pub user: Option<String>,
    /// Group, by name or number. The user's own.
    pub group: Option<String>,
    /// What each replica may use.
    pub limits: Limits,
    /// How its health is seen. Readiness by TCP.
    pub probes: Probes,
    /// What follows when a replica ends by itself.
    pub restart: Restart,
    /// From SIGTERM to SIGKILL, at the most. 30 s.
    pub termination_grace: Duration,
    /// How long requests in flight are waited for before SIGTERM, at the most. 30 s.
    pub drain: Duration,
    /// Services of which a replica must be ready before one of this is started.
    pub depends_on: Vec<String>,
    /// How replicas are replaced.
    pub rollout: Rollout,
    /// Scaling by load. None.
    pub autoscale: Option<Autoscale>,
    /// What becomes of replicas when Seaworthy dies. They are kept, and taken over by the next one.
    pub orphan: Orphan,
    /// How much of the output is taken.
    pub output: OutputLimits,
}

impl Service {
    /// A service with default settings.
    pub fn new(name: &str, command: Command) -> Self {
        Self {
            name: name.to_owned(),
            command,
            replicas: 1,
            port: Port::Free,
            env: BTreeMap::new(),
            inherit_env: Vec::new(),
            folder: None,
            user: None,
            group: None,
            limits: Limits::default(),
            probes: Probes::default(),
            restart: Restart::default(),
            termination_grace: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            depends_on: Vec::new(),
            rollout: Rollout::default(),
            autoscale: None,
            orphan: Orphan::Keep,
            output: OutputLimits::default(),
        }
    }

    /// Whether two replicas can never run side by side.
    pub const fn is_exclusive(&self) -> bool {
        matches!(self.port, Port::Fixed(_))
    }
}
