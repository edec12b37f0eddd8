//! The control API: health, metrics, services with their policies and replicas, the cache, jobs, queues, schedules and dead
//! letters.
//!
//! It must never be needed for traffic to flow: it reads the data plane and gives it orders, and the data plane waits
//! for neither.

mod cache;
mod dead_letters;
mod guard;
mod health;
mod jobs;
mod metrics;
mod problem;
mod queues;
mod replicas;
mod request;
mod schedules;
mod services;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use seaworthy_gateway::{Gateway, error_docs};
use seaworthy_telemetry::metrics::Registry;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use guard::Guard;
pub use jobs::{JobsDoor, JobsState, OpenJobs};
pub use problem::Problem;
pub use replicas::FleetDoor;

/// Where the process stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Not serving yet.
    Starting = 0,
    /// Serving.
    Ready = 1,
    /// Finishing what is under way; a load balancer should send nothing more.
    Draining = 2,
}

/// The phase, shared with whoever changes it.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle(Arc<AtomicU8>);

impl Lifecycle {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }
}

/// What the API speaks for.
#[derive(Debug, Clone)]
pub struct Control {
    /// The data plane.
    pub gateway: Arc<Gateway>,
    /// All metrics.
    pub metrics: Registry,
    /// Where the process stands in its life.
    pub lifecycle: Lifecycle,
    /// The way to jobs.
    pub jobs: JobsDoor,
    /// The way to the services that are run here.
    pub fleet: FleetDoor,
    /// Who may talk to it.
    pub guard: Guard,
}

/// The largest body: ten thousand jobs, or one of the largest.
const LARGEST_BODY: usize = 16 << 20;

#[derive(OpenApi)]
#[openapi(info(
    title = "Seaworthy control API",
    description = "Health, metrics, services with their policies and replicas, the response cache, jobs, queues, schedules and dead \
                   letters of a running Seaworthy.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Document;

fn documented() -> OpenApiRouter<Control> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::startup))
        .routes(routes!(metrics::metrics))
        .routes(routes!(services::list))
        .routes(routes!(services::policies))
        .routes(routes!(replicas::show, replicas::scale))
        .routes(routes!(replicas::restart))
        .routes(routes!(replicas::stop))
        .routes(routes!(replicas::start))
        .routes(routes!(replicas::sandbox, replicas::end_sandbox))
        .routes(routes!(replicas::events))
        .routes(routes!(replicas::logs))
        .routes(routes!(cache::purge))
        .routes(routes!(jobs::list, jobs::create))
        .routes(routes!(jobs::bulk))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::logs))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::begin_batch))
        .routes(routes!(jobs::batch))
        .routes(routes!(jobs::seal_batch))
        .routes(routes!(queues::list))
        .routes(routes!(queues::show))
        .routes(routes!(queues::limit))
        .routes(routes!(queues::pause))
        .routes(routes!(queues::resume))
        .routes(routes!(schedules::list, schedules::create))
        .routes(routes!(schedules::show, schedules::change, schedules::remove))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
        .routes(routes!(schedules::disable))
        .routes(routes!(schedules::trigger))
        .routes(routes!(schedules::runs))
        .routes(routes!(schedules::events))
        .routes(routes!(schedules::explain))
        .routes(routes!(schedules::drift))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::groups))
        .routes(routes!(dead_letters::export))
        .routes(routes!(dead_letters::import))
        .routes(routes!(dead_letters::sample))
        .routes(routes!(dead_letters::park_all))
        .routes(routes!(dead_letters::purge))
        .routes(routes!(dead_letters::redrives, dead_letters::redrive))
        .routes(routes!(dead_letters::redrive_status))
        .routes(routes!(dead_letters::switch_redrive))
        .routes(routes!(dead_letters::show))
        .routes(routes!(dead_letters::edit))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(dead_letters::park))
        .routes(routes!(dead_letters::unpark))
}

/// The API as a service.
pub fn router(control: Control) -> Router {
    let (router, document) = documented().split_for_parts();
    let document = serde_json::to_value(&document).unwrap_or_default();
    router
        .route("/api/v1/openapi.json", axum::routing::get(move || async move { axum::Json(document) }))
        .route(&format!("{}{{code}}", error_docs::PATH), axum::routing::get(problem::page))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(axum::middleware::map_response(problem::too_large))
        .layer(axum::middleware::from_fn_with_state(control.clone(), guard::guard))
        .with_state(control)
}

/// Answers on a listener until it fails.
pub async fn serve(listener: tokio::net::TcpListener, control: Control) -> std::io::Result<()> {
    axum::serve(listener, router(control)).await
}

/// The OpenAPI document, as it is committed.
pub fn openapi() -> String {
    let (_, document) = documented().split_for_parts();
    document.to_pretty_json().unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
