//! Schedules: what runs when, and what became of it.

mod definition;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use seaworthy_jobs::cron::{self, Daylight};
use seaworthy_jobs::schedule::{
    Definition, Event, Outcome, Reconciled, Run, Schedule, ScheduleFilter, Status, Triggered,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::jobs::{moment, problem, when};
use crate::request::{self, Params};
use crate::{Control, Problem};
use definition::ScheduleDefinition;

/// A schedule as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleView {
    #[schema(example = "nightly-report")]
    name: String,
    #[schema(value_type = ScheduleDefinition)]
    definition: Value,
    /// `active`, `paused`, `expired` or `disabled`.
    #[schema(example = "active")]
    status: String,
    /// Why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Its next tick.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    /// When that is fired, jitter included.
    #[serde(skip_serializing_if = "Option::is_none")]
    fire_at: Option<String>,
    /// Its last tick.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<String>,
    /// Runs that became jobs.
    executions: u64,
    /// Runs in a row that ended as dead letters.
    failures: u32,
    /// Whether the configuration declares it.
    declared: bool,
    /// Whether it was changed since it was declared.
    drifted: bool,
    /// Grows with every change.
    version: i64,
    created_at: String,
    updated_at: String,
}

/// A page of schedules, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SchedulePage {
    schedules: Vec<ScheduleView>,
    /// The next page's `cursor`; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which schedules.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `active`, `paused`, `expired` or `disabled`.
    status: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1,000; 50 unless said.
    limit: Option<usize>,
}

/// What became of a tick, or of several that were missed together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    #[schema(example = "2026-11-21T02:30:00Z")]
    tick: String,
    /// `tick`, `manual` or `dependency`.
    cause: &'static str,
    /// `enqueued`, `completed`, `failed`, `cancelled`, `gone`, `missed`, `skipped` or `timed_out`.
    outcome: &'static str,
    /// The last of the ticks that this stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// How many those are; absent where they were too many to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<i64>,
    recorded_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
}

/// A page of runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Runs {
    runs: Vec<RunView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Something that happened to a schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    at: String,
    /// `created`, `changed`, `paused`, `resumed`, `disabled`, `expired` or `failing`.
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What happened to a schedule, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    events: Vec<EventView>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// 1 to 1,000; 50 unless said.
    pub(crate) limit: Option<usize>,
}

/// A change may name the version it was made on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OnVersion {
    /// Refused with 409 where the schedule has another one by now.
    version: Option<i64>,
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Because {
    /// Shown with the schedule.
    #[serde(default)]
    #[schema(example = "the shop is closed")]
    reason: Option<String>,
}

/// What became of a run that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriggerView {
    tick: String,
    /// `enqueued`, or `skipped` where the run before it has not ended.
    #[schema(example = "enqueued")]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<i64>,
}

/// A cron expression.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainOrder {
    #[schema(example = "30 2 * * MON-FRI")]
    expression: String,
    /// `UTC` unless said.
    #[serde(default)]
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// `skipped`: `auto`, `skip` or `run_at_gap_end`; `repeated`: `auto`, `first` or `both`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    daylight: Daylight,
    /// Firings to show, up to 100; 5 unless said.
    #[serde(default)]
    count: Option<usize>,
}

/// A cron expression in words, with its next firings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explained {
    expression: String,
    timezone: String,
    words: String,
    /// What happens when clocks change.
    daylight: String,
    next: Vec<FiringView>,
}

/// One firing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FiringView {
    utc: String,
    local: String,
}

/// What the configuration declares against what there is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Difference {
    /// Declared, and not there.
    created: Vec<String>,
    /// There otherwise than declared, because the declaration changed.
    changed: Vec<String>,
    /// Made by hand, and now declared too.
    adopted: Vec<String>,
    /// There, and declared no longer.
    removed: Vec<String>,
    unchanged: Vec<String>,
    /// Changed by hand since they were declared.
    drifted: Vec<DriftView>,
}

/// What was changed by hand.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DriftView {
    name: String,
    fields: Vec<String>,
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        Self {
            name: schedule.name().to_owned(),
            drifted: schedule.has_drifted(),
            definition: serde_json::to_value(&schedule.definition).unwrap_or_default(),
            status: schedule.status.to_string(),
            reason: schedule.reason,
            next_at: schedule.next_at.map(moment),
            fire_at: schedule.fire_at.map(moment),
            last_at: schedule.last_at.map(moment),
            executions: schedule.executions,
            failures: schedule.failures,
            declared: schedule.declared.is_some(),
            version: schedule.version,
            created_at: moment(schedule.created_at),
            updated_at: moment(schedule.updated_at),
        }
    }
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            tick: moment(run.tick),
            cause: run.cause.as_str(),
            outcome: run.outcome.as_str(),
            until: run.until.map(moment),
            count: run.count,
            note: run.note,
            job: run.job,
            recorded_at: moment(run.recorded_at),
            finished_at: run.finished_at.map(moment),
        }
    }
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self { at: moment(event.at), event: event.event, detail: event.detail }
    }
}

