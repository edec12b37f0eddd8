//! How services are, as the API shows it. Moments are milliseconds since 1970.

use crate::autoscale::Decision;
use crate::moment;
use crate::replica::Phase;
use crate::rollout;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// How a service is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: Arc<str>,
    /// In one word.
    pub health: Health,
    /// Why, where that is not plain.
    pub reason: Option<String>,
    /// Whether it was stopped by order.
    pub stopped: bool,
    /// How many replicas are wanted.
    pub replicas: u32,
    /// How many are ready.
    pub ready: u32,
    /// How many run what is wanted now.
    pub updated: u32,
    /// What a replica that runs what is wanted now was started with.
    pub template: String,
    /// How the rollout stands.
    pub rollout: rollout::Status,
    /// The last decision by load, where there is one.
    pub autoscale: Option<Decision>,
    /// Each replica, those that are ending included.
    pub instances: Vec<ReplicaStatus>,
    /// The replica for trials.
    pub sandbox: Option<ReplicaStatus>,
}

/// How a service is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Health {
    /// As many replicas are ready as are wanted, and nothing is being replaced.
    Available,
    /// It is on its way there.
    Progressing,
    /// It is not getting there: replicas keep ending, a rollout failed, or a dependency is not ready.
    Degraded,
    /// It was stopped by order, or no replicas are wanted.
    Stopped,
}

/// How a replica is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicaStatus {
    /// Its name, such as `shop-1`.
    pub name: Arc<str>,
    /// Where it stands.
    pub phase: Phase,
    /// Since when it stands there.
    #[serde(serialize_with = "moment::serialize")]
    pub since: SystemTime,
    /// Why, where that is not plain: what it waits for, or which probe fails how.
    pub message: Option<String>,
    /// What it was started with.
    pub template: String,
    /// Whether that is what is wanted now.
    pub updated: bool,
    /// Where it answers.
    pub addr: Option<SocketAddr>,
    /// Its process.
    pub pid: Option<u32>,
    /// When its process was started.
    #[serde(serialize_with = "moment::optional")]
    pub started_at: Option<SystemTime>,
    /// Whether it was taken over from an earlier life of Seaworthy.
    pub adopted: bool,
    /// How often it was started again.
    pub restarts: u64,
    /// How its last run ended, in words.
    pub last_exit: Option<String>,
    /// What its last run said last.
    pub last_lines: Vec<String>,
    /// What it uses, as of a few seconds ago.
    pub usage: Option<UsageStatus>,
}

/// What a replica uses, with all its processes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UsageStatus {
    /// Processor time since its start, in seconds.
    pub cpu_seconds: f64,
    /// Processor time of late, in cores.
    pub cores: f64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Open files and sockets.
    pub open_files: u64,
    /// Processes.
    pub processes: u64,
}
