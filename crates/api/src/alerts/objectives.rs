//! Objectives: what was promised, and how much of what may fail is left.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use seaworthy_alerts::objective::{Burn, Indicator, Objective, Status};
use seaworthy_core::{ErrorCode, duration};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::open;
use crate::{Control, Problem};

/// All objectives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Objectives {
    objectives: Vec<ObjectiveView>,
}

/// What was promised, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObjectiveView {
    #[schema(example = "shop")]
    name: String,
    description: String,
    /// Of requests to this service only.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// Of requests of this route only.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    /// `availability` or `latency`.
    indicator: &'static str,
    /// Of latency: within how long good requests are answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    within_seconds: Option<f64>,
    /// The share of requests that has to be good, from 0 to 1.
    target_ratio: f64,
    /// Over how long.
    #[schema(example = "30d")]
    window: String,
    /// How it stands; absent where it cannot be looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StandingView>,
    /// Why it cannot be looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How an objective stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StandingView {
    /// Requests of its window, as far back as the history goes.
    requests: f64,
    bad_requests: f64,
    /// From 0 to 1; null without requests.
    good_ratio: Option<f64>,
    /// What is left of the error budget: 1 is all, 0 nothing, below 0 is overspent; null without requests.
    budget_left_ratio: Option<f64>,
    /// When nothing is left if the last hour goes on; null where it lasts for the window, 0 where nothing is left.
    exhausted_in_seconds: Option<f64>,
    burn_rates: Vec<BurnView>,
}

/// How fast the budget is used over a pair of windows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BurnView {
    #[schema(example = "1h")]
    long_window: String,
    #[schema(example = "5m")]
    short_window: String,
    severity: &'static str,
    /// The multiple from which on somebody is told.
    factor: f64,
    /// The multiple over the long window: 1 uses the budget up at the end of the objective's window.
    long_burn_rate: Option<f64>,
    short_burn_rate: Option<f64>,
    /// Requests in the short window.
    requests: f64,
    breached: bool,
}

impl ObjectiveView {
    fn new(objective: &Objective, status: Result<Status, seaworthy_alerts::Error>) -> Self {
        let within_seconds = match objective.indicator {
            Indicator::Latency { threshold } => Some(threshold.as_secs_f64()),
            Indicator::Availability { .. } => None,
        };
        let (status, error) = match status {
            Ok(status) => (Some(StandingView::from(status)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            name: objective.name.clone(),
            description: objective.description.clone(),
            service: objective.service.clone(),
            route: objective.route.clone(),
            indicator: objective.indicator.word(),
            within_seconds,
            target_ratio: objective.target / 100.0,
            window: duration::format(objective.window),
            status,
            error,
        }
    }
}

impl From<Status> for StandingView {
    fn from(status: Status) -> Self {
        Self {
            requests: status.counts.total,
            bad_requests: status.counts.bad,
            good_ratio: status.good,
            budget_left_ratio: status.budget_left,
            exhausted_in_seconds: status.exhausted_in.map(|length| length.as_secs_f64()),
            burn_rates: status.burns.into_iter().map(BurnView::from).collect(),
        }
    }
}

impl From<Burn> for BurnView {
    fn from(burn: Burn) -> Self {
        Self {
            long_window: duration::format(burn.rate.long),
            short_window: duration::format(burn.rate.short),
            severity: burn.rate.severity.word(),
            factor: burn.rate.factor,
            long_burn_rate: burn.long,
            short_burn_rate: burn.short,
            requests: burn.requests,
            breached: burn.is_breached,
        }
    }
}

/// Every objective: its error budget, how fast it is used, and how long it lasts.
#[utoipa::path(get, path = "/api/v1/objectives",
    extensions(("x-permission" = json!("objectives:read"))), tag = "objectives", responses((status = 200, body = Objectives)))]
pub(crate) async fn list(State(control): State<Control>) -> Result<Json<Objectives>, Problem> {
    let alerts = open(&control)?.clone();
    let look = move || {
        let mut statuses: std::collections::BTreeMap<_, _> = alerts.objectives().into_iter().collect();
        let measured = alerts.measured();
        let view = |measured: &std::sync::Arc<seaworthy_alerts::objective::Measured>| {
            let status = statuses.remove(&measured.objective.name)?;
            Some(ObjectiveView::new(&measured.objective, status))
        };
        measured.iter().filter_map(view).collect()
    };
    // looks through weeks of samples: not where others wait
    let objectives = tokio::task::spawn_blocking(look).await.map_err(|_| broke_off())?;
    Ok(Json(Objectives { objectives }))
}

/// A question that did not come to its end.
pub(crate) fn broke_off() -> Problem {
    Problem::new(ErrorCode::Internal, "internal", "the question broke off; the log tells more")
}

/// The objectives as recording and alerting rules for a Prometheus that scrapes `/metrics`.
#[utoipa::path(get, path = "/api/v1/objectives/prometheus-rules",
    extensions(("x-permission" = json!("objectives:read"))), tag = "objectives",
    responses((status = 200, body = String, content_type = "application/yaml")))]
pub(crate) async fn prometheus_rules(State(control): State<Control>) -> Result<impl IntoResponse, Problem> {
    Ok(([(CONTENT_TYPE, "application/yaml")], open(&control)?.prometheus_rules()))
}

/// The objectives as a dashboard for Grafana, on the recorded rules.
#[utoipa::path(get, path = "/api/v1/objectives/grafana-dashboard",
    extensions(("x-permission" = json!("objectives:read"))), tag = "objectives",
    responses((status = 200, body = Object)))]
pub(crate) async fn grafana_dashboard(State(control): State<Control>) -> Result<Json<Value>, Problem> {
    Ok(Json(open(&control)?.grafana_dashboard()))
}
