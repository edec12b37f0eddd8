//! What Prometheus scrapes.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use seaworthy_telemetry::metrics::CONTENT_TYPE as OPENMETRICS;

use crate::Control;

/// All metrics as OpenMetrics text.
#[utoipa::path(get, path = "/metrics",
    extensions(("x-permission" = json!("metrics:read"))), tag = "metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(control): State<Control>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPENMETRICS)], control.metrics.render())
}
