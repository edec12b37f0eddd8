//! Alerts: what is wrong, what people do about it, what was promised; and what tools for Alertmanager speak.

pub(crate) mod alertmanager;
pub(crate) mod objectives;
pub(crate) mod silences;
mod view;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use seaworthy_alerts::labels::{Matcher, Matchers};
use seaworthy_alerts::{AlertView as Found, Alerts, Error};
use seaworthy_core::{ErrorCode, duration};
use seaworthy_identity::Actor;
use seaworthy_store::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use utoipa::{IntoParams, ToSchema};

use crate::request::{self, Params};
use crate::{Control, Problem};
use view::{AlertView, GroupView};

/// Seconds after which an answer of "not now" suggests to come back.
const RETRY_AFTER: u32 = 2;
/// The longest list of matchers, in bytes.
const LONGEST_MATCHERS: usize = 4_096;

/// The door to alerts.
pub(crate) fn open(control: &Control) -> Result<&Alerts, Problem> {
    let off =
        || Problem::new(ErrorCode::NotFound, "alerts_off", "alerts are not looked after by this process");
    control.insight.alerts.as_ref().ok_or_else(off)
}

/// What a refusal of alerts is called.
pub(crate) fn problem(error: Error) -> Problem {
    let (code, detail) = (error.code(), error.to_string());
    match code {
        ErrorCode::Invalid => Problem::new(code, "invalid_argument", &detail),
        ErrorCode::NotFound => Problem::new(code, "no_such_object", &detail),
        ErrorCode::Conflict => Problem::new(code, "wrong_state", &detail),
        ErrorCode::Limited => Problem::new(code, "full", &detail),
        ErrorCode::Unavailable => Problem::new(code, "store_unavailable", &detail).retry_after(RETRY_AFTER),
        ErrorCode::Timeout => Problem::new(code, "store_timed_out", &detail).retry_after(RETRY_AFTER),
        _ => {
            tracing::error!(%error, "the store failed");
            Problem::new(ErrorCode::Internal, "store_failed", "the store failed; the log tells more")
        }
    }
}

/// Now, on the wall clock.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Conditions with commas between them, as in `service="shop",severity=~"critical|warning"`; braces around them are
/// taken too.
pub(crate) fn matchers(text: &str) -> Result<Vec<Matcher>, Problem> {
    if text.len() > LONGEST_MATCHERS {
        return Err(request::invalid("matchers: longer than 4096 bytes"));
    }
    let text = text.trim();
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let parts = split(inner).into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| Matcher::parse(part).map_err(problem)).collect()
}

/// At commas that stand in no quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// A moment given as such, or as a length from now on.
pub(crate) fn until(
    moment: Option<&str>,
    length: Option<&str>,
    from: Timestamp,
) -> Result<Timestamp, Problem> {
    match (moment, length) {
        (Some(text), None) => {
            let wrong = || request::invalid("a moment is written such as 2026-11-21T02:30:00Z");
            seaworthy_jobs::moment::parse(text).ok_or_else(wrong)
        }
        (None, Some(text)) => {
            let length: Duration =
                duration::parse(text).map_err(|error| request::invalid(&format!("duration: {error}")))?;
            Ok(from.plus(length))
        }
        _ => Err(request::invalid("give either a moment or a duration")),
    }
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichAlerts {
    /// `firing` or `resolved`. Both unless said.
    state: Option<String>,
    /// `info`, `warning` or `critical`. All unless said.
    severity: Option<String>,
    /// Conditions on labels with commas between them; `=`, `!=`, `=~`, `!~`.
    #[param(example = "seaworthy_service=\"shop\"")]
    matchers: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1,000; 50 unless said.
    limit: Option<usize>,
}

/// A page of alerts: firing ones first, then the latest first. Those that ended long ago are not among them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertPage {
    alerts: Vec<AlertView>,
    /// The next page's `cursor`; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What is said about an act.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remark {
    /// Why; up to 1,024 bytes are kept.
    #[serde(default)]
    comment: String,
}

/// A pause: either `until` or `duration`, up to 30 days.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnoozeOrder {
    #[schema(example = "2026-11-21T02:30:00Z")]
    until: Option<String>,
    #[schema(example = "2h")]
    duration: Option<String>,
    /// Why.
    #[serde(default)]
    comment: String,
}

/// Alerts that are told of together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Groups {
    groups: Vec<GroupView>,
}

/// The place of an alert in the order of lists.
type Place = (bool, std::cmp::Reverse<(i64, String)>);

fn place(found: &Found) -> Place {
    let alert = &found.alert;
    (!alert.is_firing(), std::cmp::Reverse((alert.starts_at.as_micros(), alert.id.clone())))
}

fn cursor(found: &Found) -> String {
    let (ended, std::cmp::Reverse((micros, id))) = place(found);
    format!("{}~{micros}~{id}", u8::from(ended))
}

fn read_cursor(text: &str) -> Result<Place, Problem> {
    let wrong = || request::invalid("cursor: it is not one of ours");
    let mut parts = text.splitn(3, '~');
    let mut next = || parts.next().ok_or_else(wrong);
    let ended = match next()? {
        "0" => false,
        "1" => true,
        _ => return Err(wrong()),
    };
    let micros = next()?.parse().map_err(|_| wrong())?;
    Ok((ended, std::cmp::Reverse((micros, next()?.to_owned()))))
}

