//! Many letters on their way back, so many per time.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use seaworthy_core::duration;
use seaworthy_jobs::Rate;
use seaworthy_jobs::dead::{NewRedrive, Redrive, RedriveState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::WhichLetters;
use crate::jobs::{moment, problem};
use crate::queues::RateView;
use crate::request::{self, Params};
use crate::schedules::Page;
use crate::{Control, Problem};

/// What is to be brought back, and how fast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedriveOrder {
    /// Of the letters that are dead when it begins; all that are not parked unless said.
    #[serde(default)]
    filter: WhichLetters,
    rate: RateView,
    /// At most so many.
    #[serde(default)]
    most: Option<u64>,
    /// Into this queue rather than the one each was in.
    #[serde(default)]
    queue: Option<String>,
    /// With new idempotency keys.
    #[serde(default)]
    fresh_key: bool,
    /// Who wants it.
    #[schema(example = "ann")]
    asked_by: String,
}

/// A redrive as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedriveView {
    id: i64,
    /// `running`, `paused`, `cancelled` or `done`.
    state: &'static str,
    /// Letters of its filter when it began.
    matched: u64,
    /// Brought back.
    moved: u64,
    /// Left: their unique key is taken, or they were replayed too often.
    refused: u64,
    rate: RateView,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    asked_by: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
}

/// A page of redrives, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Redrives {
    redrives: Vec<RedriveView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<Redrive> for RedriveView {
    fn from(redrive: Redrive) -> Self {
        Self {
            id: redrive.id,
            state: redrive.state.as_str(),
            matched: redrive.matched,
            moved: redrive.moved,
            refused: redrive.refused,
            rate: RateView::from(redrive.what.rate),
            queue: redrive.what.queue,
            asked_by: redrive.what.asked_by,
            created_at: moment(redrive.created_at),
            finished_at: redrive.finished_at.map(moment),
        }
    }
}

/// Begins to bring letters back, so many per time. It goes on through restarts.
#[utoipa::path(post, path = "/api/v1/dead-letters/redrives",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", request_body = RedriveOrder,
    responses((status = 201, body = RedriveView), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn redrive(
    State(control): State<Control>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<RedriveView>), Problem> {
    let dead = control.jobs.open()?.dead;
    let order: RedriveOrder = request::body(&bytes)?;
    let period =
        duration::parse(&order.rate.per).map_err(|error| request::invalid(&format!("rate.per: {error}")))?;
    let new = NewRedrive {
        filter: order.filter.whole()?,
        rate: Rate { count: order.rate.starts, period, burst: order.rate.burst },
        most: order.most,
        queue: order.queue,
        fresh_key: order.fresh_key,
        asked_by: order.asked_by,
    };
    let id = dead.redrive(new).await.map_err(problem)?;
    tracing::info!(redrive = id, "redrive begun");
    Ok((StatusCode::CREATED, Json(dead.redrive_status(id).await.map_err(problem)?.into())))
}

/// A page of redrives, newest first.
#[utoipa::path(get, path = "/api/v1/dead-letters/redrives",
    extensions(("x-permission" = json!("dead_letters:read"))), tag = "dead letters", params(Page),
    responses((status = 200, body = Redrives)))]
pub(crate) async fn redrives(
    State(control): State<Control>,
    Params(page): Params<Page>,
) -> Result<Json<Redrives>, Problem> {
    let dead = control.jobs.open()?.dead;
    let limit = request::limit(page.limit)?;
    let before = page.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| request::invalid("this cursor is none of ours"))?;
    let found = dead.redrives(before, limit).await.map_err(problem)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    Ok(Json(Redrives { redrives: found.into_iter().map(RedriveView::from).collect(), next_cursor: next }))
}

/// How a redrive stands.
#[utoipa::path(get, path = "/api/v1/dead-letters/redrives/{id}",
    extensions(("x-permission" = json!("dead_letters:read"))), tag = "dead letters", params(("id" = i64, Path, example = 1)),
    responses((status = 200, body = RedriveView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn redrive_status(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<RedriveView>, Problem> {
    let dead = control.jobs.open()?.dead;
    Ok(Json(dead.redrive_status(request::id(&id)?).await.map_err(problem)?.into()))
}

/// Lets a redrive rest (`pause`), go on (`resume`), or ends it (`cancel`). What it has brought back stays back.
#[utoipa::path(post, path = "/api/v1/dead-letters/redrives/{id}/{order}",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters",
    params(("id" = i64, Path, example = 1), ("order" = String, Path, description = "`pause`, `resume` or `cancel`", example = "pause")),
    responses((status = 200, body = RedriveView), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "it has ended")))]
pub(crate) async fn switch_redrive(
    State(control): State<Control>,
    Path((id, order)): Path<(String, String)>,
) -> Result<Json<RedriveView>, Problem> {
    let dead = control.jobs.open()?.dead;
    let to = match order.as_str() {
        "pause" => RedriveState::Paused,
        "resume" => RedriveState::Running,
        "cancel" => RedriveState::Cancelled,
        _ => return Err(crate::problem::not_found().await),
    };
    Ok(Json(dead.switch_redrive(request::id(&id)?, to).await.map_err(problem)?.into()))
}
