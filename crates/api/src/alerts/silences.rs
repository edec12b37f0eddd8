//! Silences: alerts that are not told of for a while.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use seaworthy_alerts::labels::Matchers;
use seaworthy_alerts::silence::{NewSilence, Silence};
use seaworthy_identity::Actor;
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{now, open, problem, until};
use crate::jobs::moment;
use crate::{Control, Problem, request};

/// All silences.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SilenceList {
    silences: Vec<SilenceView>,
}

/// A silence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SilenceView {
    id: String,
    /// `pending`, `active` or `expired`.
    state: &'static str,
    /// Which alerts: all of these hold.
    #[schema(example = json!(["seaworthy_service=\"shop\""]))]
    matchers: Vec<String>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
    updated_at: String,
}

/// A silence that is wanted: until when is said by either `ends_at` or `duration`, up to 30 days.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SilenceOrder {
    /// Changes this one, which is not over, instead of making one.
    id: Option<String>,
    /// Which alerts: all have to hold, and one at least asks for a label.
    #[schema(example = json!(["seaworthy_service=\"shop\"", "severity=~\"warning|info\""]))]
    matchers: Vec<String>,
    /// From when on; from now on unless said.
    starts_at: Option<String>,
    ends_at: Option<String>,
    /// How long, from its start on.
    #[schema(example = "2h")]
    duration: Option<String>,
    /// Why.
    comment: String,
}

impl SilenceView {
    fn new(silence: Silence, at: Timestamp) -> Self {
        Self {
            state: silence.state(at),
            id: silence.id,
            matchers: silence.matchers.iter().map(ToString::to_string).collect(),
            starts_at: moment(silence.starts_at),
            ends_at: moment(silence.ends_at),
            created_by: silence.created_by,
            comment: silence.comment,
            updated_at: moment(silence.updated_at),
        }
    }
}

/// Silences that hold, are to come, or ended within the last days; those that end last first.
#[utoipa::path(get, path = "/api/v1/silences",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alerts", responses((status = 200, body = SilenceList)))]
pub(crate) async fn list(State(control): State<Control>) -> Result<Json<SilenceList>, Problem> {
    let mut silences = open(&control)?.silences();
    silences.sort_by_key(|silence| std::cmp::Reverse(silence.ends_at));
    let at = now();
    Ok(Json(SilenceList {
        silences: silences.into_iter().map(|silence| SilenceView::new(silence, at)).collect(),
    }))
}

/// Makes a silence, or changes one. Its end is announced where it still holds an alert back.
#[utoipa::path(post, path = "/api/v1/silences",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alerts", request_body = SilenceOrder,
    responses((status = 201, body = SilenceView), (status = 200, body = SilenceView, description = "one was changed"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<SilenceView>), Problem> {
    let (alerts, order) = (open(&control)?, request::body::<SilenceOrder>(&bytes)?);
    let starts_at = match &order.starts_at {
        Some(text) => until(Some(text), None, now())?,
        None => now(),
    };
    let ends_at = until(order.ends_at.as_deref(), order.duration.as_deref(), starts_at)?;
    let status = if order.id.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let new = NewSilence {
        id: order.id,
        matchers: Matchers::parse(&order.matchers).map_err(problem)?,
        starts_at,
        ends_at,
        created_by: actor.principal.name.clone(),
        comment: order.comment,
    };
    let id = alerts.silence(new).await.map_err(problem)?;
    Ok((status, Json(SilenceView::new(found(alerts, &id)?, now()))))
}

/// Ends a silence now.
#[utoipa::path(delete, path = "/api/v1/silences/{id}",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = SilenceView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn expire(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<SilenceView>, Problem> {
    let alerts = open(&control)?;
    alerts.expire_silence(&id).await.map_err(problem)?;
    Ok(Json(SilenceView::new(found(alerts, &id)?, now())))
}

pub(super) fn found(alerts: &seaworthy_alerts::Alerts, id: &str) -> Result<Silence, Problem> {
    let gone =
        || Problem::new(seaworthy_core::ErrorCode::NotFound, "no_such_object", "there is no such silence");
    alerts.silences().into_iter().find(|silence| silence.id == id).ok_or_else(gone)
}
