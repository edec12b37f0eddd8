//! Dead letters: jobs that failed for good, what they died of, and their way back.

mod files;
mod redrives;
mod view;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use seaworthy_jobs::dead::{DeadFilter, GroupCursor, Parked, Pick, Replay};
use seaworthy_jobs::moment;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

pub(crate) use files::*;
pub(crate) use redrives::*;
use view::{DeadLetterView, GroupView};

use crate::jobs::problem;
use crate::request::{self, Params};
use crate::{Control, Problem};

/// The most groups on a page.
const MOST_GROUPS: usize = 100;

/// Which dead letters; all that are not parked unless said.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichLetters {
    queue: Option<String>,
    kind: Option<String>,
    /// The code of their last failure.
    code: Option<String>,
    /// The signature of their last failure.
    signature: Option<String>,
    /// That died at this time or later.
    since: Option<String>,
    /// That died before this time.
    until: Option<String>,
    /// `exclude` (unless said), `include` or `only`.
    parked: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1,000; 50 unless said.
    #[param(example = 50)]
    limit: Option<usize>,
}

/// A page of letters, newest job first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LetterPage {
    dead_letters: Vec<crate::jobs::JobView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A page of groups, the greatest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupPage {
    groups: Vec<GroupView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Other arguments.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditOrder {
    #[schema(value_type = Object)]
    payload: Value,
    /// Who changes them: kept with what they were.
    #[schema(example = "ann")]
    editor: String,
}

/// How a letter is brought back.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReplayOrder {
    /// Into this queue rather than its own.
    queue: Option<String>,
    /// With a new idempotency key: what it did so far is to be done again.
    fresh_key: bool,
    /// Even where it is parked or was replayed too often.
    force: bool,
}

/// A sample to be brought back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SampleOrder {
    /// Which letters.
    filter: WhichLetters,
    /// At most so many, up to 1,000; 1 unless said.
    most: Option<usize>,
    /// `oldest` (unless said) or `random`.
    pick: Option<String>,
    /// How.
    how: ReplayOrder,
}

/// What became of a sample.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sampled {
    /// Those that may run again.
    back: Vec<i64>,
    /// Those that stay.
    refused: Vec<Stays>,
}

/// A letter that stays.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stays {
    id: i64,
    /// Why.
    reason: String,
}

/// Why letters are kept apart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParkOrder {
    #[schema(example = "waits for the supplier's answer")]
    reason: String,
    /// Which, where it is for many.
    #[serde(default)]
    filter: Option<WhichLetters>,
}

/// What is to be removed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurgeOrder {
    /// Which: must be said, `{}` for all that are not parked.
    filter: WhichLetters,
}

/// How many letters it was done to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Count {
    count: u64,
}

impl WhichLetters {
    pub(super) fn filter(&self) -> Result<DeadFilter, Problem> {
        let time = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => moment::parse(text).map(Some).ok_or_else(|| {
                request::invalid(&format!("{name}: is not a moment such as 2026-11-21T02:30:00Z"))
            }),
        };
        Ok(DeadFilter {
            queue: self.queue.clone(),
            kind: self.kind.clone(),
            code: self.code.clone(),
            signature: self.signature.clone(),
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            parked: match self.parked.as_deref() {
                None | Some("exclude") => Parked::Exclude,
                Some("include") => Parked::Include,
                Some("only") => Parked::Only,
                Some(_) => return Err(request::invalid("parked is one of exclude, include, only")),
            },
        })
    }

    /// Of orders: pages are for looking.
    fn whole(&self) -> Result<DeadFilter, Problem> {
        if self.cursor.is_some() || self.limit.is_some() {
            return Err(request::invalid("filter: cursor and limit are for lists"));
        }
        self.filter()
    }
}

impl From<ReplayOrder> for Replay {
    fn from(order: ReplayOrder) -> Self {
        Self { queue: order.queue, fresh_key: order.fresh_key, force: order.force }
    }
}

/// A page of letters, newest job first, without their arguments.
#[utoipa::path(get, path = "/api/v1/dead-letters",
    extensions(("x-permission" = json!("dead_letters:read"))), tag = "dead letters", params(WhichLetters),
    responses((status = 200, body = LetterPage), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(control): State<Control>,
    Params(which): Params<WhichLetters>,
) -> Result<Json<LetterPage>, Problem> {
    let dead = control.jobs.open()?.dead;
    let limit = request::limit(which.limit)?;
    let before = which.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| request::invalid("this cursor is none of ours"))?;
    let found = dead.list(&which.filter()?, before, limit).await.map_err(problem)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    let dead_letters = found.into_iter().map(crate::jobs::JobView::short).collect();
    Ok(Json(LetterPage { dead_letters, next_cursor: next }))
}

