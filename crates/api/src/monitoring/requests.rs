//! Single requests: what happened to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use seaworthy_core::{ErrorCode, RequestId, duration};
use seaworthy_telemetry::story::{Filter, Recorder, Story, Style};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{moment, when};
use crate::request::{self, Params};
use crate::{Control, Problem};

/// The most stories of one trace.
const MOST_OF_TRACE: usize = 100;

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichRequests {
    route: Option<String>,
    service: Option<String>,
    /// The hundred of the status: 5 is 500 to 599.
    class: Option<u16>,
    /// Failed ones only: from 500 on, or with a reason.
    #[serde(default)]
    failed: bool,
    /// Those that took at least so long.
    #[param(example = "100ms")]
    min: Option<String>,
    /// Those that began before: `next_before` of the page before.
    before: Option<String>,
    /// 1 to 1,000; 50 unless said.
    limit: Option<usize>,
}

/// The latest requests that are kept, newest first. Failed and slow ones are kept longer than others.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestPage {
    requests: Vec<RequestView>,
    /// The next page's `before`; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<String>,
}

/// A request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestView {
    /// The id that its client was told.
    request_id: String,
    trace_id: String,
    method: &'static str,
    /// Redacted and cut.
    path: String,
    route: String,
    service: String,
    status: u16,
    /// Why it failed, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    failed: bool,
    started_at: String,
    duration_ms: f64,
}

/// What happened to a request, or to all those of a trace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stories {
    requests: Vec<StoryView>,
}

/// A request with its phases and attempts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoryView {
    #[serde(flatten)]
    request: RequestView,
    /// In the order in which they began.
    spans: Vec<SpanView>,
    /// Spans and attributes that found no room.
    left_out: u32,
    /// The same as lines for people.
    tree: String,
}

/// A phase, or an attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanView {
    #[schema(example = "attempt")]
    name: &'static str,
    /// The place among the spans of what it is a piece of; absent: of the request itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<usize>,
    /// After the request began.
    start_ms: f64,
    /// Absent where it had not ended when the request did.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    attributes: BTreeMap<&'static str, String>,
}

/// How the lines are drawn.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Drawing {
    /// Columns of the bars, 8 to 200; 30 unless said.
    width: Option<usize>,
    /// Plain ASCII.
    #[serde(default)]
    ascii: bool,
}

fn millis(length: Duration) -> f64 {
    length.as_secs_f64() * 1e3
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

impl RequestView {
    fn new(story: &Story) -> Self {
        Self {
            request_id: story.request_id.to_string(),
            trace_id: hex(story.trace_id),
            method: story.method,
            path: story.path.to_string(),
            route: story.route.to_string(),
            service: story.service.to_string(),
            status: story.status,
            reason: story.reason,
            failed: story.has_failed(),
            started_at: moment(story.started),
            duration_ms: millis(story.took),
        }
    }
}

impl StoryView {
    fn new(story: &Story, style: &Style) -> Self {
        let spans = story.parts().map(|(part, span)| SpanView {
            name: span.name,
            parent: span.parent.map(seaworthy_telemetry::story::Part::index),
            start_ms: millis(span.start),
            duration_ms: span.took.map(millis),
            error: span.error,
            attributes: story.attributes_of(part).map(|known| (known.key, known.value.to_string())).collect(),
        });
        Self {
            request: RequestView::new(story),
            spans: spans.collect(),
            left_out: story.left_out,
            tree: story.tree(style),
        }
    }
}

fn open(control: &Control) -> Result<&Recorder, Problem> {
    let off = || Problem::new(ErrorCode::NotFound, "requests_off", "this process keeps no requests");
    control.insight.stories.as_ref().ok_or_else(off)
}

/// The latest requests, newest first.
#[utoipa::path(get, path = "/api/v1/requests",
    extensions(("x-permission" = json!("requests:read"))), tag = "requests", params(WhichRequests),
    responses((status = 200, body = RequestPage), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(control): State<Control>,
    Params(which): Params<WhichRequests>,
) -> Result<Json<RequestPage>, Problem> {
    let stories = open(&control)?;
    let limit = request::limit(which.limit)?;
    if which.class.is_some_and(|class| !(1..=5).contains(&class)) {
        return Err(request::invalid("class: 1 to 5"));
    }
    let min = which.min.as_deref().map(duration::parse).transpose();
    let filter = Filter {
        route: which.route,
        service: which.service,
        class: which.class,
        failed: which.failed,
        min: min.map_err(|error| request::invalid(&format!("min: {error}")))?.unwrap_or_default(),
        before: which.before.as_deref().map(|text| when("before", text)).transpose()?,
    };
    let mut found = stories.latest(&filter, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_before = if more { found.last().map(|story| moment(story.started)) } else { None };
    let requests = found.iter().map(|story| RequestView::new(story)).collect();
    Ok(Json(RequestPage { requests, next_before }))
}

/// What happened to a request, by its id, or to the requests of a trace, by the trace's.
#[utoipa::path(get, path = "/api/v1/requests/{id}",
    extensions(("x-permission" = json!("requests:read"))), tag = "requests", params(("id" = String, Path), Drawing),
    responses((status = 200, body = Stories), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(id): Path<String>,
    Params(drawing): Params<Drawing>,
) -> Result<Json<Stories>, Problem> {
    let found = find(open(&control)?, &id);
    if found.is_empty() {
        let detail = "there is no such request, or it is not kept any more";
        return Err(Problem::new(ErrorCode::NotFound, "no_such_object", detail));
    }
    let style = Style { bar: drawing.width.unwrap_or(30).clamp(8, 200), ascii: drawing.ascii };
    let requests = found.iter().take(MOST_OF_TRACE).map(|story| StoryView::new(story, &style));
    Ok(Json(Stories { requests: requests.collect() }))
}

fn find(stories: &Recorder, id: &str) -> Vec<Arc<Story>> {
    let request = RequestId::accept(id.as_bytes()).and_then(|id| stories.by_request(&id));
    if let Some(story) = request {
        return vec![story];
    }
    let is_trace = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let trace = if is_trace { u128::from_str_radix(id, 16).ok() } else { None };
    trace.map(|trace| stories.by_trace(trace.to_be_bytes())).unwrap_or_default()
}
