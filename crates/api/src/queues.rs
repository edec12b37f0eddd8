//! Queues: how deep they are, and what they may do.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use seaworthy_core::duration;
use seaworthy_jobs::{Jobs, QueueStatus, Rate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::jobs::{moment, problem};
use crate::{Control, Problem, request};

/// All queues.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Queues {
    queues: Vec<QueueView>,
}

/// A queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    #[schema(example = "default")]
    name: String,
    /// Nothing of it is begun.
    paused: bool,
    /// How many jobs it has, by state: those that are not over, and dead letters.
    depth: BTreeMap<String, u64>,
    /// Since when its first available job could have been begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
    /// Jobs of it that run at once, over all workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_running: Option<u32>,
    /// Starts per time, over all workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<RateView>,
}

/// Starts per time.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateView {
    /// Starts …
    #[schema(example = 100)]
    pub(crate) starts: u32,
    /// … in this time.
    #[schema(example = "1s")]
    pub(crate) per: String,
    /// At once after a quiet time; 1 unless said.
    #[serde(default = "one")]
    pub(crate) burst: u32,
}

/// What a queue as a whole may do; what is absent is not limited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsOrder {
    #[serde(default)]
    max_running: Option<u32>,
    #[serde(default)]
    rate: Option<RateView>,
}

const fn one() -> u32 {
    1
}

impl From<QueueStatus> for QueueView {
    fn from(queue: QueueStatus) -> Self {
        Self {
            name: queue.name,
            paused: queue.limits.paused,
            depth: queue.depth,
            oldest: queue.oldest.map(moment),
            max_running: queue.limits.max_running,
            rate: queue.limits.rate.map(RateView::from),
        }
    }
}

impl From<Rate> for RateView {
    fn from(rate: Rate) -> Self {
        Self { starts: rate.count, per: duration::format(rate.period), burst: rate.burst }
    }
}

/// Every queue that has unfinished jobs, dead letters or limits.
#[utoipa::path(get, path = "/api/v1/queues",
    extensions(("x-permission" = json!("queues:read"))), tag = "queues", responses((status = 200, body = Queues)))]
pub(crate) async fn list(State(control): State<Control>) -> Result<Json<Queues>, Problem> {
    let queues = control.jobs.open()?.jobs.queues().await.map_err(problem)?;
    Ok(Json(Queues { queues: queues.into_iter().map(QueueView::from).collect() }))
}

/// How a queue stands; one that nobody has named is empty.
#[utoipa::path(get, path = "/api/v1/queues/{name}",
    extensions(("x-permission" = json!("queues:read"))), tag = "queues", params(("name" = String, Path, example = "default")),
    responses((status = 200, body = QueueView)))]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<QueueView>, Problem> {
    let jobs = control.jobs.open()?.jobs;
    Ok(Json(jobs.queue(&name).await.map_err(problem)?.into()))
}

/// Sets what a queue as a whole may do. Workers of all processes follow within a second. What the configuration says
/// comes back at the next start or reload.
#[utoipa::path(put, path = "/api/v1/queues/{name}/limits",
    extensions(("x-permission" = json!("queues:write"))), tag = "queues", request_body = LimitsOrder,
    params(("name" = String, Path, example = "default")),
    responses((status = 200, body = QueueView), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn limit(
    State(control): State<Control>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<QueueView>, Problem> {
    let jobs = control.jobs.open()?.jobs;
    let order: LimitsOrder = request::body(&bytes)?;
    let rate = order.rate.map(|rate| {
        let period =
            duration::parse(&rate.per).map_err(|error| request::invalid(&format!("per: {error}")))?;
        Ok::<_, Problem>(Rate { count: rate.starts, period, burst: rate.burst })
    });
    let rate = rate.transpose()?;
    jobs.cap_queue(&name, order.max_running, rate).await.map_err(problem)?;
    told(&jobs, &name).await
}

/// Begins nothing of a queue until it is resumed. Jobs under way go on, and more are accepted.
#[utoipa::path(post, path = "/api/v1/queues/{name}/pause",
    extensions(("x-permission" = json!("queues:write"))), tag = "queues", params(("name" = String, Path, example = "default")),
    responses((status = 200, body = QueueView)))]
pub(crate) async fn pause(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<QueueView>, Problem> {
    let jobs = control.jobs.open()?.jobs;
    jobs.pause_queue(&name).await.map_err(problem)?;
    told(&jobs, &name).await
}

/// Goes on with a queue.
#[utoipa::path(post, path = "/api/v1/queues/{name}/resume",
    extensions(("x-permission" = json!("queues:write"))), tag = "queues", params(("name" = String, Path, example = "default")),
    responses((status = 200, body = QueueView)))]
pub(crate) async fn resume(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<QueueView>, Problem> {
    let jobs = control.jobs.open()?.jobs;
    jobs.resume_queue(&name).await.map_err(problem)?;
    told(&jobs, &name).await
}

async fn told(jobs: &Jobs, name: &str) -> Result<Json<QueueView>, Problem> {
    let queue = jobs.queue(name).await.map_err(problem)?;
    tracing::info!(queue = name, limits = ?queue.limits, "queue limits set");
    Ok(Json(queue.into()))
}