/// Letters by what they died of, the greatest group first.
#[utoipa::path(get, path = "/api/v1/dead-letters/groups",
    extensions(("x-permission" = json!("dead_letters:read"))), tag = "dead letters", params(WhichLetters),
    responses((status = 200, body = GroupPage), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn groups(
    State(control): State<Control>,
    Params(which): Params<WhichLetters>,
) -> Result<Json<GroupPage>, Problem> {
    let dead = control.jobs.open()?.dead;
    let limit = request::limit(which.limit)?.min(MOST_GROUPS);
    let after = which.cursor.as_deref().map(|cursor| {
        let (count, signature) = cursor.split_once(':')?;
        Some(GroupCursor { count: count.parse().ok()?, signature: signature.to_owned() })
    });
    let after = match after {
        Some(None) => return Err(request::invalid("this cursor is none of ours")),
        after => after.flatten(),
    };
    let found = dead.groups(&which.filter()?, after.as_ref(), limit).await.map_err(problem)?;
    let next = found
        .last()
        .filter(|_| found.len() == limit)
        .map(|last| format!("{}:{}", last.count, last.signature));
    Ok(Json(GroupPage { groups: found.into_iter().map(GroupView::from).collect(), next_cursor: next }))
}

/// A letter with its arguments, its history, what it said and how it was changed.
#[utoipa::path(get, path = "/api/v1/dead-letters/{id}",
    extensions(("x-permission" = json!("dead_letters:read"))), tag = "dead letters", params(("id" = i64, Path, example = 1001)),
    responses((status = 200, body = DeadLetterView), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "the job is no dead letter")))]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<DeadLetterView>, Problem> {
    let dead = control.jobs.open()?.dead;
    Ok(Json(dead.inspect(request::id(&id)?).await.map_err(problem)?.into()))
}

/// Gives a letter other arguments. Who did, and what they were, is kept.
#[utoipa::path(put, path = "/api/v1/dead-letters/{id}/payload",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", request_body = EditOrder,
    params(("id" = i64, Path, example = 1001)),
    responses((status = 200, body = DeadLetterView), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn edit(
    State(control): State<Control>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<DeadLetterView>, Problem> {
    let dead = control.jobs.open()?.dead;
    let (id, order) = (request::id(&id)?, request::body::<EditOrder>(&bytes)?);
    dead.edit(id, order.payload.to_string(), &order.editor).await.map_err(problem)?;
    tracing::info!(job = id, editor = order.editor, "dead letter edited");
    Ok(Json(dead.inspect(id).await.map_err(problem)?.into()))
}

/// Brings a letter back: it is the same job with all its policies, and its attempts begin anew.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/replay",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", request_body = ReplayOrder,
    params(("id" = i64, Path, example = 1001)),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn replay(
    State(control): State<Control>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<StatusCode, Problem> {
    let dead = control.jobs.open()?.dead;
    let (id, how) = (request::id(&id)?, request::maybe::<ReplayOrder>(&bytes)?);
    dead.replay(id, &how.into()).await.map_err(problem)?;
    tracing::info!(job = id, "dead letter replayed");
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a sample back, to see how it fares.
#[utoipa::path(post, path = "/api/v1/dead-letters/replay",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", request_body = SampleOrder,
    responses((status = 200, body = Sampled), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn sample(State(control): State<Control>, bytes: Bytes) -> Result<Json<Sampled>, Problem> {
    let dead = control.jobs.open()?.dead;
    let order: SampleOrder = request::body(&bytes)?;
    let pick = match order.pick.as_deref() {
        None | Some("oldest") => Pick::Oldest,
        Some("random") => Pick::Random,
        Some(_) => return Err(request::invalid("pick is one of oldest, random")),
    };
    let most = request::limit(Some(order.most.unwrap_or(1)))?;
    let done =
        dead.replay_sample(&order.filter.whole()?, most, pick, &order.how.into()).await.map_err(problem)?;
    tracing::info!(back = done.back.len(), refused = done.refused.len(), "dead letters replayed");
    let refused = done.refused.into_iter().map(|(id, reason)| Stays { id, reason }).collect();
    Ok(Json(Sampled { back: done.back, refused }))
}

/// Keeps a letter apart: it is neither replayed in samples nor redriven, and is kept longer.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/park",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", request_body = ParkOrder,
    params(("id" = i64, Path, example = 1001)),
    responses((status = 204), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn park(
    State(control): State<Control>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<StatusCode, Problem> {
    let dead = control.jobs.open()?.dead;
    let order: ParkOrder = request::body(&bytes)?;
    if order.filter.is_some() {
        return Err(request::invalid("filter: the path names one letter"));
    }
    dead.park(request::id(&id)?, &order.reason).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps all letters of a filter apart.
#[utoipa::path(post, path = "/api/v1/dead-letters/park",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", request_body = ParkOrder,
    responses((status = 200, body = Count), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn park_all(State(control): State<Control>, bytes: Bytes) -> Result<Json<Count>, Problem> {
    let dead = control.jobs.open()?.dead;
    let order: ParkOrder = request::body(&bytes)?;
    let Some(filter) = order.filter else { return Err(request::invalid("filter: must be said")) };
    let count = dead.park_all(&filter.whole()?, &order.reason).await.map_err(problem)?;
    tracing::info!(count, "dead letters parked");
    Ok(Json(Count { count }))
}

/// Puts a letter back among the others.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/unpark",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters",
    params(("id" = i64, Path, example = 1001)),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn unpark(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let dead = control.jobs.open()?.dead;
    dead.unpark(request::id(&id)?).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the letters of a filter with their history, for good.
#[utoipa::path(post, path = "/api/v1/dead-letters/purge",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", request_body = PurgeOrder,
    responses((status = 200, body = Count), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn purge(State(control): State<Control>, bytes: Bytes) -> Result<Json<Count>, Problem> {
    let dead = control.jobs.open()?.dead;
    let order: PurgeOrder = request::body(&bytes)?;
    let count = dead.purge(&order.filter.whole()?).await.map_err(problem)?;
    tracing::info!(count, "dead letters purged");
    Ok(Json(Count { count }))
}
