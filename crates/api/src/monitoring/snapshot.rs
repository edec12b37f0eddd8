//! One look at everything: what `seaworthy top` shows.

mod traffic;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use seaworthy_alerts::labels::Matchers;
use seaworthy_alerts::{AlertView, Alerts};
use seaworthy_telemetry::history::{Aggregate, Function, History, Query, Selector};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ask, moment};
use crate::services::{Service, services};
use crate::{Control, Problem};
use traffic::TrafficView;

/// Over how long rates and quantiles are taken.
const WINDOW: Duration = Duration::from_secs(60);
/// The most firing alerts that are named.
const MOST_ALERTS: usize = 100;

/// One look at everything. What is not known is null: no history, no store, nothing sampled yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    at: String,
    /// Over how long rates and quantiles are taken.
    window_seconds: f64,
    services: Vec<ServiceView>,
    /// Null where there are no jobs, or the store is away.
    queues: Option<Vec<QueueView>>,
    /// Jobs that failed for good, in all queues.
    dead_letters: Option<u64>,
    process: ProcessView,
    objectives: Vec<BudgetView>,
    alerts: AlertsView,
}

/// A service, its endpoints with the phases of their breakers, and its traffic.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceView {
    #[serde(flatten)]
    service: Service,
    #[serde(flatten)]
    traffic: TrafficView,
}

/// A queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    name: String,
    paused: bool,
    /// Jobs that can be begun now.
    available: u64,
    running: u64,
    /// Jobs that wait: for their time, for others, for their next attempt.
    waiting: u64,
    /// Jobs that failed for good.
    dead: u64,
    /// How long the first available job has waited.
    oldest_seconds: Option<f64>,
}

/// This process.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ProcessView {
    /// Processors in use: 1.5 is one and a half.
    cpu_cores: Option<f64>,
    memory_resident_bytes: Option<f64>,
    file_descriptors: Option<f64>,
    file_descriptors_max: Option<f64>,
    threads: Option<f64>,
    uptime_seconds: Option<f64>,
}

/// What is left of an error budget.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetView {
    name: String,
    /// 1 is all, 0 nothing, below 0 is overspent; null without requests.
    budget_left_ratio: Option<f64>,
    /// How many times as fast as it lasts it is used, over the first pair's long window.
    burn_rate: Option<f64>,
    exhausted_in_seconds: Option<f64>,
}

/// What is wrong.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct AlertsView {
    firing: usize,
    /// Of those: nobody is told now, or somebody looks after it.
    held_or_acknowledged: usize,
    /// By severity.
    by_severity: BTreeMap<&'static str, usize>,
    /// The first hundred.
    list: Vec<FiringView>,
}

/// An alert that is firing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FiringView {
    id: String,
    name: String,
    severity: &'static str,
    summary: String,
    /// `silenced`, `inhibited`, `snoozed` or `acknowledged`.
    held: Option<&'static str>,
    since_seconds: f64,
}

/// One look at everything, with units in the names.
#[utoipa::path(get, path = "/api/v1/monitoring/snapshot",
    extensions(("x-permission" = json!("metrics:read"))), tag = "metrics", responses((status = 200, body = Snapshot)))]
pub(crate) async fn snapshot(State(control): State<Control>) -> Result<Json<Snapshot>, Problem> {
    let now = SystemTime::now();
    let queues = queues(&control, now).await;
    let (history, alerts) = (control.insight.history.clone(), control.insight.alerts.clone());
    let measured = ask(move || {
        let mut traffic =
            history.as_ref().map(|history| traffic::all(history, WINDOW, now)).unwrap_or_default();
        traffic.remove("");
        let process = history.as_ref().map(|history| process(history, now)).unwrap_or_default();
        (traffic, process, alerts.as_ref().map(budgets).unwrap_or_default())
    });
    let (mut traffic, process, objectives) = measured.await?;
    let services = services(&control.gateway).into_iter().map(|service| {
        let traffic = traffic.remove(service.name()).unwrap_or_default();
        ServiceView { service, traffic }
    });
    Ok(Json(Snapshot {
        at: moment(now),
        window_seconds: WINDOW.as_secs_f64(),
        services: services.collect(),
        dead_letters: queues.as_ref().map(|queues| queues.iter().map(|queue| queue.dead).sum()),
        queues,
        process,
        objectives,
        alerts: control.insight.alerts.as_ref().map(|alerts| firing(alerts, now)).unwrap_or_default(),
    }))
}

