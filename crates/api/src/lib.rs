//! The control API: health, metrics, services with their policies and replicas, the cache, jobs, queues, schedules and dead
//! letters.
//!
//! It must never be needed for traffic to flow: it reads the data plane and gives it orders, and the data plane waits
//! for neither.

mod access;
mod alerts;
mod cache;
mod certificates;
mod dashboard;
mod dead_letters;
mod guard;
mod health;
mod identity;
mod jobs;
mod metrics;
mod monitoring;
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

pub use access::{AccessDoor, AccessParts, OperatorToken};
pub use certificates::{CertificateError, Certificates, CertificatesDoor, IssuedCertificate, TrustView};
pub use dashboard::Insight;
pub use guard::Guard;
pub use identity::{IdentityDoor, IdentityState};
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
    /// From where it may be talked to.
    pub guard: Guard,
    /// Who may talk to it.
    pub access: AccessDoor,
    /// The way to identities.
    pub identity: IdentityDoor,
    /// The way to the certificate authority.
    pub certificates: CertificatesDoor,
    /// What the dashboard shows beyond what the API tells.
    pub insight: Insight,
}

/// The largest body: ten thousand jobs, or one of the largest.
const LARGEST_BODY: usize = 16 << 20;

#[derive(OpenApi)]
#[openapi(info(
    title = "Seaworthy control API",
    description = "Health, metrics, services with their policies and replicas, the response cache, jobs, queues, schedules, dead \
                   letters, people, keys, grants and the audit log of a running Seaworthy.",
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
        .routes(routes!(identity::log_in::log_in))
        .routes(routes!(identity::log_in::second_factor))
        .routes(routes!(identity::log_in::refresh))
        .routes(routes!(identity::log_in::jwks))
        .routes(routes!(identity::log_in::discovery))
        .routes(routes!(identity::account::show))
        .routes(routes!(identity::account::password))
        .routes(routes!(
            identity::account::begin_second_factor,
            identity::account::confirm_second_factor,
            identity::account::remove_second_factor
        ))
        .routes(routes!(identity::account::sessions, identity::account::end_sessions))
        .routes(routes!(identity::account::end_session))
        .routes(routes!(identity::account::log_out))
        .routes(routes!(identity::account::tokens))
        .routes(routes!(identity::account::revoke_token))
        .routes(routes!(identity::revocations::revoke))
        .routes(routes!(identity::users::list, identity::users::create))
        .routes(routes!(identity::users::show, identity::users::change, identity::users::remove))
        .routes(routes!(identity::users::reset_password))
        .routes(routes!(identity::users::sessions, identity::users::end_sessions))
        .routes(routes!(identity::users::end_session))
        .routes(routes!(identity::keys::list, identity::keys::create))
        .routes(routes!(identity::keys::rotate))
        .routes(routes!(identity::keys::revoke))
        .routes(routes!(identity::grants::matrix))
        .routes(routes!(identity::grants::list, identity::grants::create))
        .routes(routes!(identity::grants::revoke))
        .routes(routes!(identity::grants::requests, identity::grants::ask))
        .routes(routes!(identity::grants::approve))
        .routes(routes!(identity::grants::deny))
        .routes(routes!(identity::grants::withdraw))
        .routes(routes!(identity::audit::list))
        .routes(routes!(identity::audit::verify))
        .routes(routes!(identity::audit::keys))
        .routes(routes!(identity::audit::export))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::show))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::unacknowledge))
        .routes(routes!(alerts::snooze))
        .routes(routes!(alerts::resolve))
        .routes(routes!(alerts::reopen))
        .routes(routes!(alerts::groups))
        .routes(routes!(alerts::silences::list, alerts::silences::create))
        .routes(routes!(alerts::silences::expire))
        .routes(routes!(alerts::objectives::list))
        .routes(routes!(alerts::objectives::prometheus_rules))
        .routes(routes!(alerts::objectives::grafana_dashboard))
        .routes(routes!(alerts::alertmanager::alerts, alerts::alertmanager::receive))
        .routes(routes!(alerts::alertmanager::list_silences, alerts::alertmanager::create_silence))
        .routes(routes!(alerts::alertmanager::silence, alerts::alertmanager::expire_silence))
        .routes(routes!(alerts::alertmanager::status))
        .routes(routes!(monitoring::requests::list))
        .routes(routes!(monitoring::requests::show))
        .routes(routes!(monitoring::query::query))
        .routes(routes!(monitoring::query::query_range))
        .routes(routes!(monitoring::snapshot::snapshot))
        .routes(routes!(certificates::issue))
        .routes(routes!(certificates::trust))
        .routes(routes!(certificates::revoke))
}

/// The API as a service.
pub fn router(control: Control) -> Router {
    let (router, document) = documented().split_for_parts();
    let document = serde_json::to_value(access::with_refusals(document)).unwrap_or_default();
    // a test refuses routes that do not say what they need; without a table every route answers nobody
    let (pages, page_document) = dashboard::documented().merge(monitoring::conventional()).split_for_parts();
    let page_document = serde_json::to_value(page_document).unwrap_or_default();
    let tables = access::Table::of(&document).and_then(|api| Ok(api.and(access::Table::of(&page_document)?)));
    let table = tables.unwrap_or_else(|routes| {
        tracing::error!(?routes, "routes of the control API do not say who may use them: it answers nobody");
        access::Table::default()
    });
    let table = Arc::new(table);
    router
        .merge(pages)
        .route("/api/v1/openapi.json", axum::routing::get(move || async move { axum::Json(document) }))
        .route(&format!("{}{{code}}", error_docs::PATH), axum::routing::get(problem::page))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(axum::middleware::map_response(problem::too_large))
        .layer(axum::middleware::from_fn_with_state((control.clone(), table), access::pass))
        .with_state(control)
}

/// Answers on a listener until it fails.
pub async fn serve(listener: tokio::net::TcpListener, control: Control) -> std::io::Result<()> {
    let service = router(control).into_make_service_with_connect_info::<std::net::SocketAddr>();
    axum::serve(listener, service).await
}

/// The document that describes the API.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    access::with_refusals(documented().split_for_parts().1)
}

/// The OpenAPI document, as it is committed.
pub fn openapi() -> String {
    document().to_pretty_json().unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
