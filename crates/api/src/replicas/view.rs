//! How services and replicas are shown.

use std::time::SystemTime;

use seaworthy_supervisor::events::Event;
use seaworthy_supervisor::status::{ReplicaStatus, ServiceStatus};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::jobs::moment;

/// How a service stands that is run here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    #[schema(example = "shop")]
    name: String,
    /// `Available`, `Progressing`, `Degraded` or `Stopped`.
    #[schema(example = "Available")]
    health: String,
    /// Why, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many replicas are wanted.
    replicas: u32,
    /// How many are ready.
    ready: u32,
    /// How many run what is wanted now.
    updated: u32,
    /// What a replica that runs what is wanted now was started with.
    template: String,
    /// Whether it was stopped by order.
    stopped: bool,
    /// `Complete`, `Progressing` or `Failed`, and why it failed.
    #[schema(value_type = Object)]
    rollout: Value,
    /// The last decision by load.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    autoscale: Option<Value>,
    /// Each replica, those that are ending included.
    instances: Vec<ReplicaView>,
    /// The replica that only requests with a pass reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<ReplicaView>,
    /// By what each limit is enforced on this machine.
    limits: Vec<String>,
}

/// A replica.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplicaView {
    #[schema(example = "shop-1")]
    name: String,
    /// `Pending`, `Starting`, `Started`, `Ready`, `NotReady`, `Draining`, `Stopping`, `CrashLoopBackOff`, `Completed`,
    /// `Failed` or `Stopped`.
    #[schema(example = "Ready")]
    phase: String,
    /// Since when.
    since: String,
    /// Why, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    template: String,
    /// Whether it runs what is wanted now.
    updated: bool,
    /// Where it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "127.0.0.1:40001")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// Whether it was taken over from an earlier life of Seaworthy.
    adopted: bool,
    /// How often it was started again.
    restarts: u64,
    /// How its last run ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_exit: Option<String>,
    /// What its last run said last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    last_lines: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageView>,
}

/// What a replica uses, with all its processes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// Processor time since its start.
    cpu_seconds: f64,
    /// Processors used of late.
    cores: f64,
    memory_bytes: u64,
    open_files: u64,
    processes: u64,
}

/// Something that happened, once or several times.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    first: String,
    last: String,
    count: u64,
    /// `Normal` or `Warning`.
    severity: String,
    #[schema(example = "BackOff")]
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<String>,
    message: String,
}

/// The word that stands for a value.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

pub(super) fn when(time: SystemTime) -> String {
    moment(time.into())
}

impl RunView {
    pub(super) fn new(status: &ServiceStatus, limits: Vec<String>) -> Self {
        Self {
            name: status.name.to_string(),
            health: word(&status.health),
            reason: status.reason.clone(),
            replicas: status.replicas,
            ready: status.ready,
            updated: status.updated,
            template: status.template.clone(),
            stopped: status.stopped,
            rollout: serde_json::to_value(&status.rollout).unwrap_or_default(),
            autoscale: status.autoscale.as_ref().and_then(|decision| serde_json::to_value(decision).ok()),
            instances: status.instances.iter().map(ReplicaView::from).collect(),
            sandbox: status.sandbox.as_ref().map(ReplicaView::from),
            limits,
        }
    }
}

impl From<&ReplicaStatus> for ReplicaView {
    fn from(replica: &ReplicaStatus) -> Self {
        Self {
            name: replica.name.to_string(),
            phase: word(&replica.phase),
            since: when(replica.since),
            message: replica.message.clone(),
            template: replica.template.clone(),
            updated: replica.updated,
            address: replica.addr.map(|addr| addr.to_string()),
            pid: replica.pid,
            started_at: replica.started_at.map(when),
            adopted: replica.adopted,
            restarts: replica.restarts,
            last_exit: replica.last_exit.clone(),
            last_lines: replica.last_lines.clone(),
            usage: replica.usage.map(|usage| UsageView {
                cpu_seconds: usage.cpu_seconds,
                cores: usage.cores,
                memory_bytes: usage.memory_bytes,
                open_files: usage.open_files,
                processes: usage.processes,
            }),
        }
    }
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            first: when(event.first),
            last: when(event.last),
            count: event.count,
            severity: word(&event.severity),
            reason: word(&event.reason),
            replica: event.replica.as_ref().map(ToString::to_string),
            message: event.message.clone(),
        }
    }
}