async fn queues(control: &Control, now: SystemTime) -> Option<Vec<QueueView>> {
    let jobs = control.jobs.open().ok()?.jobs;
    let queues = jobs.queues().await.ok()?;
    let view = |queue: seaworthy_jobs::QueueStatus| {
        let of = |state: &str| queue.depth.get(state).copied().unwrap_or_default();
        QueueView {
            paused: queue.limits.paused,
            available: of("available"),
            running: of("running"),
            waiting: of("scheduled") + of("pending") + of("retryable"),
            dead: of("discarded"),
            oldest_seconds: queue
                .oldest
                .map(|oldest| seaworthy_store::Timestamp::from(now).since(oldest).as_secs_f64()),
            name: queue.name,
        }
    };
    Some(queues.into_iter().map(view).collect())
}

fn process(history: &History, now: SystemTime) -> ProcessView {
    let ask = |metric: &str, function: Function| {
        let selector = Selector::new(metric, Vec::new()).ok()?;
        let by = Some(Vec::new());
        let query = Query { selector, function, window: WINDOW, by, aggregate: Aggregate::Sum };
        Some(history.query(&query, now).ok()?.first()?.value)
    };
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    ProcessView {
        cpu_cores: ask("process_cpu_seconds_total", Function::Rate),
        memory_resident_bytes: ask("process_resident_memory_bytes", Function::Latest),
        file_descriptors: ask("process_open_fds", Function::Latest),
        file_descriptors_max: ask("process_max_fds", Function::Latest),
        threads: ask("process_threads", Function::Latest),
        uptime_seconds: ask("process_start_time_seconds", Function::Latest).map(|started| since - started),
    }
}

fn budgets(alerts: &Alerts) -> Vec<BudgetView> {
    let view = |(name, status): (String, Result<seaworthy_alerts::objective::Status, _>)| {
        let status = status.ok();
        BudgetView {
            name,
            budget_left_ratio: status.as_ref().and_then(|status| status.budget_left),
            burn_rate: status.as_ref().and_then(|status| status.burns.first()?.long),
            exhausted_in_seconds: status
                .as_ref()
                .and_then(|status| status.exhausted_in)
                .map(|length| length.as_secs_f64()),
        }
    };
    alerts.objectives().into_iter().map(view).collect()
}

fn firing(alerts: &Alerts, now: SystemTime) -> AlertsView {
    let found = alerts.list(&Matchers::default(), usize::MAX);
    let found: Vec<AlertView> = found.into_iter().filter(|view| view.alert.is_firing()).collect();
    let now = seaworthy_store::Timestamp::from(now);
    let held = |view: &AlertView| view.held.or(view.alert.acknowledged.as_ref().map(|_| "acknowledged"));
    let mut by_severity = BTreeMap::new();
    for view in &found {
        *by_severity.entry(view.alert.severity().word()).or_default() += 1;
    }
    let row = |view: &AlertView| FiringView {
        id: view.alert.id.clone(),
        name: view.alert.name().to_owned(),
        severity: view.alert.severity().word(),
        summary: view.alert.annotations.get("summary").cloned().unwrap_or_default(),
        held: held(view),
        since_seconds: now.since(view.alert.starts_at).as_secs_f64(),
    };
    AlertsView {
        firing: found.len(),
        held_or_acknowledged: found.iter().filter(|view| held(view).is_some()).count(),
        by_severity,
        list: found.iter().take(MOST_ALERTS).map(row).collect(),
    }
}
