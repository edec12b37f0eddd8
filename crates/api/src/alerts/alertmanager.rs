//! What Prometheus and amtool speak: the part of Alertmanager's API, version 2, that they need.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use seaworthy_alerts::alertmanager::{GettableSilence, PostableSilence, parse};
use seaworthy_alerts::labels::{LabelSet, Matchers};
use seaworthy_identity::Actor;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{matchers, now, open, problem, silences};
use crate::request::Params;
use crate::{Control, Problem, request};

/// The most alerts in one answer.
const MOST: usize = 10_000;

/// Parameters as they come: some come several times.
type Pairs = Params<Vec<(String, String)>>;

/// Of a silence that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SilenceId {
    #[serde(rename = "silenceID")]
    silence_id: String,
}

fn shown<T: Serialize>(value: &T) -> Result<Json<Value>, Problem> {
    let wrong =
        |_| Problem::new(seaworthy_core::ErrorCode::Internal, "internal", "it cannot be written as JSON");
    serde_json::to_value(value).map(Json).map_err(wrong)
}

fn filters(pairs: &[(String, String)]) -> Result<Matchers, Problem> {
    let texts = pairs.iter().filter(|(name, _)| name == "filter").map(|(_, text)| text);
    let all: Result<Vec<_>, _> = texts.map(|text| matchers(text)).collect();
    Matchers::new(all?.into_iter().flatten().collect()).map_err(problem)
}

/// Whether a kind of alerts is wanted: it is unless said.
fn wants(pairs: &[(String, String)], name: &str) -> Result<bool, Problem> {
    match pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()) {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(request::invalid(&format!("{name}: true or false"))),
    }
}

/// Takes alerts of a Prometheus, or of any other sender that speaks to an Alertmanager. All or none are taken.
#[utoipa::path(post, path = "/api/v2/alerts",
    extensions(("x-permission" = json!("alerts:create"))), tag = "alertmanager", request_body = Vec<Object>,
    responses((status = 200), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn receive(State(control): State<Control>, bytes: Bytes) -> Result<(), Problem> {
    let alerts = open(&control)?;
    let posted = parse(&bytes).map_err(problem)?;
    alerts.receive(posted).await;
    Ok(())
}

/// Alerts that are firing, as Alertmanager shows them.
#[utoipa::path(get, path = "/api/v2/alerts",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alertmanager",
    params(("filter" = Option<String>, Query, description = "a matcher; may come several times"),
        ("active" = Option<bool>, Query), ("silenced" = Option<bool>, Query), ("inhibited" = Option<bool>, Query)),
    responses((status = 200, body = Vec<Object>)))]
pub(crate) async fn alerts(
    State(control): State<Control>,
    Params(pairs): Pairs,
) -> Result<Json<Value>, Problem> {
    let mut found = open(&control)?.alertmanager_alerts(&filters(&pairs)?, MOST);
    let (active, silenced) = (wants(&pairs, "active")?, wants(&pairs, "silenced")?);
    let inhibited = wants(&pairs, "inhibited")?;
    found.retain(|alert| {
        let status = &alert.status;
        (active || status.state != "active")
            && (silenced || status.silenced_by.is_empty())
            && (inhibited || status.inhibited_by.is_empty())
    });
    shown(&found)
}

/// Silences, as Alertmanager shows them.
#[utoipa::path(get, path = "/api/v2/silences",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alertmanager",
    params(("filter" = Option<String>, Query, description = "a matcher; may come several times")),
    responses((status = 200, body = Vec<Object>)))]
pub(crate) async fn list_silences(
    State(control): State<Control>,
    Params(pairs): Pairs,
) -> Result<Json<Value>, Problem> {
    let wanted = filters(&pairs)?;
    let mut found = open(&control)?.alertmanager_silences();
    // as Alertmanager has it: a filter is held against what the silence asks for
    found.retain(|silence| {
        let asked = silence.matchers.iter().map(|one| (one.name().to_owned(), one.value().to_owned()));
        wanted.match_all(&asked.collect::<LabelSet>())
    });
    shown(&found)
}

/// Makes a silence in the name of whoever calls.
#[utoipa::path(post, path = "/api/v2/silences",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alertmanager", request_body = Object,
    responses((status = 200, body = SilenceId), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create_silence(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    bytes: Bytes,
) -> Result<Json<SilenceId>, Problem> {
    let (alerts, order) = (open(&control)?, request::body::<PostableSilence>(&bytes)?);
    let mut new = order.into_new().map_err(problem)?;
    // who it is was shown by the credential, not by what is written
    new.created_by.clone_from(&actor.principal.name);
    Ok(Json(SilenceId { silence_id: alerts.silence(new).await.map_err(problem)? }))
}

/// A silence, as Alertmanager shows it.
#[utoipa::path(get, path = "/api/v2/silence/{id}",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alertmanager", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn silence(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    shown(&GettableSilence::new(&silences::found(open(&control)?, &id)?, now()))
}

/// Ends a silence now.
#[utoipa::path(delete, path = "/api/v2/silence/{id}",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alertmanager", params(("id" = String, Path)),
    responses((status = 200), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn expire_silence(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<(), Problem> {
    open(&control)?.expire_silence(&id).await.map_err(problem)
}

/// What this is. The configuration is not shown: it could hold secrets.
#[utoipa::path(get, path = "/api/v2/status",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alertmanager", responses((status = 200, body = Object)))]
pub(crate) async fn status(State(control): State<Control>) -> Result<Json<Value>, Problem> {
    shown(&open(&control)?.alertmanager_status())
}