impl From<Triggered> for TriggerView {
    fn from(triggered: Triggered) -> Self {
        Self { tick: moment(triggered.tick), outcome: Outcome::as_str(triggered.outcome), job: triggered.job }
    }
}

impl From<Reconciled> for Difference {
    fn from(found: Reconciled) -> Self {
        let drift =
            |drift: seaworthy_jobs::schedule::Drift| DriftView { name: drift.name, fields: drift.fields };
        Self {
            created: found.created,
            changed: found.changed,
            adopted: found.adopted,
            removed: found.removed,
            unchanged: found.unchanged,
            drifted: found.drifted.into_iter().map(drift).collect(),
        }
    }
}

/// A page of schedules, by name.
#[utoipa::path(get, path = "/api/v1/schedules",
    extensions(("x-permission" = json!("schedules:read"))), tag = "schedules", params(Which),
    responses((status = 200, body = SchedulePage), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(control): State<Control>,
    Params(which): Params<Which>,
) -> Result<Json<SchedulePage>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    let limit = request::limit(which.limit)?;
    let status = which.status.as_deref().map(str::parse::<Status>).transpose();
    let filter = ScheduleFilter {
        status: status.map_err(|error| request::invalid(&error.to_string()))?,
        after: which.cursor,
    };
    let found = schedules.list(&filter, limit).await.map_err(problem)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.name().to_owned());
    Ok(Json(SchedulePage {
        schedules: found.into_iter().map(ScheduleView::from).collect(),
        next_cursor: next,
    }))
}

/// Makes a schedule; it runs from now on. The same one again is no conflict.
#[utoipa::path(post, path = "/api/v1/schedules",
    extensions(("x-permission" = json!("schedules:write"))), tag = "schedules", request_body = ScheduleDefinition,
    responses((status = 201, body = ScheduleView), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "another one has the name")))]
pub(crate) async fn create(
    State(control): State<Control>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<ScheduleView>), Problem> {
    let schedules = control.jobs.open()?.schedules;
    let definition: Definition = request::body(&bytes)?;
    let schedule = schedules.create(definition).await.map_err(problem)?;
    tracing::info!(schedule = schedule.name(), "schedule made");
    Ok((StatusCode::CREATED, Json(schedule.into())))
}

/// A schedule as it stands.
#[utoipa::path(get, path = "/api/v1/schedules/{name}",
    extensions(("x-permission" = json!("schedules:read"))), tag = "schedules",
    params(("name" = String, Path, example = "nightly-report")),
    responses((status = 200, body = ScheduleView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<ScheduleView>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    Ok(Json(schedules.get(&name).await.map_err(problem)?.into()))
}

/// Makes a schedule something else. What it has run so far stays.
#[utoipa::path(put, path = "/api/v1/schedules/{name}",
    extensions(("x-permission" = json!("schedules:write"))), tag = "schedules", request_body = ScheduleDefinition,
    params(("name" = String, Path, example = "nightly-report"), OnVersion),
    responses((status = 200, body = ScheduleView), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn change(
    State(control): State<Control>,
    Path(name): Path<String>,
    Params(on): Params<OnVersion>,
    bytes: Bytes,
) -> Result<Json<ScheduleView>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    let definition: Definition = request::body(&bytes)?;
    if definition.name != name {
        return Err(request::invalid("name: is another one than in the path"));
    }
    let schedule = schedules.change(definition, on.version).await.map_err(problem)?;
    tracing::info!(schedule = schedule.name(), version = schedule.version, "schedule changed");
    Ok(Json(schedule.into()))
}

/// Removes a schedule and its history. Jobs that were made of it stay.
#[utoipa::path(delete, path = "/api/v1/schedules/{name}",
    extensions(("x-permission" = json!("schedules:write"))), tag = "schedules",
    params(("name" = String, Path, example = "nightly-report")),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "others wait for its runs")))]