/// What is wrong, and what was until lately.
#[utoipa::path(get, path = "/api/v1/alerts",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alerts", params(WhichAlerts),
    responses((status = 200, body = AlertPage), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(control): State<Control>,
    Params(which): Params<WhichAlerts>,
) -> Result<Json<AlertPage>, Problem> {
    let alerts = open(&control)?;
    let limit = request::limit(which.limit)?;
    let firing = match which.state.as_deref() {
        None => None,
        Some("firing") => Some(true),
        Some("resolved") => Some(false),
        Some(_) => return Err(request::invalid("state: firing or resolved")),
    };
    let severity = which.severity.as_deref();
    if severity.is_some_and(|word| !["info", "warning", "critical"].contains(&word)) {
        return Err(request::invalid("severity: info, warning or critical"));
    }
    let matchers =
        Matchers::new(matchers(which.matchers.as_deref().unwrap_or_default())?).map_err(problem)?;
    let after = which.cursor.as_deref().map(read_cursor).transpose()?;
    let wanted = |found: &Found| {
        firing.is_none_or(|firing| firing == found.alert.is_firing())
            && severity.is_none_or(|word| word == found.alert.severity().word())
            && after.as_ref().is_none_or(|after| place(found) > *after)
    };
    let mut found: Vec<Found> = alerts.list(&matchers, usize::MAX).into_iter().filter(wanted).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = if more { found.last().map(cursor) } else { None };
    Ok(Json(AlertPage {
        alerts: found.into_iter().map(|found| AlertView::new(found, false)).collect(),
        next_cursor,
    }))
}

/// An alert with all that happened to it.
#[utoipa::path(get, path = "/api/v1/alerts/{id}",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = AlertView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<AlertView>, Problem> {
    shown(open(&control)?, &id)
}

/// As it stands, with whoever is told of it.
fn shown(alerts: &Alerts, id: &str) -> Result<Json<AlertView>, Problem> {
    let alert = alerts.get(id).map_err(problem)?;
    let same = alert.labels.iter().take(32).map(|(name, value)| {
        Matcher::new(name.clone(), seaworthy_telemetry::history::Match::Equal, value.clone())
    });
    let same = same.collect::<Result<Vec<_>, _>>().and_then(Matchers::new).map_err(problem)?;
    let found = alerts.list(&same, usize::MAX).into_iter().find(|found| found.alert.id == id);
    let found = found.unwrap_or_else(|| Found { alert, held: None, receivers: Vec::new() });
    Ok(Json(AlertView::new(found, true)))
}

/// Somebody looks after an alert: no repetitions and no escalation until it is over.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledge",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alerts", request_body = Remark,
    params(("id" = String, Path)), responses((status = 200, body = AlertView),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn acknowledge(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<AlertView>, Problem> {
    let (alerts, remark) = (open(&control)?, request::maybe::<Remark>(&bytes)?);
    alerts.acknowledge(&id, &actor.principal.name, &remark.comment).await.map_err(problem)?;
    shown(alerts, &id)
}

/// Nobody looks after an alert any more: it is told of again.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/unacknowledge",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alerts", request_body = Remark,
    params(("id" = String, Path)), responses((status = 200, body = AlertView),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn unacknowledge(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<AlertView>, Problem> {
    let (alerts, remark) = (open(&control)?, request::maybe::<Remark>(&bytes)?);
    alerts.unacknowledge(&id, &actor.principal.name, &remark.comment).await.map_err(problem)?;
    shown(alerts, &id)
}

/// An alert is not told of for a while.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/snooze",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alerts", request_body = SnoozeOrder,
    params(("id" = String, Path)), responses((status = 200, body = AlertView),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn snooze(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<AlertView>, Problem> {
    let (alerts, order) = (open(&control)?, request::body::<SnoozeOrder>(&bytes)?);
    let until = until(order.until.as_deref(), order.duration.as_deref(), now())?;
    alerts.snooze(&id, &actor.principal.name, until, &order.comment).await.map_err(problem)?;
    shown(alerts, &id)
}

/// Somebody says that an alert is over. If it is still wrong after a while it opens again.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/resolve",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alerts", request_body = Remark,
    params(("id" = String, Path)), responses((status = 200, body = AlertView),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn resolve(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<AlertView>, Problem> {
    let (alerts, remark) = (open(&control)?, request::maybe::<Remark>(&bytes)?);
    alerts.resolve(&id, &actor.principal.name, &remark.comment).await.map_err(problem)?;
    shown(alerts, &id)
}

/// Somebody takes back that an alert is over: it is told of again. One that ended by itself comes back by itself.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/reopen",
    extensions(("x-permission" = json!("alerts:write"))), tag = "alerts", request_body = Remark,
    params(("id" = String, Path)), responses((status = 200, body = AlertView),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn reopen(
    State(control): State<Control>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<AlertView>, Problem> {
    let (alerts, remark) = (open(&control)?, request::maybe::<Remark>(&bytes)?);
    alerts.reopen(&id, &actor.principal.name, &remark.comment).await.map_err(problem)?;
    shown(alerts, &id)
}

/// Alerts that are told of together, and when next.
#[utoipa::path(get, path = "/api/v1/alert-groups",
    extensions(("x-permission" = json!("alerts:read"))), tag = "alerts", responses((status = 200, body = Groups)))]
pub(crate) async fn groups(State(control): State<Control>) -> Result<Json<Groups>, Problem> {
    let groups = open(&control)?.groups();
    Ok(Json(Groups { groups: groups.into_iter().map(GroupView::from).collect() }))
}

#[cfg(test)]
mod tests;