pub(crate) async fn remove(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let schedules = control.jobs.open()?.schedules;
    schedules.remove(&name).await.map_err(problem)?;
    tracing::info!(schedule = name, "schedule removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Fires no more ticks until it is resumed; those in between are not made up for.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/pause",
    extensions(("x-permission" = json!("schedules:write"))), tag = "schedules", request_body = Because,
    params(("name" = String, Path, example = "nightly-report")),
    responses((status = 200, body = ScheduleView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn pause(
    State(control): State<Control>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<ScheduleView>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    let because: Because = request::maybe(&bytes)?;
    Ok(Json(schedules.pause(&name, because.reason.as_deref()).await.map_err(problem)?.into()))
}

/// Runs it again, from its first tick after now on; its failures are forgotten.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/resume",
    extensions(("x-permission" = json!("schedules:write"))), tag = "schedules",
    params(("name" = String, Path, example = "nightly-report")),
    responses((status = 200, body = ScheduleView), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn resume(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<ScheduleView>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    Ok(Json(schedules.resume(&name).await.map_err(problem)?.into()))
}

/// Switches it off: it cannot be run by hand either, until it is resumed.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/disable",
    extensions(("x-permission" = json!("schedules:write"))), tag = "schedules", request_body = Because,
    params(("name" = String, Path, example = "nightly-report")),
    responses((status = 200, body = ScheduleView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn disable(
    State(control): State<Control>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<ScheduleView>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    let because: Because = request::maybe(&bytes)?;
    Ok(Json(schedules.disable(&name, because.reason.as_deref()).await.map_err(problem)?.into()))
}

/// Runs it now, beside its ticks. Its overlap policy holds.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/trigger",
    extensions(("x-permission" = json!("schedules:write"))), tag = "schedules",
    params(("name" = String, Path, example = "nightly-report")),
    responses((status = 200, body = TriggerView), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "it is disabled")))]
pub(crate) async fn trigger(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<TriggerView>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    Ok(Json(schedules.trigger(&name).await.map_err(problem)?.into()))
}

/// What became of its ticks, newest first: missed and skipped ones too.
#[utoipa::path(get, path = "/api/v1/schedules/{name}/runs",
    extensions(("x-permission" = json!("schedules:read"))), tag = "schedules",
    params(("name" = String, Path, example = "nightly-report"), Page),
    responses((status = 200, body = Runs), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn runs(
    State(control): State<Control>,
    Path(name): Path<String>,
    Params(page): Params<Page>,
) -> Result<Json<Runs>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    let limit = request::limit(page.limit)?;
    let before = page.cursor.as_deref().map(|cursor| when("cursor", cursor)).transpose().map_err(problem)?;
    schedules.get(&name).await.map_err(problem)?;
    let found = schedules.runs(&name, before, limit).await.map_err(problem)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| moment(last.tick));
    Ok(Json(Runs { runs: found.into_iter().map(RunView::from).collect(), next_cursor: next }))
}

/// What happened to it, newest first; the last 100 things.
#[utoipa::path(get, path = "/api/v1/schedules/{name}/events",
    extensions(("x-permission" = json!("schedules:read"))), tag = "schedules",
    params(("name" = String, Path, example = "nightly-report")),
    responses((status = 200, body = Events), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn events(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<Events>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    schedules.get(&name).await.map_err(problem)?;
    let found = schedules.events(&name, 100).await.map_err(problem)?;
    Ok(Json(Events { events: found.into_iter().map(EventView::from).collect() }))
}

/// Says in words what a cron expression means, and when it fires next.
#[utoipa::path(post, path = "/api/v1/cron/explain",
    extensions(("x-permission" = json!("schedules:read"))), tag = "schedules", request_body = ExplainOrder,
    responses((status = 200, body = Explained), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn explain(bytes: Bytes) -> Result<Json<Explained>, Problem> {
    let order: ExplainOrder = request::body(&bytes)?;
    if order.count.is_some_and(|count| !(1..=100).contains(&count)) {
        return Err(request::invalid("count must be from 1 to 100"));
    }
    let timezone = order.timezone.as_deref().unwrap_or("UTC");
    let now = std::time::SystemTime::now().into();
    let explained = cron::explain(&order.expression, timezone, order.daylight, now, order.count.unwrap_or(5));
    let explained = explained.map_err(problem)?;
    let firing = |firing: cron::Firing| FiringView { utc: firing.utc, local: firing.local };
    Ok(Json(Explained {
        expression: explained.expression,
        timezone: explained.timezone,
        words: explained.words,
        daylight: explained.daylight,
        next: explained.next.into_iter().map(firing).collect(),
    }))
}

/// What the configuration declares against what there is.
#[utoipa::path(get, path = "/api/v1/schedule-drift",
    extensions(("x-permission" = json!("schedules:read"))), tag = "schedules", responses((status = 200, body = Difference)))]
pub(crate) async fn drift(State(control): State<Control>) -> Result<Json<Difference>, Problem> {
    let schedules = control.jobs.open()?.schedules;
    let found = schedules.compare(control.jobs.declared()).await.map_err(problem)?;
    Ok(Json(found.into()))
}
